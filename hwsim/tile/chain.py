"""Telegraph states with finite dwell times, in the form that `_chain_kernels` reads.

A two-state chain whose states at a distance of h reads correlate as c = exp(-h * decay) and
whose duty is d has the transition probabilities p01 = d (1 - c), p10 = (1 - d)(1 - c).  The
state half-way between two states that are 2 h apart is one with the probability (Bayes)

    none of the two is one   p01 p10 / p00(2h) = d (1 - d) (1 - c)^2 / (1 - d + d c^2)
    one of them              p01 p11 / p01(2h) = (d + c (1 - d)) / (1 + c)
    both                     1 - p10 p01 / p11(2h) = 1 - d (1 - d) (1 - c)^2 / (d + (1 - d) c^2)

A chance p is drawn as a whole number n of 2^-k, and then a cell set with the chance s, or
cleared: p = q + (1 - q) s, or p = q (1 - s), with q = n / 2^k.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TOP = 40  # 2^40 reads are more than any run
_UNCORRELATED = 2.0**-20
_MOST_DIGITS = 20
_MOST_MARKS = 600.0  # mean number of marks: e^-600 is still a number
_MARK_PRICE = 5.0  # a mark in each word of 64 cells costs as much as so many digits


class Chain(NamedTuple):
    """The levels of the bisection; level l halves a distance of 2^(l + 1) reads, `top` the ends."""

    top: np.int64  # states 2^top reads apart are independent
    words: np.int64  # of 64 cells
    digits: NDArray[np.int64]  # (top + 1,) fair words drawn for each word
    steps: NDArray[np.uint64]  # (top + 1, 2 + most digits, 3) what marks set; then the digits
    marks: NDArray[np.float64]  # (top + 1, N) chance of at most n marks
    kept: NDArray[np.uint64]  # (top + 1, 3) share of the marks that count, 2^-32


class Way(NamedTuple):
    """How the three chances of a level, by the ones among both neighbours, are drawn."""

    digits: int
    numbers: tuple[int, ...]  # of 2^-digits
    rests: tuple[float, ...]  # chance of each kind to be marked
    rare: tuple[bool, ...]  # what marked cells become


@lru_cache(maxsize=64)
def chain_of(decay: float, duty: float, cells: int) -> Chain:
    """The chain of states that correlate as exp(-decay * reads); `cells` of a strip."""
    ways = ways_of(decay, duty, cells)
    tables = [_at_most(-math.log1p(-max(way.rests)) * cells) for way in ways]
    longest = max(map(len, tables))
    steps = np.zeros((len(ways), 2 + max(way.digits for way in ways), 3), np.uint64)
    for level, way in enumerate(ways):
        steps[level, : way.digits + 2] = _steps(way)
    return Chain(
        top=np.int64(len(ways) - 1),
        words=np.int64(cells // 64),
        digits=np.array([way.digits for way in ways], np.int64),
        steps=steps,
        marks=np.array([table + [1.0] * (longest - len(table)) for table in tables]),
        kept=np.array([_kept(way.rests) for way in ways], np.uint64),
    )


def ways_of(decay: float, duty: float, cells: int) -> list[Way]:
    """How every level is drawn, the independent ends last."""
    top = 3
    while top < _TOP and decay * 2.0**top < -math.log(_UNCORRELATED):
        top += 1
    chances = [half_way(decay * 2.0**level, duty) for level in range(top)]
    return [_cheapest(level, cells) for level in [*chances, (duty,) * 3]]


def half_way(decay: float, duty: float) -> tuple[float, float, float]:
    """Chance of a one between none, one and two ones; `decay` of half the distance."""
    left, lost = math.exp(-decay), -math.expm1(-decay)
    jumps = duty * (1 - duty) * lost**2
    return (
        jumps / (1 - duty + duty * left**2),
        (duty + left * (1 - duty)) / (1 + left),
        1 - jumps / (duty + (1 - duty) * left**2),
    )


def _cheapest(chances: Sequence[float], cells: int) -> Way:
    ways = [_way(chances, digits) for digits in range(1, _MOST_DIGITS + 1)]

    def price(way: Way) -> float:
        marks = -math.log1p(-max(way.rests)) if max(way.rests) < 1 else math.inf
        if marks * cells > _MOST_MARKS:
            return math.inf
        return way.digits + _MARK_PRICE * 64 * marks

    return min(ways, key=price)


def _way(chances: Sequence[float], digits: int) -> Way:
    drawn = [_nearest(chance, 1 << digits) for chance in chances]
    numbers, rests, rare = zip(*drawn, strict=True)
    return Way(digits, numbers, rests, rare)


def _nearest(chance: float, unit: int) -> tuple[int, float, bool]:
    """The number of 1 / unit that leaves the least to marks, that rest, and what they set."""
    below = min(math.floor(chance * unit), unit - 1)
    setting = (chance - below / unit) / (1 - below / unit)
    clearing = 1 - chance * unit / (below + 1)
    if setting <= clearing:
        return below, setting, True
    return below + 1, max(clearing, 0.0), False


def _steps(way: Way) -> NDArray[np.uint64]:
    """(digits + 2, 3): what marks set; the number's lowest digit, then each digit XOR the next.

    Bits spread over a word: of cells between zeros, and what changes if one neighbour is a one,
    or both are.
    """
    none, one, both = (
        np.array([-int(rare), *(-((n << 1 ^ n) >> j & 1) for j in range(way.digits + 1))])
        for n, rare in zip(way.numbers, way.rare, strict=True)
    )
    return np.stack([none, none ^ one, none ^ both], axis=1).view(np.uint64)


def _kept(rests: Sequence[float]) -> list[np.uint64]:
    """Share of all marks that count on cells of each kind: thinned, they are Poisson again."""
    most = max(rests)
    if most == 0:
        return [np.uint64(0)] * 3
    return [np.uint64(round(math.log1p(-s) / math.log1p(-most) * 2.0**32)) for s in rests]


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
