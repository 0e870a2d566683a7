"""The RTL against the model, layer by layer, on a network and its data."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from codesign.cosim_record import cosim_result
from codesign.flow import network_name, prepare
from codesign.measure import by_stage
from codesign.report.provenance import sha256
from codesign.report.result import CosimResult, Result
from codesign.simulation import Progress, Simulation, silent
from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.cosim.verilated import CosimulationError
from hwsim.errors import MappingError, SpecError
from hwsim.peripherals.requantizer import Requantizer
from hwsim.spec import unknown
from mapping.codes import Requantize, requantize_exactly
from mapping.execute import LayerKernel, run
from mapping.execute_rtl import RtlBackend
from mapping.execute_tiles import TileBackend, calibrate
from mapping.plan import LayerPlan, Plan

#: Products whose waveforms are recorded.
WAVE_PRODUCTS = 4


@dataclass(frozen=True)
class Cosimulation:
    """What was run and what it showed."""

    network: str
    arch: str
    device: str  # "ideal" or the device's name
    seed: int
    result: CosimResult


def cosimulate(
    asked: Simulation,
    *,
    layer: str | None = None,
    ideal_device: bool = False,
    waves: Path | None = None,
    progress: Progress = silent,
) -> Cosimulation:
    """Run images on modelled tiles and on the RTL, and compare every product and code.

    Args:
        asked: network, data, architecture and number of images; of the devices one sample.
        layer: the only one whose products go through the RTL; None: all.
        ideal_device: leave out every disturbance of the cells.
        waves: record the first products of the first array that goes through the RTL here.
    Raises:
        HwsimError: a file is wrong, the network does not fit, or the RTL cannot be built.
    """
    case = prepare(asked, progress)
    names = _chosen(case.plan, layer)
    calibration = case.images.calibration
    watch = by_stage(progress, "converter ranges", len(calibration))
    shifts = calibrate(case.network, case.plan, case.arch, calibration, watch)
    tiles = TileBackend(
        case.network,
        case.plan,
        case.arch,
        shifts=shifts,
        ideal_device=ideal_device,
        seed=asked.seed,
        engine=asked.engine,
    )
    rtl = RtlBackend(tiles, case.plan, strict=False, layers=frozenset(names))
    compared = _Compared(tiles, rtl, case.plan, waves)
    test = case.images.test
    run(
        case.network,
        test.images,
        compared,
        chunk=1,
        progress=by_stage(progress, "RTL and model", len(test.labels)),
    )
    return Cosimulation(
        network=network_name(asked.network),
        arch=case.arch.name,
        device="ideal" if ideal_device else case.arch.device.name,
        seed=asked.seed,
        result=cosim_result([rtl], len(test.labels), compared.differences),
    )


def expect_same_run(before: Result, asked: Simulation) -> None:
    """Refuse to add a co-simulation to the result of another network, hardware or seed.

    Args:
        asked: with a preset's name or a file as its architecture.
    Raises:
        SpecError: one of them differs, or the file that it comes from does.
    """
    arch = asked.arch if isinstance(asked.arch, Arch) else load_arch(asked.arch)
    now = {"network": network_name(asked.network), "arch": arch.name, "seed": asked.seed}
    for key, value in now.items():
        known = getattr(before, key)
        if known is not None and known != value:
            raise SpecError(f"--out: {key}: expected {known!r} as in its result, found {value!r}")
    for key, file in (("network", asked.network), ("arch", asked.arch)):
        known = before.provenance.inputs.get(key)
        if isinstance(file, Arch) or not known or not Path(file).is_file():
            continue
        if sha256(Path(file)) != known:
            raise SpecError(f"--out: {key}: expected the file of its result, found another")


def _chosen(plan: Plan, layer: str | None) -> tuple[str, ...]:
    names = tuple(placed.name for placed in plan.layers)
    if layer is None:
        return names
    if layer not in names:
        raise MappingError(f"--layer: {unknown(layer, list(names))}")
    return (layer,)


class _Stage(Enum):
    """What is compared, by the axes of its arrays; in the order in which an image makes them."""

    SUMS = "product, group, output"
    CODES = "image, channel, place"


def _difference(found: NDArray[Any], expected: NDArray[Any], stage: _Stage, first: int) -> str:
    """The first difference in words, "" without one; `first` is the number of the first entry."""
    if np.array_equal(found, expected):
        return ""
    at = tuple(int(i) for i in np.argwhere(found != expected)[0])
    where = (first + at[0], *at[1:])
    return f"{stage.value} {where}: expected {expected[at]}, the RTL gives {found[at]}"


@final
class _Compared:
    """Both backends at once: the model's results go on, differences are kept."""

    def __init__(self, tiles: TileBackend, rtl: RtlBackend, plan: Plan, waves: Path | None) -> None:
        self._tiles, self._rtl, self._plan = tiles, rtl, plan
        self._lock = threading.Lock()
        self._found: dict[str, list[tuple[int, bool, str]]] = {name: [] for name in rtl.names}
        self._waves = waves

    @property
    def differences(self) -> dict[str, str]:
        """The first difference of each layer, "" where there is none."""
        return {name: min(found)[-1] if found else "" for name, found in self._found.items()}

    def layer(self, name: str) -> LayerKernel:
        model = self._tiles.layer(name)
        if name not in self._rtl.names:
            return model
        return _ComparedLayer(model, self._rtl.layer(name), self._watch(name))

    def requantizer(self, name: str) -> Requantize:
        if name not in self._rtl.names:
            return requantize_exactly
        by_rtl = self._rtl.requantizer(name)

        def both(built: Requantizer, acc: NDArray[np.int64], first_image: int) -> NDArray[np.int16]:
            expected = built.codes(acc)
            work = lambda: by_rtl(built, acc, first_image)  # noqa: E731
            self._compare(name, _Stage.CODES, first_image, work, expected)
            return expected

        return both

    def _watch(self, name: str) -> Callable[..., None]:
        def seen(
            codes: NDArray[np.int16], first: int, expected: NDArray[np.int64], rtl: LayerKernel
        ) -> None:
            self._record(name, codes, first)
            work = lambda: rtl(codes, first)  # noqa: E731
            self._compare(name, _Stage.SUMS, first, work, expected)

        return seen

    def _compare(
        self, name: str, stage: _Stage, first: int, work: Callable[[], NDArray[Any]], expected: Any
    ) -> None:
        """Note the first difference of one image; `first` is the number of what comes first."""
        try:
            text = _difference(work(), expected, stage, first)
        except CosimulationError as error:
            text = str(error)
        if text:
            sums = self._plan.layer(name).mvms_per_inference
            image = first // sums if stage is _Stage.SUMS else first
            with self._lock:
                self._found[name].append((image, stage is _Stage.CODES, text))

    def _record(self, name: str, codes: NDArray[np.int16], first: int) -> None:
        """Waveforms of the run's first products in the first layer, once."""
        if self._waves is None or first != 0 or name != self._rtl.names[0]:
            return
        placed: LayerPlan = self._plan.layer(name)
        some = codes[:WAVE_PRODUCTS, : placed.groups_per_array]
        flat = np.ascontiguousarray(some).reshape(some.shape[0], -1)
        self._rtl.matrices(name)[0].record(flat, first, self._waves)


@final
@dataclass(frozen=True)
class _ComparedLayer:
    """A layer of the model; `watch` sees its codes and sums."""

    model: LayerKernel
    rtl: LayerKernel
    watch: Callable[..., None]

    @property
    def copies(self) -> int:
        return self.model.copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        expected = self.model(codes, first_vector)
        self.watch(codes, first_vector, expected, self.rtl)
        return expected
