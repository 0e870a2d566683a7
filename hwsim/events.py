"""What happened, counted; priced later by `hwsim.cost` and never anywhere else."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class EventCounts:
    """Countable events of one layer (or their sum over layers, images or shards).

    Pulses: one word line driven for one unit pulse in one array; a digit `x_t` of the DAC
    is one pulse, `x_t` unit pulses long, and one swing of the line if it is not 0.  Counts
    are floats only where they are expectations.
    """

    mvms: float = 0  # logical matrix-vector products
    array_reads: float = 0  # one array, one input phase
    row_pulses: float = 0  # unit pulses on word lines
    row_swings: float = 0  # word lines charged: one for every digit that is not 0
    cell_pulses: float = 0  # unit pulses seen by programmed cells (row_pulses * columns in use)
    level_pulses: float = 0  # sum over programmed cells of unit pulses * cell level
    samples: float = 0  # sample-and-hold captures, one per column and read
    conversions: float = 0  # ADC conversions
    shift_adds: float = 0  # codes folded into an accumulator
    partial_adds: float = 0  # partial sums of row blocks and copies added
    requantizations: float = 0
    input_register_bits: float = 0  # bits written to plus bits read from a group's registers
    output_register_bits: float = 0
    cluster_register_bits: float = 0  # the same for results on their way to the buffer
    buffer_read_bits: float = 0  # cluster buffer
    buffer_write_bits: float = 0
    bus_bits: float = 0  # buffer <-> groups
    hop_bits: float = 0  # bits times router hops
    activation_ops: float = 0  # element-wise non-linear functions (sigmoid, tanh, ...)
    pool_ops: float = 0  # comparisons or additions of pooling windows
    elementwise_ops: float = 0  # digital additions and multiplications between tensors

    def __add__(self, other: "EventCounts") -> "EventCounts":
        return EventCounts(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )

    def scaled(self, factor: float) -> "EventCounts":
        """Every count times `factor` (one inference to many, or back)."""
        return EventCounts(**{f.name: getattr(self, f.name) * factor for f in fields(self)})

    def as_dict(self) -> dict[str, float]:
        """Counts by name, in declaration order."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


ZERO = EventCounts()
