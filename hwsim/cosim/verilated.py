"""Verilated modules called from Python on NumPy buffers: whole batches in one call, no VPI.

`TileLibrary` is one set of parameters of rtl/tile.v, built; `VerilatedTile` one model of it,
which is used by one thread at a time.  The analog array is answered by the model's own kernel
(`hwsim.cosim.analog`), everything else is the Verilog.
"""

import ctypes
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.cosim.analog import ArrayAnswer
from hwsim.cosim.build import Design, Waves, module_files, shared_library
from hwsim.cosim.parameters import (
    CODE_BITS,
    Register,
    address,
    derived_parameters,
    layer_registers,
    tile_parameters,
)
from hwsim.cosim.simulators import RTL
from hwsim.errors import HwsimError
from hwsim.peripherals.accumulator import SUM_BITS
from hwsim.peripherals.requantizer import Requantizer
from hwsim.tile.converter import converts_differences
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import mvm_interval_cycles, mvm_latency_cycles
from hwsim.tile.spec import Encoding

IntArray = NDArray[np.int64]
_MESSAGE_BYTES = 512
_FAILED = -1
#: Cycles per product after which a run is given up: pauses at every handshake fit many times.
_PATIENCE = 64


class CosimulationError(HwsimError):
    """The RTL does not do what the model says it does."""


class _TileJob(ctypes.Structure):
    _fields_ = (
        ("x", ctypes.c_void_p),
        ("partial", ctypes.c_void_p),
        ("y", ctypes.c_void_p),
        ("finished", ctypes.c_void_p),
        ("answer", ctypes.c_void_p),
        ("array", ctypes.c_void_p),
        ("lane_of_line", ctypes.c_void_p),
        ("lanes", ctypes.c_int64),
        ("vectors", ctypes.c_int64),
        ("first", ctypes.c_int64),
        ("phases", ctypes.c_int64),
        ("limit", ctypes.c_int64),
        ("pauses", ctypes.c_uint64),
    )


