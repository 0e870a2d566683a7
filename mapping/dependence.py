"""Which rows of its inputs each wave of a node needs, and when its own rows are complete.

A row is one index of axis 2 of a 4-D tensor (batch, channel, row, column); tensors of other ranks
are one row.  Output row r of a window needs input rows r * stride - pad .. r * stride - pad +
reach - 1, reach = dilation * (kernel - 1) + 1; nodes that work element by element need row r;
all others need everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from hwsim.chip.timing import Need
from mapping.lower import window
from mapping.network import Node
from mapping.operators import mean_axes
from mapping.pooling import PoolWindow

Sizes = Mapping[str, Sequence[int]]

ELEMENTWISE = frozenset(
    {"relu", "clip", "sigmoid", "tanh", "hard_swish", "leaky_relu", "prelu"}
    | {"add", "sub", "mul", "div"}
)
AXES, CHANNEL_AXIS, ROW_AXIS = 4, 1, 2  # batch, channel, row, column


class Reach(Enum):
    """What a wave needs of an input."""

    SAME = "same"  # its own output row; everything where the input has other rows (broadcast)
    WINDOW = "window"  # the rows under the window of its own output row
    RUNNING = "running"  # wave r adds input row r to a running sum
    ALL = "all"  # everything


@dataclass(frozen=True)
class Rows:
    """How the waves of a node run through its output, row after row."""

    count: int  # output rows
    waves: int  # in all rows together, equally many in each
    reach: Reach = Reach.ALL
    stride: int = 1
    window: int = 1  # input rows under it
    pad: int = 0

    def on(self, products: int) -> "Rows":
        """The same rows as products on tiles."""
        return replace(self, waves=products)

    @property
    def per_row(self) -> int:
        """Waves of one row."""
        return self.waves // self.count

    def need(self, station: int, source: "Rows") -> Need:
        """What each wave needs of the waves of `source`, which is `station`."""
        return Need(station, *_needed(self, source.count, source.per_row))

    def span(self, wave: int, rows: int) -> tuple[int, int]:
        """Input rows low .. high - 1 of an input with `rows` rows."""
        row = wave // self.per_row
        if self.reach is Reach.SAME and rows == self.count:
            return row, row + 1
        if self.reach is Reach.RUNNING and rows == self.waves:
            return wave, wave + 1
        if self.reach is Reach.WINDOW:
            low = row * self.stride - self.pad
            return min(max(0, low), rows), min(max(0, low + self.window), rows)
        return 0, rows


@lru_cache(maxsize=256)  # the same for every design of a network
def _needed(own: Rows, rows: int, per_row: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First wave needed and the one after the last, of an input with `rows` rows."""
    spans = [own.span(wave, rows) for wave in range(own.waves)]
    return tuple(per_row * low for low, _ in spans), tuple(per_row * high for _, high in spans)


def node_rows(node: Node, shapes: Sizes) -> Rows:
    """How a node runs through its output when it takes one row at a time."""
    count = _row_count(shapes[node.output])
    source = shapes[node.inputs[0]]
    if node.op == "mean" and len(source) == AXES and ROW_AXIS in mean_axes(node, AXES):
        return Rows(1, source[ROW_AXIS], reach=Reach.RUNNING)
    if len(shapes[node.output]) != AXES or node.op not in _WINDOWS:
        return Rows(count, count)
    seen = _WINDOWS[node.op](node, shapes)
    return Rows(count, count) if seen is None else Rows(count, count, *seen)


Seen = tuple[Reach, int, int, int]  # reach, stride, input rows, pad
SAME: Seen = (Reach.SAME, 1, 1, 0)


def _convolution(node: Node, shapes: Sizes) -> Seen:
    frame = window(node, shapes[node.inputs[1]][2:])
    return _seen(frame.strides[0], frame.kernel[0], frame.dilations[0], frame.pads[0])


def _pool(node: Node, shapes: Sizes) -> Seen:
    frame = PoolWindow.of(node, shapes[node.inputs[0]][2:])
    return _seen(frame.strides[0], frame.kernel[0], frame.dilations[0], frame.begins[0])


def _pad(node: Node, _shapes: Sizes) -> Seen:
    return _seen(1, 1, 1, int(node.attributes["pads"][ROW_AXIS]))


def _concat(node: Node, _shapes: Sizes) -> Seen | None:
    return SAME if node.attributes["axis"] == CHANNEL_AXIS else None


def _slice(node: Node, shapes: Sizes) -> Seen | None:
    starts = node.attributes["starts"]
    axes = list(node.attributes.get("axes") or range(len(starts)))
    if ROW_AXIS not in axes:
        return SAME
    axis = axes.index(ROW_AXIS)
    step = int((node.attributes.get("steps") or [1] * len(starts))[axis])
    begin = int(starts[axis])
    rows = shapes[node.inputs[0]][ROW_AXIS]
    return _seen(step, 1, 1, -(begin + rows if begin < 0 else begin)) if step > 0 else None


def _element(_node: Node, _shapes: Sizes) -> Seen:
    return SAME


def _seen(stride: int, kernel: int, dilation: int, pad: int) -> Seen:
    return Reach.WINDOW, stride, dilation * (kernel - 1) + 1, pad


_WINDOWS: dict[str, Callable[[Node, Sizes], Seen | None]] = {
    "conv": _convolution,
    "max_pool": _pool,
    "average_pool": _pool,
    "pad": _pad,
    "concat": _concat,
    "slice": _slice,
    **dict.fromkeys(ELEMENTWISE, _element),
}


def _row_count(shape: Sequence[int]) -> int:
    return shape[ROW_AXIS] if len(shape) == AXES else 1
