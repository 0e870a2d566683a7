"""Slow twin of `_chain_kernels`: any read's states by recursion, cell by cell in words of bits."""

import numpy as np
from scipy import stats

from hwsim.rng import extend, random_words


class SlowChain:
    """The states of one chain; ways: `hwsim.tile.chain.Way` of each level, of the ends last."""

    def __init__(self, key, ways, words):
        self.key, self.ways, self.words = np.uint64(key), ways, words
        self.known = {}

    def at(self, read):
        """(cells,) states at a read, bit b of word w at 64 * w + b."""
        if read not in self.known:
            self.known[read] = self._drawn(read)
        return self.known[read]

    def _drawn(self, read):
        top = len(self.ways) - 1
        level = next((n for n in range(top) if read >> n & 1), top)
        kinds = np.zeros(64 * self.words, int)  # ones among both neighbours
        if level < top:
            kinds = self.at(read - 2**level) + self.at(read + 2**level)
        way, node = self.ways[level], extend(self.key, read)
        number = np.array(way.numbers)[kinds]
        state = number >> way.digits  # one where the chance is 1: all digits below are zeros
        for digit in range(way.digits):
            fair = words_under(node, digit * self.words, self.words)
            keep = np.unpackbits(fair.view(np.uint8), bitorder="little").astype(bool)
            state = np.where(keep | (number == 2**way.digits), state, number >> digit & 1)
        for cell, place in self._marks(way, extend(node, 0)):
            kind = kinds[cell]
            share = np.log1p(-way.rests[kind]) / np.log1p(-max(way.rests))
            if place < share:
                state[cell] = way.rare[kind]
        return state

    def _marks(self, way, key):
        """(cell, place in 0 .. 1) of each mark."""
        mean = -np.log1p(-max(way.rests)) * 64 * self.words
        uniform = int(words_under(extend(key), -1, 1)[0]) / 2.0**64
        count = int(stats.poisson.ppf(uniform, mean)) if mean > 0 else 0
        for word in words_under(key, 0, (count + 1) // 2):
            for half in (int(word) >> 32, int(word) & 0xFFFFFFFF)[:count]:
                spread = half * 64 * self.words
                yield spread >> 32, (spread & 0xFFFFFFFF) / 2.0**32
                count -= 1


def words_under(key, first, count):
    """Words number first, first + 1 ... under `key`; number -1 is the key's own."""
    out = np.empty(count, np.uint64)
    random_words(np.uint64(key), np.uint64(first % 2**64), out)
    return out
