"""Slow twin of mapping.counts: every product, array, phase, row and column is visited."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Averaging, Encoding, Subtraction
from mapping.plan import LayerPlan


@dataclass
class Tally:
    """Events seen so far, by the names of EventCounts."""

    array_reads: int = 0
    conversions: int = 0
    partial_sums: int = 0
    row_pulses: int = 0
    row_swings: int = 0
    cell_pulses: int = 0
    level_pulses: int = 0
    register_writes: int = 0  # inputs written to the registers of arrays


def digits(code: int, geometry: Geometry) -> list[int]:
    """What the DAC drives in each phase for one input code."""
    phases = geometry.phases
    top = (1 << phases.bits) - 1
    magnitude = code & ((1 << phases.magnitude_bits) - 1)
    unsigned = [magnitude >> shift & top for shift in range(0, phases.magnitude_bits, phases.bits)]
    return [*unsigned, int(code < 0)] if phases.signed else unsigned


def tally(
    layer: LayerPlan, geometry: Geometry, codes: NDArray[np.int64], levels: NDArray[np.int64]
) -> Tally:
    """Read `layer` once per vector.

    Args:
        codes: (vectors, groups, K).
        levels: (groups, K, N, columns per weight) cell levels of one copy.
    """
    tile = geometry.tile
    seen = Tally()
    pairs = tile.encoding is Encoding.DIFFERENTIAL and tile.subtraction is Subtraction.ANALOG
    stacked = geometry.redundancy if tile.averaging is Averaging.ANALOG else 1
    for vector in codes:
        for array in range(layer.arrays):
            block = layer.block(array)
            for _copy in range(layer.array_copies):
                seen.partial_sums += block.outputs
                seen.register_writes += block.inputs
                columns = block.outputs * geometry.columns_per_weight
                for phase in range(geometry.phases.count):
                    seen.array_reads += 1
                    seen.conversions += columns // 2 if pairs else columns
                    for g in block.groups:
                        for k in block.rows:
                            digit = digits(int(vector[g, k]), geometry)[phase]
                            pulses = digit * stacked
                            held = levels[g, k, block.cols.start : block.cols.stop]
                            seen.row_pulses += pulses
                            seen.row_swings += stacked if digit else 0
                            seen.cell_pulses += pulses * columns
                            seen.level_pulses += pulses * int(held.sum())
    return seen
