"""Calibration: what values each activation tensor takes, and the range its codes should span.

A float run of the network over sample images fills one histogram of |x| per tensor.  Its
range is a power of two, so histograms of different images (or tensors) add up exactly, in
any order: calibration gives the same ranges on any number of threads.
"""

import math
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hwsim._jit import kernel
from hwsim.errors import DataError
from mapping.execute import Program, check_images, float_steps
from mapping.memory import chunk_size, worker_count
from mapping.network import Network

BINS = 4096
#: Histograms span at least 2^-100: widths and their inverses stay normal float64 numbers.
SMALLEST_EXPONENT = -100
#: Images at a time at most; whatever the number of threads, because float32 sums may depend on
#: it in their last bit.
CHUNK = 16
#: Clipping thresholds that MSE tries, as shares of the largest value.
SHARES = np.linspace(0.02, 1.0, 99)


class RangeMethod(Enum):
    """How the largest representable value is chosen from the values seen."""

    MAX = "max"  # the largest value: nothing clips
    PERCENTILE = "percentile"  # this share of the values does not clip
    MSE = "mse"  # least mean squared error of the quantised values, by grid search


@kernel
def _fill(values: NDArray[np.float32], bins_per_unit: np.float64, counts: Any) -> None:
    """counts[min(floor(|x| * bins_per_unit), last)] += 1."""
    last = counts.shape[0] - 1
    for i in range(values.shape[0]):
        counts[min(int(abs(np.float64(values[i])) * bins_per_unit), last)] += 1


@final
@dataclass(frozen=True)
class Spread:
    """The values seen of one tensor.

    exponent: the histogram spans [0, 2^exponent], at least the largest |x|;
    counts: (BINS,) int64.
    """

    lowest: float
    highest: float
    exponent: int
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Self:
        """The spread of one array.

        Raises:
            DataError: a value is not finite.
        """
        lowest, highest = float(values.min()), float(values.max())
        if not math.isfinite(lowest + highest):
            raise DataError(f"expected finite values, found {lowest} to {highest}")
        largest = max(-lowest, highest)
        exponent = max(SMALLEST_EXPONENT, math.frexp(largest)[1]) if largest else SMALLEST_EXPONENT
        counts = np.zeros(BINS, dtype=np.int64)
        flat = np.ascontiguousarray(values).reshape(-1)
        _fill(flat, np.float64(math.ldexp(BINS, -exponent)), counts)
        return cls(lowest, highest, exponent, counts)

    def __add__(self, other: "Spread") -> "Spread":
        """The values of both; counts move to the wider histogram exactly."""
        exponent = max(self.exponent, other.exponent)
        return Spread(
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            exponent,
            self._widened(exponent) + other._widened(exponent),
        )

    def _widened(self, exponent: int) -> NDArray[np.int64]:
        factor = 1 << min(exponent - self.exponent, BINS.bit_length())
        wide = np.zeros(BINS, dtype=np.int64)
        np.add.at(wide, np.arange(BINS) // factor, self.counts)
        return wide

    @property
    def largest(self) -> float:
        """The largest |x| seen."""
        return max(-self.lowest, self.highest, 0.0)

    @property
    def width(self) -> float:
        """Width of a bin."""
        return math.ldexp(1.0, self.exponent) / BINS

    def percentile(self, percent: float) -> float:
        """The value that `percent` % of the |x| do not exceed, interpolated inside its bin."""
        below = np.cumsum(self.counts)
        wanted = below[-1] * (percent / 100.0)
        index = int(np.searchsorted(below, wanted))
        before = below[index - 1] if index else 0
        share = (wanted - before) / max(1, self.counts[index])
        return min(float((index + share) * self.width), self.largest)

    def least_error(self, step: Callable[[float], float]) -> float:
        """The threshold of least squared error with codes of |x| `step(threshold)` apart."""
        used = np.flatnonzero(self.counts)
        centres = (used + 0.5) * self.width
        thresholds = SHARES * self.largest
        errors = [
            float((self.counts[used] * (centres - _clipped(centres, step(t), t)) ** 2).sum())
            for t in thresholds
        ]
        # The last of equals: clip no more than is worth it.
        best = len(errors) - 1 - int(np.argmin(errors[::-1]))
        return float(thresholds[best])

    def threshold(
        self, method: RangeMethod, percent: float, step: Callable[[float], float]
    ) -> float:
        """The largest |x| that codes should represent; 0 if all were 0.

        Args:
            step: distance of two codes, given that threshold.
        """
        if self.largest == 0 or method is RangeMethod.MAX:
            return self.largest
        if method is RangeMethod.PERCENTILE:
            return self.percentile(percent) or self.largest
        return self.least_error(step)


def _clipped(values: NDArray[Any], step: float, threshold: float) -> NDArray[Any]:
    return _rounded(values, step, round(threshold / step))


def _rounded(values: NDArray[Any], scale: float | NDArray[Any], top: int) -> NDArray[Any]:
    return np.asarray(np.minimum(np.rint(values / scale), top) * scale)


def weight_thresholds(
    weight: NDArray[np.float32], method: RangeMethod, percent: float, top: int
) -> NDArray[np.float64]:
    """The largest |w| that each channel's codes -top..top should represent.

    Args:
        weight: (channels, ...).
    Returns:
        (channels,), 0 where a channel holds only zeros.
    """
    magnitudes = np.abs(weight.reshape(len(weight), -1)).astype(np.float64)
    largest = np.asarray(magnitudes.max(axis=1, initial=0.0))
    if method is RangeMethod.MAX:
        return largest
    if method is RangeMethod.PERCENTILE:
        found = np.percentile(magnitudes, percent, axis=1)
        return np.where(found > 0, found, largest)
    best, least = np.array(largest), np.full(len(largest), np.inf)
    for share in SHARES[::-2]:
        scale = np.where(largest > 0, share * largest / top, 1.0)[:, np.newaxis]
        error = ((magnitudes - _rounded(magnitudes, scale, top)) ** 2).sum(axis=1)
        better = error < least
        best[better], least[better] = share * largest[better], error[better]
    return best


def observe_spreads(
    network: Network,
    samples: NDArray[np.float32],
    names: Collection[str],
    progress: Callable[[int], None] | None = None,
) -> dict[str, Spread]:
    """The spreads of the tensors `names` in a float run over `samples`.

    Args:
        samples: (samples, *input shape).
        progress: called with the number of samples done so far.

    Raises:
        DataError: the samples do not fit the network's input, or a tensor is not finite.
    """
    check_images(network, samples)
    program = Program(network, float_steps(network), {})
    size = min(CHUNK, chunk_size(network, 1))

    def observe_chunk(start: int) -> dict[str, Spread]:
        seen: dict[str, Spread] = {}

        def observe(name: str, array: NDArray[Any]) -> None:
            if name in names:
                try:
                    seen[name] = Spread.of(array)
                except DataError as error:
                    raise DataError(f"{network.name}: calibration: {name!r}: {error}") from None

        chunk = np.ascontiguousarray(samples[start : start + size], dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # `observe` says it better
            program.run(chunk, start, observe)
        return seen

    total: dict[str, Spread] = {}
    workers = worker_count(network)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        starts = range(0, len(samples), size)
        for start, seen in zip(starts, pool.map(observe_chunk, starts), strict=True):
            for name, spread in seen.items():
                total[name] = total[name] + spread if name in total else spread
            if progress is not None:
                progress(min(start + size, len(samples)))
    return total


def merged(spreads: Sequence[Spread]) -> Spread:
    """The values of several tensors that share their codes."""
    return reduce(lambda a, b: a + b, spreads)
