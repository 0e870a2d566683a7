"""Sliding windows of convolutions and pools: padding rules and output sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

from mapping.onnx_import.graph import FileNode, Unsupported, readable


@dataclass(frozen=True)
class Window:
    """A window with explicit padding; pads are begins then ends, per spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    ceil: bool = False

    @property
    def reach(self) -> tuple[int, ...]:
        """Elements from one end of the kernel to the other, per axis."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilations, self.kernel, strict=True))

    def positions(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Output sizes over an image of size `spatial`.

        With `ceil`, a window that would start in the padding behind is left out (ONNX 19).

        Raises:
            Unsupported: the kernel does not fit.
        """
        axes = len(self.kernel)
        found = []
        for axis, size in enumerate(spatial):
            before, after = self.pads[axis], self.pads[axis + axes]
            room, stride = size + before + after - self.reach[axis], self.strides[axis]
            count = (-(-room // stride) if self.ceil else room // stride) + 1
            if self.ceil and (count - 1) * stride >= size + before:
                count -= 1
            found.append(count if room >= 0 else 0)
        if min(found) < 1:
            raise Unsupported(f"kernel {readable(self.kernel)} on an image {readable(spatial)}")
        return tuple(found)


def read_window(node: FileNode, kernel: Sequence[int], spatial: Sequence[int]) -> Window:
    """The window that a node's attributes describe, with auto_pad resolved.

    Raises:
        Unsupported: attributes of another length than the kernel, or an unknown auto_pad.
    """
    axes = len(spatial)
    strides = tuple(int(v) for v in node.get("strides", (1,) * axes))
    dilations = tuple(int(v) for v in node.get("dilations", (1,) * axes))
    pads = tuple(int(v) for v in node.get("pads", (0,) * (2 * axes)))
    kernel = tuple(int(v) for v in kernel)
    lengths = (len(kernel), len(strides), len(dilations), len(pads) / 2)
    if any(length != axes for length in lengths):
        raise Unsupported(f"kernel, strides, dilations or pads do not have {axes} axes")
    if min(*kernel, *strides, *dilations) < 1 or min(pads) < 0:
        raise Unsupported("kernel, strides and dilations below 1, or negative pads")
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(kernel, strides, dilations, spatial, upper=auto == "SAME_UPPER")
    elif auto == "VALID":
        pads = (0,) * (2 * axes)
    elif auto not in ("NOTSET", ""):
        raise Unsupported(f"auto_pad {auto!r}")
    return Window(kernel, strides, dilations, pads, ceil=bool(node.get("ceil_mode", 0)))


def _same(
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    spatial: Sequence[int],
    *,
    upper: bool,
) -> tuple[int, ...]:
    """Padding that gives ceil(size / stride) positions; an odd one goes behind if `upper`."""
    begins, ends = [], []
    for size, width, stride, dilation in zip(spatial, kernel, strides, dilations, strict=True):
        count = -(-size // stride)
        total = max((count - 1) * stride + dilation * (width - 1) + 1 - size, 0)
        begins.append(total // 2 if upper else total - total // 2)
        ends.append(total - begins[-1])
    return (*begins, *ends)
