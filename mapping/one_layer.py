"""One layer of a network on a backend, all others exact, again and again on the same images.

What lies before the layer is computed once and kept: layers in execution order cost least, each
goes on from the one before.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mapping.execute import Backend, IdealBackend, Program, check_images, coded_steps, linear_step
from mapping.memory import TOTAL_BYTES, chunk_size, worker_count
from mapping.network import QuantizedNetwork

Chunk = tuple[int, Mapping[str, NDArray[Any]]]  # first image, tensors that later steps need


@final
class OneLayer:
    """Images before a layer of a network in exact integers."""

    def __init__(self, network: QuantizedNetwork, images: NDArray[np.float32]) -> None:
        """The network's own input.

        Raises:
            DataError, NetworkError: as of `mapping.execute.run`.
        """
        check_images(network.network, images)
        self._network = network
        self._exact = Program(
            network.network, coded_steps(network, IdealBackend(network)), network.tensors
        )
        self._workers = worker_count(network.network)
        size = min(chunk_size(network.network, self._workers), -(-len(images) // self._workers))
        self._given: Sequence[Chunk] = [
            (start, self._exact.given(np.ascontiguousarray(images[start : start + size])))
            for start in range(0, len(images), size)
        ]
        self._before = 0
        self._kept: Sequence[Chunk] = self._given
        self._lock = threading.Lock()

    def outputs(self, layer: str, backend: Backend) -> NDArray[np.float32]:
        """(images, *output shape) of the network with the products of `layer` by `backend`."""
        steps = list(self._exact.steps)
        index = next(i for i, step in enumerate(steps) if step.node.name == layer)
        steps[index] = linear_step(self._network, steps[index].node, backend)
        program = replace(self._exact, steps=tuple(steps))
        with self._lock:
            chunks = self._up_to(index)
        after = self._advanced(program, chunks, index, len(steps))
        return np.concatenate([program.result(values) for _, values in after])

    def _up_to(self, index: int) -> Sequence[Chunk]:
        """The exact tensors before a step, kept unless they are too large."""
        if index < self._before:
            self._before, self._kept = 0, self._given
        chunks = self._advanced(self._exact, self._kept, self._before, index)
        held = sum(array.nbytes for _, values in chunks for array in values.values())
        if held <= TOTAL_BYTES:
            self._before, self._kept = index, chunks
        return chunks

    def _advanced(
        self, program: Program, chunks: Sequence[Chunk], begin: int, end: int
    ) -> Sequence[Chunk]:
        def advance(chunk: Chunk) -> Chunk:
            first, values = chunk
            return first, program.advanced(values, first, begin, end)

        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(advance, chunks))
