"""Running a network, image chunk by image chunk, on a backend that multiplies.

The walker here does everything digital: im2col, bias and zero-point correction,
requantisation, activations, pooling, additions.  The backend does one thing: integer
products of input codes with a layer's weights (ideal here, modelled tiles elsewhere).
Results do not depend on the chunk or on the number of threads.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hwsim.errors import DataError, NetworkError
from hwsim.peripherals.requantizer import Requantizer, real_multiplier
from mapping.coded_operators import digital_evaluation
from mapping.codes import Requantize, decode, encode, requantize_exactly
from mapping.lower import im2col, mvms_per_image, output_shape, weight_matrix, zero_sums
from mapping.memory import chunk_size, worker_count
from mapping.network import LINEAR_OPS, Network, Node, QuantizedNetwork, QuantParams
from mapping.operators import OPERATORS, grouped_product

Array = NDArray[Any]
Observe = Callable[[str, Array], None]


class LayerKernel(Protocol):
    """The products of one layer, times the number of copies that are summed."""

    @property
    def copies(self) -> int:
        """How many copies of the weights each sum contains (1 but for digital averaging)."""

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        """acc[v, g, n] = copies * sum_k W[g, k, n] * codes[v, g, k].

        Args:
            codes: (vectors, groups, K), raw codes, signed or unsigned.
            first_vector: index of the first vector in the whole run (image index times
                vectors per image): it addresses the randomness of backends that have any.
        Returns:
            (vectors, groups, N).
        """


class Backend(Protocol):
    """What multiplies: asked once per conv or linear node, before the first image."""

    def layer(self, name: str) -> LayerKernel:
        """The products of node `name`; called from several threads at once."""


@runtime_checkable
class RequantizingBackend(Backend, Protocol):
    """A backend that also makes codes of accumulators; others leave it to the walker."""

    def requantizer(self, name: str) -> Requantize:
        """What makes the codes of node `name`, as `Requantizer.codes`; called from threads."""


@final
@dataclass(frozen=True)
class IdealBackend:
    """Exact integer products, by floating-point BLAS where it cannot round."""

    network: QuantizedNetwork

    def layer(self, name: str) -> LayerKernel:
        """The exact products of node `name`.

        Raises:
            NetworkError: the sums could leave the integers that float64 holds.
        """
        node = _node(self.network.network, name)
        matrices = weight_matrix(node, self.network.layers[name].weight)
        source = self.network.tensors[node.inputs[0]]
        largest = max(-source.low, source.high)
        bound = int(np.abs(matrices).sum(axis=1, dtype=np.int64).max(initial=0)) * largest
        if bound >= 1 << 53:
            raise NetworkError(f"node {name!r}: sums up to {bound} exceed exact float64")
        # No partial sum can exceed the bound, so any order of addition is exact.
        kind = np.float32 if bound < 1 << 24 else np.float64
        return IdealLayer(matrices.astype(kind))


@final
@dataclass(frozen=True)
class IdealLayer:
    """matrices: (groups, K, N), float32 or float64 integers."""

    matrices: Array
    copies: int = 1

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        """Exact products; `first_vector` is of no consequence."""
        groups, rows, cols = self.matrices.shape
        out = np.empty((codes.shape[0], groups, cols), dtype=np.int64)
        block = max(1, (1 << 18) // (groups * max(rows, cols)))  # 1 MiB: stays in the cache
        for start in range(0, codes.shape[0], block):
            part = codes[start : start + block].astype(self.matrices.dtype)
            out[start : start + block] = grouped_product(part, self.matrices)
        return out


@dataclass(frozen=True)
class Step:
    """One node, ready to run.

    arrays: names of its inputs that come from other steps or constants;
    evaluate(arrays, first image) gives the node's output.
    """

    node: Node
    arrays: tuple[str, ...]
    evaluate: Callable[[Sequence[Array], int], Array]


def float_steps(network: Network) -> tuple[Step, ...]:
    """Every node in float32.

    Raises:
        NetworkError: the network's file held no numbers, or an operator is unknown.
    """
    known = {*network.inputs, *network.constants, *(node.output for node in network.nodes)}
    for node in network.nodes:
        for name in node.inputs:
            if name not in known:
                raise NetworkError(f"node {node.name!r}: expected numbers in {name!r}, found none")
    return tuple(Step(node, node.inputs, _float_evaluation(node)) for node in network.nodes)


def _float_evaluation(node: Node) -> Callable[[Sequence[Array], int], Array]:
    if node.op not in OPERATORS:
        raise NetworkError(f"node {node.name!r}: operator {node.op!r} cannot be executed")
    operator = OPERATORS[node.op]
    return lambda arrays, _first: operator(node, arrays)


def coded_steps(network: QuantizedNetwork, backend: Backend) -> tuple[Step, ...]:
    """Every node on codes: conv and linear by `backend`, the rest digitally.

    Raises:
        NetworkError: a conv or linear node has no integers.
    """
    steps = []
    for node in network.network.nodes:
        if node.op in LINEAR_OPS:
            steps.append(linear_step(network, node, backend))
        else:
            steps.append(_digital_step(network, node))
    return tuple(steps)


def _digital_step(network: QuantizedNetwork, node: Node) -> Step:
    evaluate = digital_evaluation(node, network.tensors)
    return Step(node, node.inputs, lambda arrays, _first: evaluate(arrays))


def linear_step(network: QuantizedNetwork, node: Node, backend: Backend) -> Step:
    """A conv or linear node whose products are `backend`'s."""
    source = network.tensors.get(node.inputs[0])
    integers = network.layers.get(node.name)
    if source is None or integers is None:
        raise NetworkError(
            f"node {node.name!r}: expected quantised inputs and weights, found "
            f"{'float inputs' if source is None else 'float weights'}"
        )
    layer = backend.layer(node.name)
    shape = integers.weight.shape
    requantize: Requantize = requantize_exactly
    if isinstance(backend, RequantizingBackend):
        requantize = backend.requantizer(node.name)
    finish = linear_finish(network, node, layer.copies, requantize)

    def evaluate(arrays: Sequence[Array], first_image: int) -> Array:
        out = output_shape(node, arrays[0].shape, shape)
        vectors = im2col(arrays[0], node, source.zero_point, shape[2:])
        first = first_image * mvms_per_image(node, out)
        return finish(layer(vectors, first), out, first_image)

    return Step(node, node.inputs[:1], evaluate)


