"""Numba's options, decided once, with the reasons, and the few operations Numba lacks.

- `fastmath=False`: kernels are compared with their slow twins bit for bit, and
  the same seed must give the same bits on every machine.
- `nogil=True`: the executor runs chunks of images on threads.
- `cache=True`: a command line must not pay tens of seconds of compilation on
  every call.  Numba looks only at the file of a function itself: a kernel would
  keep running with the old version of one it calls from another module.  So the
  cache lies in a folder named after the contents of all modules with kernels.
  Numba's cache index is not safe against several processes that
  write it at once (numba issues 4807 and 10128): whoever starts worker processes
  compiles in the parent first.

Numba widens every integer operation to 64 bits, which costs the vector units three
quarters of their lanes.  The operations below keep the type of their first operand
(16- and 32-bit lanes: VPOPCNTW, VPSRAVW, VPMINSW ...).
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

JIT_DISABLED = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]


def _cache_folder() -> Path:
    """Where compiled kernels are kept: HWSIM_CACHE or the user's cache, by their sources."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        source = path.read_bytes()
        if b"@kernel" in source or b"@intrinsic" in source:
            digest.update(source)
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = os.environ.get("HWSIM_CACHE") or Path(user) / "hwsim"
    return Path(base) / "kernels" / digest.hexdigest()[:16]


def _can_cache() -> bool:
    """Whether compiled kernels can be kept; a NUMBA_CACHE_DIR of the user's own goes first."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return True
    folder = _cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return os.access(folder, os.W_OK)


_CACHE = _can_cache()


def kernel(function: Callable[..., Any], inline: bool = False) -> Any:
    """Compile `function` as a hot loop with the project's options; inline: into its callers."""
    if JIT_DISABLED:  # NumPy warns where machine integers wrap around as they should
        return np.errstate(over="ignore")(function)
    options: dict[str, Any] = {"fastmath": False, "nogil": True, "error_model": "numpy"}
    return numba.njit(cache=_CACHE, forceinline=inline, **options)(function)


def inlined_kernel(function: Callable[..., Any]) -> Any:
    """A `kernel` without a call of its own: passing arrays costs dozens of words."""
    return kernel(function, inline=True)


if JIT_DISABLED:

    def borrowed(value: Any) -> Any:
        """Arrays, or tuples with arrays, that a kernel was given, without counts of references.

        A kernel counts up and down, atomically, every array that it hands to another one, inlined
        or not: 5 ns each, more than the work on a narrow strip.  Only for arguments: the caller
        keeps them alive, but no one keeps what the kernel itself made.
        """
        return value

else:

    @intrinsic
    def borrowed(_context: Any, value: Any) -> Any:
        """Arrays, or tuples with arrays, that a kernel was given, without counts of references."""

        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return _uncounted(context, builder, value, args[0])

        return value(value), codegen

    def _uncounted(context: Any, builder: Any, kind: Any, value: Any) -> Any:
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder, value)
            array.meminfo = ir.Constant(array.meminfo.type, None)
            array.parent = ir.Constant(array.parent.type, None)
            return array._getvalue()
        if isinstance(kind, types.BaseTuple):
            parts: Any = kind
            for n, part in enumerate(parts.types):
                changed = _uncounted(context, builder, part, builder.extract_value(value, n))
                value = builder.insert_value(value, changed, n)
        return value


def threads() -> int:
    """Worker threads to use: HWSIM_THREADS, or the processors this process may run on."""
    asked = os.environ.get("HWSIM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _typed_binary(name: str, generate: Callable[[Any, Any, Any], Any], python: Any) -> Any:
    """An operation on two integers of one type that stays in that type."""
    if JIT_DISABLED:
        return python

    @intrinsic
    def operation(_context: Any, left: Any, _right: Any) -> Any:
        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return generate(builder, args[0], args[1])

        return left(left, left), codegen

    operation.__doc__ = name
    return operation


def _lesser(builder: Any, left: Any, right: Any) -> Any:
    return builder.select(builder.icmp_signed("<", left, right), left, right)


def _greater(builder: Any, left: Any, right: Any) -> Any:
    return builder.select(builder.icmp_signed(">", left, right), left, right)


def _high_half(builder: Any, left: Any, right: Any) -> Any:
    wide = ir.IntType(32)
    product = builder.mul(builder.sext(left, wide), builder.sext(right, wide))
    return builder.trunc(builder.ashr(product, ir.Constant(wide, 16)), left.type)


def _python_high_half(left: Any, right: Any) -> Any:
    return type(left)(int(left) * int(right) >> 16)


def _python_shift_left(left: Any, right: Any) -> Any:
    return type(left)(int(left) << int(right))


def _python_shift_right(left: Any, right: Any) -> Any:
    return type(left)(int(left) >> int(right))


def _python_add(left: Any, right: Any) -> Any:
    return type(left)(int(left) + int(right))


def _python_multiply(left: Any, right: Any) -> Any:
    return type(left)(int(left) * int(right))


def _python_subtract(left: Any, right: Any) -> Any:
    return type(left)(int(left) - int(right))


typed_add = _typed_binary("left + right", lambda b, x, y: b.add(x, y), _python_add)
typed_sub = _typed_binary("left - right", lambda b, x, y: b.sub(x, y), _python_subtract)
typed_mul = _typed_binary("left * right", lambda b, x, y: b.mul(x, y), _python_multiply)
typed_shl = _typed_binary("left << right", lambda b, x, y: b.shl(x, y), _python_shift_left)
typed_shr = _typed_binary("left >> right", lambda b, x, y: b.ashr(x, y), _python_shift_right)
#: left * right / 2^16, rounded down; the product must fit 32 bits.
typed_mul_high = _typed_binary("left * right >> 16", _high_half, _python_high_half)
typed_min = _typed_binary("min(left, right), signed", _lesser, min)
typed_max = _typed_binary("max(left, right), signed", _greater, max)

if JIT_DISABLED:

    def popcount(word: Any) -> Any:
        """Number of ones in an unsigned integer, in the integer's own type."""
        return type(word)(int(word).bit_count())

else:

    @intrinsic
    def popcount(_context: Any, word: Any) -> Any:
        """Number of ones in an unsigned integer, in the integer's own type.

        LLVM's `ctpop`; loops over it vectorise to VPOPCNT where the processor has it
        and to table look-ups in registers (PSHUFB) where it does not.
        """

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.ctpop(args[0])

        return word(word), codegen


if JIT_DISABLED:

    def float_bits(value: Any) -> Any:
        """The IEEE single-precision pattern of a float32, as int32."""
        return np.float32(value).view(np.int32)

    def bits_float(bits: Any) -> Any:
        """The float32 of an IEEE single-precision pattern."""
        return np.int32(bits).view(np.float32)

else:

    @intrinsic
    def float_bits(_context: Any, _value: Any) -> Any:
        """The IEEE single-precision pattern of a float32, as int32."""

        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(types.int32))

        return types.int32(types.float32), codegen

    @intrinsic
    def bits_float(_context: Any, _bits: Any) -> Any:
        """The float32 of an IEEE single-precision pattern."""

        def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(types.float32))

        return types.float32(types.int32), codegen
