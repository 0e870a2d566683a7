"""How many images and threads at a time: working memory stays bounded for any network."""

import math

from hwsim._jit import threads
from mapping.lower import matrix_shape, mvms_per_image
from mapping.network import LINEAR_OPS, Network

#: Working memory of all threads together, and of one: more only leaves the caches.
TOTAL_BYTES = 768 << 20
CHUNK_BYTES = 24 << 20
MAX_CHUNK = 256
#: Bytes per element of input vectors (codes and the backend's own form of them) and results.
VECTOR_BYTES = 8
RESULT_BYTES = 24


def image_bytes(network: Network) -> int:
    """Working memory that one image needs at the network's largest node."""
    largest = 1
    for node in network.nodes:
        needed = math.prod(network.shapes[node.output][1:]) * RESULT_BYTES
        if node.op in LINEAR_OPS:
            groups, rows, _ = matrix_shape(node, network.shapes[node.inputs[1]])
            vectors = mvms_per_image(node, network.shapes[node.output])
            needed += vectors * groups * rows * VECTOR_BYTES
        largest = max(largest, needed)
    return largest


def worker_count(network: Network) -> int:
    """Threads to use: no more than have room for one image each."""
    return max(1, min(threads(), TOTAL_BYTES // image_bytes(network)))


def chunk_size(network: Network, workers: int) -> int:
    """Images per chunk that fit the memory of one of `workers` threads; at least one."""
    room = min(CHUNK_BYTES, TOTAL_BYTES // max(1, workers))
    return max(1, min(MAX_CHUNK, room // image_bytes(network)))
