"""Kernels on processors with other vectors: the same bits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import hashlib, numpy as np
from hwsim.rng import normal_deviates, random_words
words, z = np.empty(5001, np.uint64), np.empty(10001, np.float32)
random_words(np.uint64(7), 0, words)
normal_deviates(words.view(np.int32)[:10001], z)
print(hashlib.sha256(z.tobytes()).hexdigest())
"""


@pytest.mark.compiled
def test_a_processor_without_avx512_draws_the_same_bits(tmp_path: Path) -> None:
    digests = set()
    for target in ({}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}):
        environment = {**os.environ, **target, "HWSIM_CACHE": str(tmp_path / str(len(target)))}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1
