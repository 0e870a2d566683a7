"""The digital operators with gradients: reals in, reals out, as `mapping.operators` has them."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mapping.network import Node
from mapping.operators import mean_axes
from mapping.pooling import PoolWindow
from optim.train._torch import Tensor, nn, torch

Operator = Callable[[Node, Sequence[Tensor]], Tensor]
functional = nn.functional


def _clip(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    return arrays[0].clamp(node.attributes.get("min"), node.attributes.get("max"))


def _framed(node: Node, x: Tensor, fill: float) -> tuple[PoolWindow, Tensor]:
    """A pooling node's window, and x with what its positions need around it."""
    frame = PoolWindow.of(node, x.shape[2:])
    pads: list[int] = []
    for axis in reversed(range(len(frame.kernel))):
        reach = (frame.positions[axis] - 1) * frame.strides[axis]
        reach += frame.dilations[axis] * (frame.kernel[axis] - 1) + 1
        pads += [frame.begins[axis], reach - frame.begins[axis] - frame.sizes[axis]]
    return frame, functional.pad(x, pads, value=fill)


class _Largest(torch.autograd.Function):
    """Of every window; equal elements, frequent among codes, share its gradient equally."""

    @staticmethod
    def forward(context: Any, framed: Tensor, frame: PoolWindow) -> Tensor:
        largest = functools.reduce(torch.maximum, frame.taps(framed))
        context.frame = frame
        context.save_for_backward(framed, largest)
        return largest

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        framed, largest = context.saved_tensors
        equal = [(tap == largest).to(gradient.dtype) for tap in context.frame.taps(framed)]
        share = gradient / functools.reduce(torch.add, equal)
        found = torch.zeros_like(framed)
        for tap, one in zip(context.frame.taps(found), equal, strict=True):
            tap.addcmul_(share, one)
        return found, None


def _max_pool(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    frame, framed = _framed(node, arrays[0], -torch.inf)
    found: Tensor = _Largest.apply(framed, frame)
    return found


def _average_pool(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    frame, framed = _framed(node, arrays[0], 0.0)
    counts = frame.counts(bool(node.attributes.get("count_include_pad", 0)))
    total = functools.reduce(torch.add, frame.taps(framed))
    return total / torch.as_tensor(counts, dtype=total.dtype)


def _mean(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    axes = mean_axes(node, arrays[0].dim())
    return arrays[0].mean(dim=axes, keepdim=bool(node.attributes.get("keepdims", 1)))


def _pad(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    pads, rank = node.attributes["pads"], arrays[0].dim()
    innermost_first = [
        int(size) for axis in reversed(range(rank)) for size in (pads[axis], pads[rank + axis])
    ]
    return functional.pad(arrays[0], innermost_first, value=node.attributes.get("value", 0.0))


def _slice(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    given = node.attributes
    cut = [slice(None)] * arrays[0].dim()
    starts, ends = given["starts"], given["ends"]
    axes = given.get("axes") or range(len(starts))
    steps = given.get("steps") or (1,) * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut[axis] = slice(int(start), int(end), int(step))
    return arrays[0][tuple(cut)]


def _reshape(node: Node, arrays: Sequence[Tensor]) -> Tensor:
    x = arrays[0]
    shape = [x.shape[i] if s == 0 else int(s) for i, s in enumerate(node.attributes["shape"])]
    if shape and (shape[0] > 0 or -1 in shape[1:]):
        shape[0] = x.shape[0]
    return x.reshape(shape)


#: Operator by name; conv and linear are `CodedLayer`s.
OPERATORS: Mapping[str, Operator] = {
    "add": lambda _, arrays: arrays[0] + arrays[1],
    "average_pool": _average_pool,
    "clip": _clip,
    "concat": lambda node, arrays: torch.cat(list(arrays), dim=int(node.attributes["axis"])),
    "div": lambda _, arrays: arrays[0] / arrays[1],
    "max_pool": _max_pool,
    "mean": _mean,
    "mul": lambda _, arrays: arrays[0] * arrays[1],
    "pad": _pad,
    "relu": lambda _, arrays: arrays[0].relu(),
    "reshape": _reshape,
    "sigmoid": lambda _, arrays: arrays[0].sigmoid(),
    "slice": _slice,
    "sub": lambda _, arrays: arrays[0] - arrays[1],
    "tanh": lambda _, arrays: arrays[0].tanh(),
    "transpose": lambda node, arrays: arrays[0].permute(*node.attributes["perm"]),
}
