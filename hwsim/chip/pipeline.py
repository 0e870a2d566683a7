"""Time of a network from the cycles of its layers.

Every layer owns its tiles, so layers work on different inferences at once.  The layer whose
tiles are busy longest sets the interval between inferences:

    throughput = clock / max(busy cycles of a layer)

One inference passes layer after layer, each waiting for the whole output of the one before:

    latency = sum(cycles of a layer) / clock

An upper bound: a convolution may start on the first rows of its input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.errors import MappingError


@dataclass(frozen=True)
class Timing:
    """Time of one inference and between inferences."""

    cycles: int  # of one inference, layer after layer
    interval_cycles: int  # between two inferences in the pipeline
    clock_Hz: float

    @property
    def latency_s(self) -> float:
        """From first input to last output of one inference; an upper bound."""
        return self.cycles / self.clock_Hz

    @property
    def interval_s(self) -> float:
        """Between two inferences of a full pipeline."""
        return self.interval_cycles / self.clock_Hz

    @property
    def throughput_per_s(self) -> float:
        """Inferences per second of a full pipeline."""
        return self.clock_Hz / self.interval_cycles


def pipeline(layer_cycles: Sequence[int], busy_cycles: Sequence[int], clock_Hz: float) -> Timing:
    """Timing of layers, each given by two counts of clock cycles per inference.

    Args:
        layer_cycles: from a layer's first driven word line to its last sum.
        busy_cycles: how long it keeps its tiles from the next inference.
    Raises:
        MappingError: there is no layer, or a layer takes no cycle.
    """
    if not layer_cycles or len(layer_cycles) != len(busy_cycles):
        raise MappingError(
            f"network: expected at least one layer on tiles, each with two counts of cycles, "
            f"found {len(layer_cycles)} and {len(busy_cycles)}"
        )
    for index, cycles in enumerate(map(min, layer_cycles, busy_cycles)):
        if cycles < 1:
            raise MappingError(
                f"layer {index}: expected at least 1 cycle per inference, found {cycles}"
            )
    return Timing(sum(layer_cycles), max(busy_cycles), clock_Hz)
