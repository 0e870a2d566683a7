"""Bit planes: integers as the words of rows that the kernels AND and count."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.tile.encoding import Levels
from hwsim.tile.geometry import Geometry, ceil_div

IntArray = NDArray[np.int64]
_STRIP = 256  # lanes whose planes stay in the first-level cache for a group of vectors


class Bank(NamedTuple):
    """What the cells of one row block hold, as kernels read it."""

    planes: NDArray[Any]  # (strips, C, P, W, width) unsigned words of rows
    weights: NDArray[Any]  # (digit bits, P) signed weight of each plane for each input bit
    lanes: IntArray  # (strips, P) lanes in use


def bank_of(values: IntArray, lane_type: Any, digit_bits: int) -> Bank:
    """Bit planes of cell values (C, S, rows, outputs), two's complement if any is negative."""
    negative = bool((values < 0).any())
    bits = max(int(values.max(initial=0)), -int(values.min(initial=0)) - 1, 1).bit_length()
    bits += negative
    planes = pack_rows([values >> p & 1 for p in range(bits)], lane_type)
    weights = np.array([1 << p for p in range(bits)], np.int64)
    if negative:
        weights[-1] = -weights[-1]
    digits = 1 << np.arange(digit_bits)
    return Bank(
        planes,
        (digits[:, None] * weights).astype(lane_type),
        _last_used((planes != 0).any(axis=(1, 3))),
    )


def monomial_planes(
    levels: Levels, monomials: Sequence[tuple[int, ...]], lane_type: Any
) -> NDArray[Any]:
    """(strips, C, monomials, W, width) planes of products of the levels' bits."""
    wide = levels.astype(np.int64)
    products = [np.logical_and.reduce([wide >> v & 1 for v in bits]) for bits in monomials]
    planes = pack_rows(products or [np.zeros_like(wide)], lane_type)
    return aligned(planes[:, :, : len(products)])


def unsigned(lane_type: Any) -> Any:
    """The word type of lanes of a signed type."""
    return np.uint16 if lane_type is np.int16 else np.uint32


def pack_rows(planes: Sequence[NDArray[Any]], lane_type: Any) -> NDArray[Any]:
    """Bit planes as words of rows in strips of lanes.

    Args:
        planes: P arrays (C, S, rows, outputs) of zeros and ones; lane = slice * outputs + output.
    Returns:
        (strips, C, P, W, width) unsigned words; lanes beyond the last are zero.
    """
    pair, _, rows, _ = planes[0].shape
    word = np.dtype(unsigned(lane_type))
    lanes_last = [p.astype(np.uint8).transpose(0, 1, 3, 2).reshape(pair, -1, rows) for p in planes]
    bits = np.stack(lanes_last)  # (P, C, L, rows)
    # A multiple of four: the random states of a strip's word are then whole 64-bit words.
    width = min(_STRIP, 4 * ceil_div(bits.shape[2], 4))
    strips = ceil_div(bits.shape[2], width)
    packed = np.packbits(bits, axis=3, bitorder="little")
    missing = (strips * width - packed.shape[2], -packed.shape[3] % word.itemsize)
    padded = np.pad(packed, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])))
    words = np.ascontiguousarray(padded).view(word.newbyteorder("<")).astype(word)
    split = words.reshape(len(planes), pair, strips, width, -1)
    return aligned(split.transpose(2, 1, 0, 4, 3))


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous copy at a multiple of 64 bytes: a vector then lies in one cache line."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _last_used(used: Any) -> IntArray:
    """(strips, P): one more than the last lane in use, from (strips, P, width)."""
    lanes = used.shape[2] - np.argmax(used[:, :, ::-1], axis=2)
    return np.where(used.any(axis=2), lanes, 0).astype(np.int64)


def digit_planes(planes: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """Input monomials of every phase: its digit's bits, then the products of two and three.

    Args:
        planes: (vectors, 8, words) bit planes of the codes.
    Returns:
        (vectors, phases, monomials, words).
    """
    phases = geometry.phases
    if phases.bits == 1:
        return with_products(planes[:, : phases.count, None])
    bits = np.zeros((planes.shape[0], phases.count, phases.bits, planes.shape[2]), planes.dtype)
    for t, shift in enumerate(phases.shifts):
        limit = phases.total_bits if phases.signs[t] < 0 else phases.magnitude_bits
        width = min(phases.bits, limit - shift)
        bits[:, t, :width] = planes[:, shift : shift + width]
    return with_products(bits)


def with_products(bits: NDArray[Any]) -> NDArray[Any]:
    """Input monomials (..., monomials, words) of the bits (..., digit bits, words) of a digit."""
    products = [
        np.bitwise_and.reduce(bits[..., picked, :], axis=-2)
        for picked in map(list, _products(bits.shape[-2]))
    ]
    if not products:
        return np.ascontiguousarray(bits)
    return np.concatenate([bits, np.stack(products, axis=-2)], axis=-2)


def _products(digit_bits: int) -> list[tuple[int, ...]]:
    """The bits that are multiplied, two and three at a time."""
    return [picked for order in (2, 3) for picked in combinations(range(digit_bits), order)]


def input_monomials(
    digit_bits: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Weights of the monomials of `digit_planes` in a digit, in its square and its third power.

    That of a product of bits in x^n is the sum of (-1)^(bits left out) y^n over the digits y
    made of any of its bits: x^2 = sum_u 4^u b_u + sum_{u<v} 2^(u+v+1) b_u b_v, for one.
    """
    singles: list[tuple[int, ...]] = [(u,) for u in range(digit_bits)]
    monomials = singles + _products(digit_bits)

    def weights(power: int) -> NDArray[np.float32]:
        return np.array([_weight(picked, power) for picked in monomials], np.float32)

    return weights(1), weights(2), weights(3)


def _weight(picked: tuple[int, ...], power: int) -> int:
    size = len(picked)
    subsets = [part for k in range(1, size + 1) for part in combinations(picked, k)]
    return sum((-1) ** (size - len(part)) * sum(1 << u for u in part) ** power for part in subsets)
