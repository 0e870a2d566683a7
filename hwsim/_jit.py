"""Numba's options, decided once, with the reasons.

- `fastmath=False`: kernels are compared with their slow twins bit for bit, and
  the same seed must give the same bits on every machine.
- `nogil=True`: the executor runs chunks of images on threads.
- `cache=True`: a command line must not pay tens of seconds of compilation on
  every call.  Numba's cache index is not safe against several processes that
  write it at once (numba issues 4807 and 10128), so `warm` compiles in the
  parent before workers start; later processes only read.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

JIT_DISABLED = bool(numba.config.DISABLE_JIT)


def kernel(function: F) -> F:
    """Compile `function` as a hot loop with the project's options."""
    compiled: F = numba.njit(fastmath=False, nogil=True, cache=True, error_model="numpy")(function)
    return compiled


def inlined(function: F) -> F:
    """Compile a small function that only kernels call."""
    compiled: F = numba.njit(fastmath=False, nogil=True, error_model="numpy", inline="never")(
        function
    )
    return compiled


if JIT_DISABLED:

    def popcount(word: Any) -> Any:
        """Number of ones in an unsigned integer, in the integer's own type."""
        return word.dtype.type(int(word).bit_count())

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def popcount(_context: Any, word: Any) -> Any:
        """Number of ones in an unsigned integer, in the integer's own type.

        LLVM's `ctpop`; loops over it vectorise to VPOPCNT where the processor has it
        and to table look-ups in registers (PSHUFB) where it does not.
        """

        def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.ctpop(args[0])

        return word(word), generate


def threads() -> int:
    """Worker threads to use: HWSIM_THREADS, or the processors this process may run on."""
    asked = os.environ.get("HWSIM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


U64 = np.uint64
