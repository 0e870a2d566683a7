"""Pools and means."""

from mapping.onnx_import.graph import FileNode, Tensor, Unsupported, positive_axis, readable
from mapping.onnx_import.walk import Translator, Walk
from mapping.onnx_import.window import read_window


def max_pool(walk: Walk, node: FileNode) -> None:
    """MaxPool, of real values or of codes (the largest code is the largest value)."""
    x = walk.tensor(node, 0)
    if any(node.outputs[1:]):
        raise Unsupported("the indices output")
    pool(walk, node, "max_pool", x, keep=x)


def average_pool(walk: Walk, node: FileNode) -> None:
    """AveragePool."""
    pool(walk, node, "average_pool", walk.activation(node))


def pool(walk: Walk, node: FileNode, op: str, x: Tensor, keep: Tensor | None = None) -> Tensor:
    """Writes a pool with explicit padding.

    Raises:
        Unsupported: not 1-D or 2-D, a window that does not fit, or one of padding alone.
    """
    spatial = x.shape[2:]
    if x.constant or len(spatial) not in (1, 2) or not node.get("kernel_shape", ()):
        raise Unsupported(f"expected a 1-D or 2-D pool, found input {readable(x.shape)}")
    window = read_window(node, node.get("kernel_shape", ()), spatial)
    if any(pad >= reach for pad, reach in zip(window.pads, 2 * window.reach, strict=True)):
        raise Unsupported(f"pads {window.pads} of a kernel that reaches {window.reach}")
    attributes = {
        "kernel": window.kernel,
        "strides": window.strides,
        "pads": window.pads,
        "dilations": window.dilations,
        "ceil": window.ceil,
        "count_include_pad": bool(node.get("count_include_pad", 0)),
    }
    shape = (*x.shape[:2], *window.positions(spatial))
    return walk.emit(node, op, [x], shape, attributes=attributes, keep=keep)


def global_average_pool(walk: Walk, node: FileNode) -> None:
    """GlobalAveragePool."""
    global_mean(walk, node, walk.activation(node))


def global_mean(walk: Walk, node: FileNode, x: Tensor) -> Tensor:
    """Writes the mean over all spatial axes, which stay as axes of size 1."""
    if x.rank < 3:
        raise Unsupported(f"expected spatial axes, found input {readable(x.shape)}")
    return mean(walk, node, x, list(range(2, x.rank)), keepdims=True)


def global_max_pool(walk: Walk, node: FileNode) -> None:
    """GlobalMaxPool: a max pool over the whole image."""
    x = walk.tensor(node, 0)
    spatial = x.shape[2:]
    if x.constant or len(spatial) not in (1, 2):
        raise Unsupported(f"expected a 1-D or 2-D pool, found input {readable(x.shape)}")
    ones, zeros = (1,) * len(spatial), (0,) * (2 * len(spatial))
    attributes = {
        "kernel": spatial,
        "strides": ones,
        "pads": zeros,
        "dilations": ones,
        "ceil": False,
        "count_include_pad": False,
    }
    walk.emit(node, "max_pool", [x], (*x.shape[:2], *ones), attributes=attributes, keep=x)


def reduce_mean(walk: Walk, node: FileNode) -> None:
    """ReduceMean with axes by attribute (opset < 18) or input; never over the batch."""
    x = walk.activation(node)
    axes = walk.integers(node, 1, "axes")
    if not axes:
        if node.get("noop_with_empty_axes", 0):
            walk.bind(node.outputs[0], x)
            return
        axes = list(range(x.rank))
    mean(walk, node, x, axes, keepdims=bool(node.get("keepdims", 1)))


def mean(walk: Walk, node: FileNode, x: Tensor, axes: list[int], *, keepdims: bool) -> Tensor:
    """Writes a mean of the real-valued `x`.

    Raises:
        Unsupported: it runs over the batch.
    """
    gone = sorted({positive_axis(axis, x.rank) for axis in axes})
    if 0 in gone:
        raise Unsupported("a mean over the batch")
    shape = [1 if axis in gone else size for axis, size in enumerate(x.shape)]
    if not keepdims:
        shape = [size for axis, size in enumerate(x.shape) if axis not in gone]
    attributes = {"axes": tuple(gone), "keepdims": keepdims}
    return walk.emit(node, "mean", [x], shape, attributes=attributes)


TRANSLATORS: dict[str, Translator] = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MaxPool": max_pool,
    "ReduceMean": reduce_mean,
}
