"""Real numbers to codes and back, in onnxruntime's float32 order.

    decode:  real = float32(code - zero_point) * scale
    encode:  code = clip(round_half_even(real / scale) + zero_point, low, high)

The division is a division (QuantizeLinear), not a product with the inverse.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.peripherals.requantizer import Requantizer
from mapping.network import QuantParams

Codes = NDArray[np.int16]
Reals = NDArray[np.float32]
#: Codes of accumulators; the number is that of the first image.
Requantize = Callable[[Requantizer, NDArray[np.int64], int], Codes]


@kernel
def _encode(reals: Reals, scale: np.float32, limits: NDArray[np.float32], out: Codes) -> None:
    """limits: zero point, low - zero point, high - zero point; arrays are flat.

    The order of max's arguments turns a nan into the lowest code, as in onnxruntime.
    """
    zero_point, low, high = limits[0], limits[1], limits[2]
    for i in range(reals.shape[0]):
        out[i] = np.int16(min(max(low, np.rint(reals[i] / scale)), high) + zero_point)


@kernel
def _decode(codes: Codes, scale: np.float32, zero_point: np.int32, out: Reals) -> None:
    for i in range(codes.shape[0]):
        out[i] = np.float32(codes[i] - zero_point) * scale


@kernel
def _look_up(codes: Codes, table: Codes, low: np.int64, out: Codes) -> None:
    for i in range(codes.shape[0]):
        out[i] = table[codes[i] - low]


@kernel
def _add(
    a: Codes, b: Codes, scales: NDArray[np.float32], zero_points: NDArray[np.int32],
    limits: NDArray[np.float32], out: Codes,
) -> None:  # fmt: skip
    """scales: a, b, out; zero_points: a, b; limits as in `_encode`; arrays are flat."""
    zero_point, low, high = limits[0], limits[1], limits[2]
    for i in range(a.shape[0]):
        left = np.float32(a[i] - zero_points[0]) * scales[0]
        right = np.float32(b[i] - zero_points[1]) * scales[1]
        out[i] = np.int16(min(max(low, np.rint((left + right) / scales[2])), high) + zero_point)


def _limits(params: QuantParams) -> NDArray[np.float32]:
    z = params.zero_point
    return np.array([z, params.low - z, params.high - z], dtype=np.float32)


def encode(reals: Reals, params: QuantParams) -> Codes:
    """Codes of real numbers, any shape."""
    out = np.empty(reals.shape, dtype=np.int16)
    flat = np.ascontiguousarray(reals, dtype=np.float32).reshape(-1)
    _encode(flat, np.float32(params.scale), _limits(params), out.reshape(-1))
    return out


def decode(codes: Codes, params: QuantParams) -> Reals:
    """Real numbers of codes, any shape."""
    out = np.empty(codes.shape, dtype=np.float32)
    flat = np.ascontiguousarray(codes).reshape(-1)
    _decode(flat, np.float32(params.scale), np.int32(params.zero_point), out.reshape(-1))
    return out


def every_code(params: QuantParams) -> Codes:
    """All codes in ascending order."""
    return np.arange(params.low, params.high + 1, dtype=np.int16)


def look_up(codes: Codes, table: Codes, low: int) -> Codes:
    """table[codes - low], any shape; `low` is the smallest code the table knows."""
    out = np.empty(codes.shape, dtype=np.int16)
    _look_up(np.ascontiguousarray(codes).reshape(-1), table, np.int64(low), out.reshape(-1))
    return out


def add_codes(
    a: Codes, b: Codes, params: tuple[QuantParams, QuantParams], output: QuantParams
) -> Codes:
    """encode(decode(a) + decode(b)) of two tensors of one shape, in one pass."""
    out = np.empty(a.shape, dtype=np.int16)
    scales = np.array([params[0].scale, params[1].scale, output.scale], dtype=np.float32)
    zero_points = np.array([params[0].zero_point, params[1].zero_point], dtype=np.int32)
    left, right = np.ascontiguousarray(a).reshape(-1), np.ascontiguousarray(b).reshape(-1)
    _add(left, right, scales, zero_points, _limits(output), out.reshape(-1))
    return out


def requantize_exactly(built: Requantizer, acc: NDArray[np.int64], _first_image: int) -> Codes:
    """What a backend that makes no codes leaves to the walker."""
    return built.codes(acc)
