"""Sums of products of conv and linear nodes, and what else a shared array adds to them."""

from collections.abc import Sequence
from typing import Any

from hwsim.tile.geometry import ceil_div
from mapping.lower import window
from mapping.network import Node
from optim.train._torch import Tensor, nn, torch


def framed(node: Node, inputs: Tensor, kernel: Sequence[int], fill: float) -> Tensor:
    """The inputs of a conv or linear node with what it pads them with."""
    if node.op == "linear":
        return inputs
    top, left, bottom, right = window(node, kernel).pads
    pads = (left, right) if len(kernel) == 1 else (left, right, top, bottom)
    return nn.functional.pad(inputs, pads, value=fill)


def product(node: Node, inputs: Tensor, weight: Tensor) -> Tensor:
    """Sums of products of a conv or linear node, inputs framed, without bias."""
    if node.op == "linear":
        return inputs @ weight
    return _convolved(node, inputs, weight, groups_of(node))


def groups_of(node: Node) -> int:
    """Groups of a conv node, 1 of a linear one."""
    return int(node.attributes.get("group", 1))


def packed(node: Node, inputs: Tensor, cells: Tensor, size: int) -> Tensor:
    """As `product`, of a grouped conv whose columns cross the rows of `size` groups.

    Args:
        inputs: framed.
        cells: (outputs of all packs, size * channels of a group, *kernel).
    """
    packs = ceil_div(groups_of(node), size)
    lacking = packs * cells.shape[1] - inputs.shape[1]  # channels, of groups beyond the last
    whole = nn.functional.pad(inputs, [0, 0] * (inputs.dim() - 2) + [0, lacking])
    return _convolved(node, whole, cells, packs)


def between(node: Node, weight: Tensor, size: int, outputs: int) -> Tensor:
    """Cells of `packed` with `outputs` columns a group: 1 in the rows of other groups, else 0."""
    packs, channels = ceil_div(groups_of(node), size), weight.shape[1]
    others = 1 - torch.eye(size).repeat_interleave(outputs, 0).repeat_interleave(channels, 1)
    kernel = weight.shape[2:]
    every = others.repeat(packs, 1).reshape(-1, size * channels, *[1] * len(kernel))
    return every.expand(-1, -1, *kernel).contiguous()


def _convolved(node: Node, inputs: Tensor, weight: Tensor, groups: int) -> Tensor:
    shape: Any = tuple(weight.shape[2:])
    frame = window(node, shape)
    flat = len(shape) == 1
    convolve = nn.functional.conv1d if flat else nn.functional.conv2d
    return convolve(
        inputs,
        weight,
        None,
        stride=frame.strides[1:] if flat else frame.strides,
        dilation=frame.dilations[1:] if flat else frame.dilations,
        groups=groups,
    )
