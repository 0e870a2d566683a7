"""What a simulation says of resistive lines: the tiles' error layer by layer, and the power."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from codesign.report.result import Assumption, LineResult
from hwsim.chip.spec import Arch
from hwsim.tile.line_error import LineError
from mapping.execute_tiles import TileBackend, full_range_shift
from mapping.line_errors import line_errors
from mapping.network import QuantizedNetwork
from mapping.plan import Plan

#: Test images from which input vectors are taken.
LINE_IMAGES = 4


def line_results(
    network: QuantizedNetwork,
    plan: Plan,
    arch: Arch,
    tiles: TileBackend,
    shifts: Mapping[str, int],
    images: NDArray[np.float32],
) -> tuple[LineResult, ...]:
    """One record per layer; none where lines have no resistance.

    Args:
        tiles: the programmed network, its ranges set by `shifts` (others are full).
        images: (images, *input shape), of which the first few are used.
    """
    if arch.tile.wires is None:
        return ()
    errors = line_errors(network, plan, tiles, images[:LINE_IMAGES])
    return tuple(
        _result(
            layer.name, errors[layer.name], shifts.get(layer.name, full_range_shift(layer, arch))
        )
        for layer in plan.layers
    )


def _result(name: str, error: LineError, shift: int) -> LineResult:
    lsb = 1 << shift
    return LineResult(
        name=name,
        conversions=error.conversions,
        level_steps_per_lsb=lsb,
        lost_mean_lsb=error.lost_mean / lsb,
        lost_max_lsb=error.lost_max / lsb,
        error_rms_lsb=error.error_rms / lsb,
        error_max_lsb=error.error_max / lsb,
        array_power=error.power_share,
    )


def line_assumptions(lines: Sequence[LineResult]) -> tuple[Assumption, ...]:
    """What the numbers owe to the tiles' account of resistive lines."""
    if not lines:
        return ()
    worst = max(lines, key=lambda line: line.error_rms_lsb)
    low, high = (pick(line.array_power for line in lines) for pick in (min, max))
    return (
        Assumption(
            text=f"Line resistance takes up to {max(line.lost_max_lsb for line in lines):.2g} LSB "
            f"from a column sum. The tiles' account of it is off from exact column ladders by at "
            f"most {worst.error_rms_lsb:.2g} LSB rms (layer {worst.name}; largest error "
            f"{max(line.error_max_lsb for line in lines):.2g} LSB), on some vectors of each layer.",
            source="hwsim.tile.line_error",
        ),
        Assumption(
            text=f"Energy of the cells is that on ideal lines; with the lines, cells and lines "
            f"together take {100 * low:.1f} to {100 * high:.1f} % of it, by layer.",
            source="hwsim.tile.line_error",
        ),
    )
