"""Pooling windows: sizes, strided views, maximum and sums for floats and codes alike."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mapping.network import Node

Array = NDArray[Any]


@dataclass(frozen=True)
class PoolWindow:
    """The window of a pooling node over an input of a known size; one entry per spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    sizes: tuple[int, ...]
    positions: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, sizes: Sequence[int]) -> Self:
        """The window of `node` over spatial axes of `sizes`.

        Rounded up (`ceil`), a window that would start in the padding behind the input is
        dropped, as ONNX says.
        """
        kernel = tuple(int(k) for k in node.attributes["kernel"])
        axes = len(kernel)
        strides = tuple(int(s) for s in node.attributes.get("strides") or (1,) * axes)
        dilations = tuple(int(d) for d in node.attributes.get("dilations") or (1,) * axes)
        pads = tuple(int(p) for p in node.attributes.get("pads") or (0,) * (2 * axes))
        up = bool(node.attributes.get("ceil", 0))
        positions = []
        for axis, size in enumerate(sizes):
            begin, end = pads[axis], pads[axes + axis]
            span = size + begin + end - dilations[axis] * (kernel[axis] - 1) - 1
            count = (-(-span // strides[axis]) if up else span // strides[axis]) + 1
            if up and (count - 1) * strides[axis] >= size + begin:
                count -= 1
            positions.append(count)
        return cls(
            kernel, strides, dilations, pads[:axes], pads[axes:], tuple(sizes), tuple(positions)
        )

    def framed(self, x: Array, fill: float, frame: float | None = None) -> Array:
        """`x` with its pads, and with what the last windows need beyond them.

        Args:
            x: (..., *sizes).
            fill: what lies beyond the pads; `frame`: what lies in them (None: the same).
        """
        beyond = [
            max(0, (n - 1) * s + d * (k - 1) + 1 - (size + b + e))
            for n, s, d, k, size, b, e in zip(
                self.positions, self.strides, self.dilations, self.kernel,
                self.sizes, self.begins, self.ends, strict=True,
            )
        ]  # fmt: skip
        lead = [(0, 0)] * (x.ndim - len(self.sizes))
        inner = list(zip(self.begins, self.ends, strict=True))
        if any(map(any, inner)):
            x = np.pad(x, lead + inner, constant_values=fill if frame is None else frame)
        if any(beyond):
            x = np.pad(x, lead + [(0, b) for b in beyond], constant_values=fill)
        return x

    def taps(self, framed: Array) -> Iterator[Array]:
        """For each kernel element, the view of its values at all positions."""
        for offset in itertools.product(*(range(k) for k in self.kernel)):
            steps = zip(offset, self.dilations, self.positions, self.strides, strict=True)
            cut = [slice(o * d, o * d + (n - 1) * s + 1, s) for o, d, n, s in steps]
            index: tuple[Any, ...] = (..., *cut)
            yield framed[index]

    def maximum(self, x: Array, lowest: float) -> Array:
        """The largest value of each window; positions outside the input hold `lowest`."""
        taps = self.taps(self.framed(x, lowest))
        out = next(taps).copy()
        for tap in taps:
            np.maximum(out, tap, out=out)
        return out

    def total(self, x: Array, fill: float, dtype: Any) -> Array:
        """The sum of each window in `dtype`; positions outside the input hold `fill`."""
        framed = self.framed(x, fill)
        out = np.zeros((*x.shape[: -len(self.sizes)], *self.positions), dtype=dtype)
        for tap in self.taps(framed):
            out += tap
        return out

    def counts(self, include_pads: bool) -> NDArray[np.int64]:
        """What each window's sum is divided by: its elements, with or without those in pads."""
        inside = np.ones(self.sizes, dtype=np.int64)
        framed = self.framed(inside, 0, 1 if include_pads else 0)
        return np.asarray(sum(self.taps(framed)))


def max_pool(node: Node, arrays: Sequence[Array]) -> Array:
    """The largest value of each window, of floats or of codes."""
    x = arrays[0]
    lowest = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return PoolWindow.of(node, x.shape[2:]).maximum(x, lowest)


def average_pool(node: Node, arrays: Sequence[Array]) -> Array:
    """The mean of each window in float32."""
    x = arrays[0]
    frame = PoolWindow.of(node, x.shape[2:])
    counts = frame.counts(bool(node.attributes.get("count_include_pad", 0)))
    return np.asarray(frame.total(x, 0.0, np.float32) / counts.astype(np.float32))