class _RequantizerJob(ctypes.Structure):
    _fields_ = (
        ("acc", ctypes.c_void_p),
        ("offset", ctypes.c_void_p),
        ("mantissa", ctypes.c_void_p),
        ("shift", ctypes.c_void_p),
        ("codes", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("channels", ctypes.c_int64),
        ("zero_point", ctypes.c_int64),
        ("low", ctypes.c_int64),
        ("high", ctypes.c_int64),
        ("pauses", ctypes.c_uint64),
    )


class _Model:
    """One model of a library; not for two threads at once."""

    def __init__(self, library: Path, waves: Path | None) -> None:
        self._code = _loaded(library)
        self._message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        path = None if waves is None else str(waves).encode()
        self._handle = self._code.hwsim_open(path, self._message, _MESSAGE_BYTES)
        if not self._handle:
            raise CosimulationError(f"RTL: {self._said()}")

    def close(self) -> None:
        """End the model; its waveforms are complete."""
        handle, self._handle = self._handle, None
        if handle:
            self._code.hwsim_close(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _start(self, job: ctypes.Structure) -> int:
        return int(
            self._code.hwsim_run(self._handle, ctypes.byref(job), self._message, _MESSAGE_BYTES)
        )

    def _said(self) -> str:
        return self._message.value.decode(errors="replace")


@cache
def _loaded(library: Path) -> Any:
    code = ctypes.CDLL(str(library))
    text = (ctypes.c_char_p, ctypes.c_int64)
    code.hwsim_open.argtypes = (ctypes.c_char_p, *text)
    code.hwsim_open.restype = ctypes.c_void_p
    code.hwsim_close.argtypes = (ctypes.c_void_p,)
    code.hwsim_close.restype = None
    code.hwsim_run.argtypes = (ctypes.c_void_p, ctypes.c_void_p, *text)
    code.hwsim_run.restype = ctypes.c_int64
    if hasattr(code, "hwsim_write"):
        code.hwsim_write.argtypes = (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int64, *text)
        code.hwsim_write.restype = ctypes.c_int64
        code.hwsim_read.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        code.hwsim_read.restype = ctypes.c_int64
    return code


@dataclass(frozen=True)
class TileRun:
    """One batch through a tile.

    sums: (vectors, OUTPUTS); finished: (vectors,) cycle in which each last result left;
    cycles: those in which the tile was busy with products, counted by its own register;
    clocks: cycles that were simulated.
    """

    sums: IntArray
    finished: IntArray
    cycles: int
    clocks: int


@final
class VerilatedTile(_Model):
    """One tile with its configuration registers."""

    def __init__(self, library: "TileLibrary", waves: Path | None = None) -> None:
        """A tile after reset; `waves` records every signal from here on."""
        super().__init__(library.path if waves is None else library.recording(waves), waves)
        self._shape = library.shape
        self._geometry = library.geometry

    def configure(
        self,
        geometry: Geometry,
        lsb_shift: int,
        *,
        chain: bool = False,
        flips: NDArray[np.bool_] | None = None,
        requantizer: Requantizer | None = None,
    ) -> None:
        """Write the registers; `geometry` has the parameters that the tile was built for.

        Further arguments as of `layer_registers`.
        """
        self._geometry = geometry
        registers = layer_registers(
            geometry, lsb_shift, chain=chain, flips=flips, requantizer=requantizer
        )
        for place, value in registers:
            self._write(place, value)

    def run(
        self,
        codes: NDArray[np.integer[Any]],
        array: ArrayAnswer,
        outputs: int,
        first: int = 0,
        partial: IntArray | None = None,
        pauses: int = 0,
    ) -> TileRun:
        """Products of a batch.

        Args:
            codes: (vectors, rows); inputs beyond `rows` are zero.
            array: what answers the digits; it holds `outputs` outputs.
            first: number of the first vector in the run.
            partial: (vectors, OUTPUTS) of the tile before, if the configuration chains.
            pauses: seed of random gaps and stalls at every handshake; 0: none.
        Raises:
            CosimulationError: the tile breaks its protocol or does not end.
        """
        geometry, shape = self._geometry, self._shape
        vectors = codes.shape[0]
        x = packed_codes(codes, shape["INPUTS"], geometry.precision.input_bits)
        sums = np.empty((vectors, shape["OUTPUTS"]), np.int64)
        finished = np.empty(vectors, np.int64)
        lane = lane_of_line(shape, outputs)
        added = None if partial is None else np.ascontiguousarray(partial)
        slowest = max(mvm_interval_cycles(geometry), shape["OUTPUTS"]) + 1000
        self._write(address(geometry, Register.CYCLES), 0)
        clocks = self._start(
            _TileJob(
                x=x.ctypes.data,
                partial=None if added is None else added.ctypes.data,
                y=sums.ctypes.data,
                finished=finished.ctypes.data,
                answer=array.function,
                array=array.record,
                lane_of_line=lane.ctypes.data,
                lanes=array.samples,
                vectors=vectors,
                first=first,
                phases=geometry.phases.count,
                limit=_PATIENCE * (vectors + 1) * slowest,
                pauses=pauses,
            )
        )
        if clocks == _FAILED:
            raise CosimulationError(f"RTL: tile: {self._said()}")
        return TileRun(sums, finished, self.read(address(geometry, Register.CYCLES)), clocks)

    def read(self, place: int) -> int:
        """The register at an address, signed."""
        return int(self._code.hwsim_read(self._handle, place))

    def _write(self, place: int, value: int) -> None:
        done = self._code.hwsim_write(self._handle, place, value, self._message, _MESSAGE_BYTES)
        if done == _FAILED:
            raise CosimulationError(f"RTL: tile: {self._said()}")


@final
class TileLibrary:
    """One set of parameters of the tile, built, and models of it to borrow.

    Attributes:
        geometry: one that it was built for.
        shape: its derived parameters (`derived_parameters`), by name.
    """

    def __init__(self, geometry: Geometry, rtl: Path = RTL) -> None:
        """Build the tile or take it from the cache.

        Args:
            rtl: folder of the Verilog.
        Raises:
            MappingError: the RTL is not built for this geometry.
            MissingSimulator, BuildError: it cannot be built.
        """
        self.geometry = geometry
        self._parameters = tile_parameters(geometry)
        self.shape = derived_parameters(geometry)
        self._rtl = rtl
        self.path = shared_library(self._design(None))
        self._idle: list[VerilatedTile] = []
        self._lock = threading.Lock()

    @contextmanager
    def tile(self) -> Iterator[VerilatedTile]:
        """A model for this thread alone; made if none is idle."""
        with self._lock:
            tile = self._idle.pop() if self._idle else None
        tile = tile or VerilatedTile(self)
        yield tile
        # Not after an exception: its state is unknown.
        with self._lock:
            self._idle.append(tile)

    @property
    def modules(self) -> set[str]:
        """The modules that the tile is made of with these parameters."""
        left_out = {"sar_adc" if self._parameters["ADC_FLASH"] else "flash_adc"}
        if self.geometry.tile.encoding is not Encoding.OFFSET:
            left_out.add("input_sum")
        return {path.stem for path in module_files("tile", self._rtl)} - left_out

    def recording(self, waves: Path) -> Path:
        """The same configuration, built with waveforms of the format of `waves`."""
        return shared_library(self._design(Waves.of(waves)))

    def _design(self, waves: Waves | None) -> Design:
        signed = {"CODE_SIGNED": int(converts_differences(self.geometry))}
        constants: Mapping[str, int] = {**self._parameters, **self.shape, **signed}
        return Design("tile", self._parameters, constants, waves, self._rtl)


_LIBRARIES: dict[tuple[tuple[str, int], ...], TileLibrary] = {}
_LIBRARIES_LOCK = threading.Lock()


def tile_library(geometry: Geometry) -> TileLibrary:
    """The library for the parameters of `geometry`, one per process.

    Raises:
        As `TileLibrary`.
    """
    key = tuple(sorted(tile_parameters(geometry).items()))
    with _LIBRARIES_LOCK:
        if key not in _LIBRARIES:
            _LIBRARIES[key] = TileLibrary(geometry)
        return _LIBRARIES[key]


def scheduled_cycles(geometry: Geometry, products: int) -> int:
    """Cycles that the schedule gives for products in a row on one tile."""
    return mvm_latency_cycles(geometry) + (products - 1) * mvm_interval_cycles(geometry)


@final
class VerilatedRequantizer(_Model):
    """rtl/requantizer.v by itself."""

    def __init__(self, waves: Path | None = None) -> None:
        """Build it, or take it from the cache.

        Raises:
            MissingSimulator, BuildError: it cannot be built.
        """
        format = None if waves is None else Waves.of(waves)
        constants = {"SUM_W": SUM_BITS, "CODE_W": CODE_BITS}
        super().__init__(shared_library(Design("requantizer", {}, constants, format)), waves)

    def codes(self, built: Requantizer, acc: IntArray, pauses: int = 0) -> tuple[IntArray, int]:
        """Codes of accumulators and the cycles it took.

        Args:
            acc: (..., channels).
        Returns:
            the shape of `acc`.
        Raises:
            CosimulationError: codes are missing.
        """
        sums = np.ascontiguousarray(acc)
        channels = sums.shape[-1]
        codes = np.empty_like(sums)
        tables = [
            np.ascontiguousarray(np.broadcast_to(table, channels))
            for table in (built.offset, built.mantissa, built.shift)
        ]
        offset, mantissa, shift = (table.ctypes.data for table in tables)
        job = _RequantizerJob(
            acc=sums.ctypes.data,
            offset=offset,
            mantissa=mantissa,
            shift=shift,
            codes=codes.ctypes.data,
            count=sums.size,
            channels=channels,
            zero_point=built.zero_point,
            low=built.low,
            high=built.high,
            pauses=pauses,
        )
        clocks = self._start(job)
        if clocks == _FAILED:
            raise CosimulationError(f"RTL: requantizer: {self._said()}")
        return codes, clocks


def packed_codes(codes: NDArray[np.integer[Any]], inputs: int, bits: int) -> NDArray[np.uint32]:
    """(vectors, words) of the port x_i: input i in bits i*bits and on, two's complement."""
    low = (codes.astype(np.int64) & ((1 << bits) - 1)).astype(np.uint8)
    planes = np.zeros((codes.shape[0], inputs, bits), np.uint8)
    planes[:, : codes.shape[1]] = low[:, :, None] >> np.arange(bits, dtype=np.uint8) & 1
    flat = planes.reshape(codes.shape[0], inputs * bits)
    padded = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 32)))
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little")).view("<u4")


def lane_of_line(shape: Mapping[str, int], outputs: int) -> NDArray[np.int32]:
    """(LINES,) where the samples of an array with `outputs` outputs hold each line; -1: nowhere.

    Lines are numbered output by output, slice by slice, column of the pair by column; samples
    lie in the order (column of the pair, slice, output).
    """
    slices, converted = shape["SLICES"], shape["CONVERTED"]
    lanes = np.arange(converted * slices * outputs, dtype=np.int32)
    found = np.full(shape["LINES"], -1, np.int32)
    by_line = lanes.reshape(converted, slices, outputs).transpose(2, 1, 0)
    found[: lanes.size] = by_line.reshape(-1)
    return found