def linear_finish(
    network: QuantizedNetwork,
    node: Node,
    copies: int = 1,
    requantize: Requantize = requantize_exactly,
) -> Callable[[NDArray[np.int64], Sequence[int], int], Array]:
    """What follows the products: (acc (vectors, groups, N), output shape, first image) -> tensor.

    The sum over copies is kept: bias and zero point are as many times as large, the scale is
    divided by their number.
    """
    integers = network.layers[node.name]
    source = network.tensors[node.inputs[0]]
    output = network.tensors.get(node.output)
    offset = copies * (integers.bias.reshape(-1) - zero_sums(network, node))
    scale = np.broadcast_to(integers.weight_scale, offset.shape) / copies

    def arranged(acc: NDArray[np.int64], shape: Sequence[int]) -> NDArray[np.int64]:
        images = shape[0] if node.op == "conv" else math.prod(shape[:-1])
        return acc.reshape(images, -1, offset.size)

    if output is None:
        real = source.scale * scale.astype(np.float64)

        def as_reals(acc: NDArray[np.int64], shape: Sequence[int], _first: int) -> Array:
            reals = ((arranged(acc, shape) + offset) * real).astype(np.float32)
            return np.ascontiguousarray(reals.transpose(0, 2, 1)).reshape(tuple(shape))

        return as_reals
    multiplier = real_multiplier(source.scale, scale, output.scale)
    built = Requantizer.build(multiplier, output.zero_point, output.low, output.high, offset)

    def as_codes(acc: NDArray[np.int64], shape: Sequence[int], first: int) -> Array:
        return requantize(built, arranged(acc, shape), first).reshape(tuple(shape))

    return as_codes


@final
@dataclass(frozen=True)
class Program:
    """Steps over one input and one output; each tensor lives until its last reader."""

    network: Network
    steps: tuple[Step, ...]
    tensors: Mapping[str, QuantParams]

    def run(self, images: NDArray[np.float32], first: int, observe: Observe | None = None) -> Array:
        """The float32 output of a chunk of images whose first one has the index `first`.

        `observe(name, array)` is shown every tensor as it is made.
        """
        values = self.given(images)
        if observe is not None:
            for name, array in values.items():
                observe(name, array)
        return self.result(self.advanced(values, first, 0, len(self.steps), observe))

    def given(self, images: NDArray[np.float32]) -> dict[str, Array]:
        """The tensors before the first step."""
        name = self.network.inputs[0]
        source = self.tensors.get(name)
        return {name: images if source is None else encode(images, source)}

    def advanced(
        self,
        values: Mapping[str, Array],
        first: int,
        begin: int,
        end: int,
        observe: Observe | None = None,
    ) -> dict[str, Array]:
        """The tensors that steps from `end` on need, of those that steps from `begin` on need."""
        kept, last, wanted = dict(values), self._last_readers(), self.network.outputs[0]
        for index in range(begin, end):
            step = self.steps[index]
            arrays = [kept[n] if n in kept else self.network.constants[n] for n in step.arrays]
            kept[step.node.output] = step.evaluate(arrays, first)
            if observe is not None:
                observe(step.node.output, kept[step.node.output])
            for used in step.arrays:
                if last.get(used) == index and used != wanted:
                    kept.pop(used, None)
        return kept

    def result(self, values: Mapping[str, Array]) -> Array:
        """The float32 output, of the tensors after the last step."""
        wanted = self.network.outputs[0]
        params = self.tensors.get(wanted)
        return values[wanted] if params is None else decode(values[wanted], params)

    def _last_readers(self) -> dict[str, int]:
        return {name: i for i, step in enumerate(self.steps) for name in step.arrays}


