"""The values of every point: grids in full, samples drawn from a seed."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from codesign.sweep.spec import MAX_POINTS, Method, Range, Sampling, Scale, SweepSpec
from hwsim.errors import SpecError

_DIGITS = 6  # significant ones of a drawn number: it reads well, and is the same everywhere

Values = dict[str, Any]  # by axis


def point_values(spec: SweepSpec, seed: int) -> list[Values]:
    """Every point; the last axis of the grid changes fastest, then the drawn ones.

    Raises:
        SpecError: there are more than `MAX_POINTS`.
    """
    drawn = [{}] if spec.sampling is None else sample(spec.sampling, seed)
    count = len(drawn) * int(np.prod([len(v) for v in spec.grid.values()], dtype=object))
    if count > MAX_POINTS:
        raise SpecError(f"{spec.name}: expected at most {MAX_POINTS} points, found {count}")
    return [
        dict(zip(spec.grid, chosen, strict=True)) | values
        for chosen in product(*spec.grid.values())
        for values in drawn
    ]


def sample(sampling: Sampling, seed: int) -> list[Values]:
    """`sampling.points` points; the same for the same seed."""
    unit = _unit(sampling.method, sampling.points, len(sampling.axes), seed)
    return [
        {key: _value(axis, u) for (key, axis), u in zip(sampling.axes.items(), row, strict=True)}
        for row in unit.tolist()
    ]


def _unit(method: Method, points: int, axes: int, seed: int) -> NDArray[np.float64]:
    """(points, axes) in [0, 1)."""
    generator = np.random.default_rng(seed)
    match method:
        case Method.RANDOM:
            return generator.random((points, axes))
        case Method.LATIN_HYPERCUBE:
            unit: NDArray[np.float64] = qmc.LatinHypercube(axes, rng=generator).random(points)
            return unit
    # The sequence is balanced over powers of two: one is drawn, its first points are used.
    whole: NDArray[np.float64] = qmc.Sobol(axes, rng=generator).random_base2(
        (points - 1).bit_length()
    )
    return whole[:points]


def _value(axis: Range | tuple[Any, ...], u: float) -> Any:
    """The value at the share `u` of an axis."""
    if not isinstance(axis, Range):
        return axis[int(u * len(axis))]
    low, high = axis.low, axis.high + (1.0 if axis.whole else 0.0)
    value = low * (high / low) ** u if axis.scale is Scale.LOG else low + u * (high - low)
    return min(int(value), int(axis.high)) if axis.whole else float(f"{value:.{_DIGITS}g}")
