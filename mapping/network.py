"""The network between import and execution: plain nodes, integers where they are known.

Canonical operators (attributes in parentheses; axes count from 0, batch axis included):

- conv (strides, pads, dilations, group): x, weight[, bias]; 1-D or 2-D; pads are begins
  then ends; weight (out, in/group, *kernel).
- linear: x, weight[, bias]; x @ weight + bias over the last axis; weight (K, N).
- matmul: a, b; both are activations: a digital product.
- relu, sigmoid, tanh, hard_swish, leaky_relu (alpha), clip (min, max; floats, may be
  infinite), softmax (axis): x.
- prelu: x, slope.
- add, sub, mul, div: a, b with broadcasting; either may be a constant.
- concat (axis): any number of activations.
- max_pool, average_pool (kernel, strides, pads, dilations, ceil, count_include_pad): x;
  with ceil, a window that would start in the padding behind is left out.
- mean (axes, keepdims): x; GlobalAveragePool and ReduceMean.
- pad (pads, value): x; pads are begins then ends over all axes; value is real, not a code.
- reshape (shape): x; shape is the whole output shape, -1 for the batch (also flatten,
  squeeze and unsqueeze).
- transpose (perm): x; perm[0] is 0.
- slice (starts, ends, axes, steps): x; steps above 0.

A reshape to the same shape stands, in int8 networks, where codes change their parameters or a
float tensor becomes codes.  A constant operand of an element-wise node is in `constants` as real
values and never in `tensors`.

A tensor is described by its shape with -1 for the batch.  Constants of a network whose file
holds no data (shapes only) are absent from `constants` but present in `shapes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.codes import code_range

LINEAR_OPS = frozenset({"conv", "linear"})


def new_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, with a number added if it is taken; from now on it is."""
    found, count = wanted, 1
    while found in taken:
        found, count = f"{wanted}_{count}", count + 1
    taken.add(found)
    return found


@dataclass(frozen=True)
class Node:
    """One operator with one output, which also names it in messages and tables."""

    name: str
    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QuantParams:
    """real = scale * (code - zero_point); codes are clipped to [low, high]."""

    scale: float
    zero_point: int
    bits: int
    signed: bool

    @property
    def low(self) -> int:
        """Smallest code."""
        return code_range(self.bits, self.signed)[0]

    @property
    def high(self) -> int:
        """Largest code."""
        return code_range(self.bits, self.signed)[1]


@dataclass(frozen=True)
class LayerIntegers:
    """The integers of one conv or linear node.

    weight: the node's own layout, int32, values of `weight_bits` signed bits;
    weight_scale: (out,) float64, one per output channel;
    bias: (out,) int64 in units of input scale * weight_scale (zero point not folded in).
    """

    weight: NDArray[np.int32]
    weight_scale: NDArray[np.float64]
    weight_bits: int
    bias: NDArray[np.int64]


@dataclass(frozen=True)
class Network:
    """A directed acyclic graph in execution order; `name`, for messages, is its file's."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    shapes: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, NDArray[Any]]

    def linear_nodes(self) -> tuple[Node, ...]:
        """The nodes that go onto arrays, in execution order."""
        return tuple(node for node in self.nodes if node.op in LINEAR_OPS)


@dataclass(frozen=True)
class QuantizedNetwork:
    """A network with integers: post-training quantised, or imported as int8.

    tensors: parameters of every activation tensor that is held as codes; a tensor that is
    absent is held as float32 (network outputs, and what lies between them and the last
    linear layer).
    layers: by node name, for every conv and linear node.
    """

    network: Network
    tensors: Mapping[str, QuantParams]
    layers: Mapping[str, LayerIntegers]