def run(
    network: QuantizedNetwork,
    images: NDArray[np.float32],
    backend: Backend,
    *,
    first: int = 0,
    chunk: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """The network's outputs for `images`, computed on `backend`.

    Args:
        images: (images, *input shape).
        first: index of the first image: it addresses the randomness of backends that have any.
        chunk: images at a time; None chooses by memory.  It does not change the result.
        progress: called in this thread with the number of images done so far.
    Returns:
        (images, *output shape) float32.
    Raises:
        DataError: the images do not fit the network's input or are not finite.
        NetworkError: the network has no integers, or not one input and one output.
    """
    program = Program(network.network, coded_steps(network, backend), network.tensors)
    return _run(program, images, chunk, progress, first)


def run_float(
    network: Network,
    images: NDArray[np.float32],
    *,
    chunk: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """The network's outputs in float32; arguments as of `run`."""
    return _run(Program(network, float_steps(network), {}), images, chunk, progress)


def check_images(network: Network, images: Array) -> None:
    """Refuse images that do not fit.

    Raises:
        DataError: another shape than the network's input, or no image.
        NetworkError: the network has not one input and one output.
    """
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise NetworkError(
            f"{network.name}: expected one input and one output, found "
            f"{len(network.inputs)} and {len(network.outputs)}"
        )
    expected = tuple(network.shapes[network.inputs[0]][1:])
    if images.shape[1:] != expected or images.ndim != len(expected) + 1 or not len(images):
        wanted = ", ".join(["images", *map(str, expected)])
        raise DataError(f"{network.name}: input: expected ({wanted}), found {images.shape}")


def _run(
    program: Program,
    images: NDArray[np.float32],
    chunk: int | None,
    progress: Callable[[int], None] | None,
    first: int = 0,
) -> NDArray[np.float32]:
    check_images(program.network, images)
    workers = worker_count(program.network)
    size = chunk or min(chunk_size(program.network, workers), -(-len(images) // workers))
    done = 0
    result: NDArray[np.float32] | None = None
    for start, part in _in_order(program, images, size, workers, first):
        if result is None:
            result = np.empty((len(images), *part.shape[1:]), dtype=np.float32)
        result[start : start + len(part)] = part
        done += len(part)
        if progress is not None:
            progress(done)
    if result is None:
        raise AssertionError("check_images lets no empty set of images through")
    return result


def _in_order(
    program: Program, images: NDArray[np.float32], size: int, workers: int, first: int
) -> Iterator[tuple[int, Array]]:
    """(first image, outputs) of each chunk; at most two chunks per worker are under way."""

    def compute(start: int) -> Array:
        part = np.ascontiguousarray(images[start : start + size], dtype=np.float32)
        if not np.isfinite(part).all():
            where = f"{program.network.name}: input: images {start} to {start + len(part) - 1}"
            raise DataError(f"{where}: expected finite numbers, found nan or infinity")
        return program.run(part, first + start)

    starts = iter(range(0, len(images), size))
    waiting: deque[tuple[int, Future[Array]]] = deque()
    # BLAS threads under our own fight for the processors: 50 to 400 images/s, and 760 without
    # them (ResNet-20, two cores).
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        try:
            for start in itertools.islice(starts, 2 * workers):
                waiting.append((start, pool.submit(compute, start)))
            while waiting:
                start, future = waiting.popleft()
                yield start, future.result()
                following = next(starts, None)
                if following is not None:
                    waiting.append((following, pool.submit(compute, following)))
        finally:
            for _, future in waiting:
                future.cancel()


def _node(network: Network, name: str) -> Node:
    return next(node for node in network.nodes if node.name == name)
