"""The table of what is supported in docs/limitations.md: every cell runs, or is refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwsim.chip.load import load_arch
from hwsim.device.spec import Device
from hwsim.errors import HwsimError
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision, TileSpec

PAGE = Path(__file__).resolve().parent.parent / "docs" / "limitations.md"
ROWS, OUTPUTS = 24, 4
SOURCE = {"source": "made up for tests"}
FLUCTUATION = {"law": "absolute", "amplitude": 0.05, **SOURCE}
DWELL = {**FLUCTUATION, "states": "markov", "high_dwell_s": 1e-6, "low_dwell_s": 1e-6}

#: row of the table -> (keys of the device, keys of the tile)
DISTURBANCES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "resolution and range of converters": ({}, {}),
    "fluctuation, fresh at every read": ({"fluctuation": FLUCTUATION}, {}),
    "fluctuation, finite dwell times": ({"fluctuation": DWELL}, {}),
    "fluctuation, frozen": ({"fluctuation": {**FLUCTUATION, "states": "frozen"}}, {}),
    "programming error": ({"programming": {"sigma_relative": 0.05, **SOURCE}}, {}),
    "drift": ({"drift": {"nu_mean": 0.05, "nu_sigma": 0.01, "start_s": 1.0, **SOURCE}}, {}),
    "stuck cells": ({"faults": {"stuck_on": 0.01, "stuck_off": 0.01, **SOURCE}}, {}),
    "thermal, shot and converter noise": ({}, {"noise": {"converter_A": 1e-7, **SOURCE}}),
    "errors of converters": ({}, {"adc": {"errors": {"gain_sigma": 0.05, **SOURCE}}}),
    "resistive lines": ({}, {"wires": {"bit_line_ohm": 1.0, **SOURCE}}),
    "resistive lines, finite dwell times": (
        {"fluctuation": DWELL},
        {"wires": {"bit_line_ohm": 1.0, **SOURCE}},
    ),
    "dummy column": ({"fluctuation": FLUCTUATION}, {"compensation": "dummy_column"}),
    "`G_min` taken off digitally": ({"fluctuation": FLUCTUATION}, {"compensation": "digital"}),
}
IN_THE_ARRAY = "differential, subtracted in the array"
ENCODINGS = {
    IN_THE_ARRAY: {"encoding": "differential", "subtraction": "analog"},
    "differential, subtracted digitally": {"encoding": "differential", "subtraction": "digital"},
    "offset": {"encoding": "offset"},
    "two's complement": {"encoding": "twos_complement"},
}


def tile(encoding: dict[str, Any], changes: dict[str, Any]) -> TileSpec:
    adc = {"bits": 8, "columns_per_adc": 8, "range": "full", **changes.get("adc", {})}
    base = load_arch("emt").tile.model_dump(mode="json") | {"noise": None, "rows": 32, "cols": 64}
    return TileSpec.model_validate(base | encoding | changes | {"adc": adc})


def runs(disturbance: str, encoding: str, engine: Engine, single_array: bool) -> bool:
    """Whether a small matrix is multiplied (on a single array: what the RTL is shown)."""
    device_keys, tile_keys = DISTURBANCES[disturbance]
    device = Device.model_validate(
        {"name": "test", "conductance_min_S": 1e-6, "conductance_max_S": 4e-5, **SOURCE}
        | device_keys
    )
    random = np.random.default_rng(0)
    weights = random.integers(-7, 8, (1, ROWS, OUTPUTS))
    codes: NDArray[np.int16] = random.integers(0, 16, (3, ROWS)).astype(np.int16)
    try:
        geometry = Geometry(
            tile(ENCODINGS[encoding], tile_keys), Precision(weight_bits=4, input_bits=4)
        )
        signed = converts_differences(geometry)
        converter = Converter(8, full_shift(column_bound(geometry, ROWS), 8, signed), signed)
        matrix = ProgrammedMatrix(weights, geometry, converter, device, engine=engine)
        matrix.multiply(codes)
        if single_array:
            ArrayColumns(matrix, 0, range(OUTPUTS)).samples(codes[0] & 1, 0, 0)
    except (HwsimError, ValueError):
        return False
    return True


def stated() -> dict[str, list[str]]:
    rows = re.findall(r"^\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [row.split(" | ") for row in rows]
    return {row[0]: row[1:] for row in cells if row[0] in DISTURBANCES}


def found(disturbance: str, engine: Engine, single_array: bool) -> str:
    ran = [name for name in ENCODINGS if runs(disturbance, name, engine, single_array)]
    if len(ran) in (0, len(ENCODINGS)):
        return "yes" if ran else "no"
    assert ran == [name for name in ENCODINGS if name != IN_THE_ARRAY]
    return "converted apart"


def test_every_row_is_in_the_table() -> None:
    assert list(stated()) == list(DISTURBANCES)


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_row_of_the_table_is_what_happens(disturbance: str) -> None:
    columns = [(engine, single) for single in (False, True) for engine in Engine]
    assert [found(disturbance, *column) for column in columns] == stated()[disturbance]
