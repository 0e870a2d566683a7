"""Telegraph states with finite dwell times, in the form that `_chain_kernels` reads.

A two-state chain whose states at a distance of h reads correlate as c = exp(-h * decay) and
whose duty is d has the transition probabilities p01 = d (1 - c), p10 = (1 - d)(1 - c).  The
state half-way between two states that are 2 h apart is one with the probability (Bayes)

    none of the two is one   p01 p10 / p00(2h) = d (1 - d) (1 - c)^2 / (1 - d + d c^2)
    one of them              p01 p11 / p01(2h) = (d + c (1 - d)) / (1 + c)
    both                     1 - p10 p01 / p11(2h) = 1 - d (1 - d) (1 - c)^2 / (d + (1 - d) c^2)
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TOP = 40  # 2^40 reads are more than any run
_UNCORRELATED = 2.0**-20
_SPARSE = 2.0**-7  # chance of a mark per cell below which marks are faster than digits
_MOST_MARKS = 600.0  # mean number of marks: e^-600 is still a number


class Chain(NamedTuple):
    """The levels of the bisection; level l halves a distance of 2^(l + 1) reads."""

    top: np.int64  # states 2^top reads apart are independent
    duty: np.uint64  # in units of 2^-32
    chances: NDArray[np.uint64]  # (top, 3) of a one, by the ones among both neighbours; 2^-32
    sparse: NDArray[np.bool_]  # (top,) whether marks are drawn instead of digits
    marks: NDArray[np.float64]  # (top, N) chance of at most n marks in a strip
    kept: NDArray[np.uint64]  # (top, 3) share of the marks that count, 2^-32
    rare: NDArray[np.bool_]  # (top, 3) what a mark sets


def chain_of(decay: float, duty: float, cells: int) -> Chain:
    """The chain of states that correlate as exp(-decay * reads); `cells` of a strip."""
    top = 3
    while top < _TOP and decay * 2.0**top < -math.log(_UNCORRELATED):
        top += 1
    chances = [half_way(decay * 2.0**level, duty) for level in range(top)]
    # Marks make what is left when cells keep their neighbours' state, or draw fairly.
    excess = [(none, abs(2 * one - 1), 1 - both) for none, one, both in chances]
    means = [-math.log1p(-max(e)) * cells if max(e) < _SPARSE else math.inf for e in excess]
    sparse = [mean < _MOST_MARKS for mean in means]
    tables = [_at_most(mean) if s else [1.0] for mean, s in zip(means, sparse, strict=True)]
    longest = max(map(len, tables))
    return Chain(
        top=np.int64(top),
        duty=_fixed(duty),
        chances=np.array([[_fixed(p) for p in level] for level in chances], np.uint64),
        sparse=np.array(sparse),
        marks=np.array([table + [1.0] * (longest - len(table)) for table in tables]),
        kept=np.array([_kept(e) for e in excess], np.uint64),
        rare=np.array([(True, one > 0.5, False) for _, one, _ in chances]),
    )


def half_way(decay: float, duty: float) -> tuple[float, float, float]:
    """Chance of a one between none, one and two ones; `decay` of half the distance."""
    left, lost = math.exp(-decay), -math.expm1(-decay)
    jumps = duty * (1 - duty) * lost**2
    return (
        jumps / (1 - duty + duty * left**2),
        (duty + left * (1 - duty)) / (1 + left),
        1 - jumps / (duty + (1 - duty) * left**2),
    )


def _fixed(chance: float) -> np.uint64:
    return np.uint64(round(chance * 2.0**32))


def _kept(excess: tuple[float, float, float]) -> list[np.uint64]:
    """Share of all marks that count on cells of each kind: thinned, they are Poisson again."""
    most = max(excess)
    if not 0 < most < _SPARSE:
        return [np.uint64(0)] * 3
    return [_fixed(math.log1p(-e) / math.log1p(-most)) for e in excess]


def _at_most(mean: float) -> list[float]:
    """Poisson probabilities of at most n, to 2^-40: the same table on every machine."""
    term = total = math.exp(-mean)
    table = [round(total * 2.0**40) / 2.0**40]
    while table[-1] < 1:
        term *= mean / len(table)
        total += term
        if term < 2.0**-60 and len(table) > mean:
            total = 1.0
        table.append(round(total * 2.0**40) / 2.0**40)
    return table
