"""How often word lines are driven, estimated: exact products, pulses of a sample of vectors.

The exact count needs sum over vectors and inputs of pulses(code) * levels(word line), which is
linear in the pulses: their mean over a sample of vectors, input by input, times the number of
vectors.  Means per input and not per layer, because codes and levels go together along the
inputs (a channel that is often zero, a border).  The vectors are spread over images and
positions by the golden ratio, which no width of a feature map divides.

The exact network runs anyway, for the accuracy of its integers; the rest is one table look-up
per sampled code, instead of every phase and slice of every product.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.chip.spec import Arch
from hwsim.errors import DataError
from hwsim.tile.geometry import Digits
from mapping.drive import Drive
from mapping.execute import Backend, IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend
from mapping.network import QuantizedNetwork
from mapping.plan import Plan

#: Vectors sampled per layer: half a per cent where a vector's pulses vary by their own mean.
SAMPLE_VECTORS = 1 << 15
_GOLDEN = (5**0.5 - 1) / 2


@final
@dataclass(frozen=True)
class DriveEstimate:
    """What one layer's word lines see, and how well that is known."""

    drive: Drive
    vectors: int  # sampled, of all images
    relative_error: float  # one standard error of the level pulses; 0: every vector was counted


def estimate_drives(
    network: QuantizedNetwork,
    plan: Plan,
    arch: Arch,
    images: NDArray[np.float32],
    *,
    vectors: int = SAMPLE_VECTORS,
    progress: Callable[[int], None] | None = None,
) -> dict[str, DriveEstimate]:
    """What the word lines of every layer see when nothing is disturbed.

    Args:
        images: (images, *input shape).
        vectors: sampled per layer, about; all where a layer has no more.

    Raises:
        DataError: no vector was asked for.
    """
    if vectors < 1:
        raise DataError(f"vectors: expected at least 1 per layer, found {vectors}")
    tiles = TileBackend(network, plan, arch, ideal_device=True)
    counters = {
        layer.name: _Counter(
            layer.geometry(arch.tile).phases,
            tiles.layer(layer.name).row_levels(),
            min(1.0, vectors / (len(images) * layer.mvms_per_inference)),
        )
        for layer in plan.layers
    }
    run(network, images, _Watched(IdealBackend(network), counters), progress=progress)
    return {name: counter.estimate(len(images)) for name, counter in counters.items()}


def pulses_of_codes(codes: NDArray[np.int16], phases: Digits) -> NDArray[np.int64]:
    """Unit pulses of each code: the sum of its digits, the sign bit one of them."""
    bits = codes.astype(np.int64) & ((1 << phases.total_bits) - 1)
    rest = bits & ((1 << phases.magnitude_bits) - 1)
    pulses = (bits >> phases.magnitude_bits) if phases.signed else np.zeros_like(bits)
    for _ in range(0, phases.magnitude_bits, phases.bits):
        pulses = pulses + (rest & ((1 << phases.bits) - 1))
        rest = rest >> phases.bits
    return pulses


def swings_of_codes(codes: NDArray[np.int16], phases: Digits) -> NDArray[np.int64]:
    """Swings of each code's word line: its digits that are not 0, the sign bit one of them."""
    bits = codes.astype(np.int64) & ((1 << phases.total_bits) - 1)
    rest = bits & ((1 << phases.magnitude_bits) - 1)
    swings = (bits >> phases.magnitude_bits) if phases.signed else np.zeros_like(bits)
    for _ in range(0, phases.magnitude_bits, phases.bits):
        swings = swings + ((rest & ((1 << phases.bits) - 1)) != 0)
        rest = rest >> phases.bits
    return swings


@final
class _Counter:
    """Pulses and swings of the sampled vectors of one layer."""

    def __init__(self, phases: Digits, levels: NDArray[np.int64], share: float) -> None:
        every = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
        self._pulses_of = pulses_of_codes(every, phases).astype(np.uint8)
        self._swings_of = swings_of_codes(every, phases).astype(np.uint8)
        self._levels, self._share = levels, share
        self._pulses, self._swings = np.zeros((2, *levels.shape[1:]), np.int64)
        self._seen = self._picked = 0
        self._sum = self._squares = 0.0
        self._lock = threading.Lock()

    def count(self, codes: NDArray[np.int16], first_vector: int) -> None:
        """Count the sampled ones of codes (vectors, groups, K)."""
        at = np.arange(first_vector, first_vector + len(codes)) * _GOLDEN % 1.0
        picked = codes if self._share == 1 else codes[at < self._share]
        pulses = self._pulses_of[picked.view(np.uint16)]
        rows = pulses.sum(axis=0, dtype=np.int64)
        swings = self._swings_of[picked.view(np.uint16)].sum(axis=0, dtype=np.int64)
        levels = self._levels.sum(axis=0, dtype=np.float64).reshape(-1)
        each = pulses.reshape(len(picked), -1) @ levels
        with self._lock:
            self._pulses += rows
            self._swings += swings
            self._seen += len(codes)
            self._picked += len(picked)
            self._sum += float(each.sum())
            self._squares += float((each**2).sum())

    def estimate(self, images: int) -> DriveEstimate:
        """The pulses of all vectors seen."""
        share = self._seen / self._picked
        pulses, swings = (
            np.rint(counted * share).astype(np.int64) for counted in (self._pulses, self._swings)
        )
        drive = Drive(pulses, swings, self._levels, images)
        return DriveEstimate(drive, self._picked, self._relative_error())

    def _relative_error(self) -> float:
        mean = self._sum / self._picked
        if self._picked == self._seen or mean == 0:
            return 0.0
        variance = max(self._squares / self._picked - mean**2, 0.0)
        left = 1 - self._picked / self._seen
        return float((variance / self._picked * left) ** 0.5 / mean)


@final
@dataclass(frozen=True)
class _Watched:
    """Products of one backend, whose codes the counters see first."""

    exact: Backend
    counters: Mapping[str, _Counter]

    def layer(self, name: str) -> LayerKernel:
        return _WatchedLayer(self.exact.layer(name), self.counters[name])


@final
@dataclass(frozen=True)
class _WatchedLayer:
    exact: LayerKernel
    counter: _Counter

    @property
    def copies(self) -> int:
        return self.exact.copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        self.counter.count(codes, first_vector)
        return self.exact(codes, first_vector)
