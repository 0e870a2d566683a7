"""Every engine on processors with other vectors: the same bits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import hashlib
import numpy as np
from numba.core.registry import cpu_target
from hwsim.device.spec import Device
from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision, TileSpec

SOURCE = {"source": "made up for tests"}
TILE = dict(rows=70, cols=256, cell_bits=2, encoding="differential", clock_Hz=1e9, read_cycles=1)
TILE |= dict(read_voltage_V=0.2, adc={"bits": 8, "columns_per_adc": 8})
CELL = dict(name="test", conductance_min_S=1e-6, conductance_max_S=1e-5, **SOURCE)

print(cpu_target.target_context.codegen().magic_tuple()[1])
stream = np.random.default_rng(1)
weights = stream.integers(-127, 128, (1, 150, 21))
codes = stream.integers(0, 256, (70, 150)).astype(np.int16)

def digest(name, engine, tile=None, fluctuation=None):
    geometry = Geometry(TileSpec.model_validate(TILE | (tile or {})), Precision(), redundancy=2)
    device = fluctuation and Device.model_validate(CELL | {"fluctuation": fluctuation})
    matrix = ProgrammedMatrix(weights, geometry, Converter(8, 2, True), device, (3,), engine)
    found = matrix.multiply(codes, first=250).values
    assert found.any()
    print(name, hashlib.sha256(found.tobytes()).hexdigest())

chains = dict(states="markov", high_dwell_s=3e-8, low_dwell_s=2e-8)
slow = dict(states="markov", high_dwell_s=2e-6, low_dwell_s=2e-6)
current = {"noise": {"converter_A": 1e-7, **SOURCE}}
wires = {"wires": {"bit_line_ohm": 1.0, **SOURCE}, "subtraction": "analog"}

def telegraph(law="absolute", **changes):
    return {"law": law, "amplitude": 0.1, **SOURCE, **changes}

digest("ideal", Engine.MOMENTS)
digest("moments", Engine.MOMENTS, current, fluctuation=telegraph("sqrt"))
digest("moments, skewed", Engine.MOMENTS, fluctuation=telegraph("relative", duty=0.8))
for law in ("absolute", "relative", "sqrt"):
    digest("exact " + law, Engine.EXACT, fluctuation=telegraph(law, duty=0.7))
digest("exact with current", Engine.EXACT, current, fluctuation=telegraph())
digest("exact, two bits", Engine.EXACT, {"dac_bits": 2}, fluctuation=telegraph("relative"))
digest("chains", Engine.EXACT, fluctuation=telegraph("relative", **chains))
digest("slow chains", Engine.EXACT, fluctuation=telegraph(**slow))
digest("wires", Engine.MOMENTS, wires, fluctuation=telegraph())
digest("wires exact", Engine.EXACT, wires, fluctuation=telegraph())
"""


def digests(target: dict[str, str]) -> list[str]:
    """The processor's name as the compiler knows it, then a digest per engine."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **target},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("name", ["generic", "haswell"])
def test_engines_give_the_same_bits_on_other_processors(tmp_path: Path, name: str) -> None:
    """`haswell` has 256-bit vectors without population counts of lanes, `generic` 128-bit ones."""
    own = digests({})
    target = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": "", "HWSIM_CACHE": str(tmp_path)}
    other = digests(target)
    assert other[0] == name != own[0]
    assert len(own) == 13
    assert other[1:] == own[1:]
