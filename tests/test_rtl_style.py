"""The house rules of the Verilog: form, the subset that pyverilog reads rightly, lint, checks."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hwsim.cosim.lint import icarus_warnings, verilator_warnings
from hwsim.cosim.simulators import RTL, MissingSimulator, icarus, rtl_sources
from hwsim.cosim.verilog import emit, parse, read_module

SOURCES = rtl_sources()
NAMES = [path.stem for path in SOURCES]

#: Pattern -> why it is not used: pyverilog 1.3 gets it wrong, or it is not Verilog-2001.
UNSAFE = {
    r"<<<": "dropped when emitted",
    r"[+-]:\s": "read as another range",
    r"\bcase[zx]\b": "lost when emitted",
    r"\$clog2\b": "Verilog-2005",
    r"`(define|ifdef|ifndef|include|timescale)\b": "no preprocessor",
    r"\b(logic|always_ff|always_comb|typedef|enum|int|bit)\b": "SystemVerilog",
    r"'[01]\b": "SystemVerilog fill",
    r"#\s*\d": "delay",
    r"\b(defparam|real|tri|task|repeat|forever)\b": "outside the subset",
    r"^\s*(wire|reg)\b[^;=]*=[^;]*\bx\b": "no x",
}


def code(path: Path) -> str:
    return re.sub(r"//.*", "", path.read_text(encoding="utf-8"))


def skip_if_missing(run: Callable[[], str]) -> str:
    try:
        return run()
    except MissingSimulator as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_file_has_the_house_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "// SPDX-License-Identifier: Apache-2.0"
    assert lines[2].startswith(f"// {path.stem}: ")
    assert "`default_nettype none" in lines
    assert lines[-1] == "`default_nettype wire"
    assert max(map(len, lines)) <= 100
    header = text.split("`default_nettype none")[0]
    assert ("NOT SYNTHESIZABLE" in header) == (path.parent.name == "sim")
    assert "Golden model: " in header or path.stem == "tile_with_array"


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_no_construct_is_outside_the_safe_subset(path: Path) -> None:
    text = code(path)
    found = [why for pattern, why in UNSAFE.items() if re.search(pattern, text, re.MULTILINE)]
    assert not found
    # Two loops or instances in one generate block are glued together when emitted.
    for block in re.findall(r"^    generate\n(.*?)^    endgenerate", text, re.M | re.S):
        assert len(re.findall(r"^        (?:for|if)\b", block, re.M)) == 1


@pytest.mark.parametrize(
    "bad", ["a <<< 1", "a[b +: 4]", "casez (a)", "$clog2(N)", "`define A", "'0"]
)
def test_the_scan_sees_an_unsafe_construct(bad: str) -> None:
    assert any(re.search(pattern, bad, re.MULTILINE) for pattern in UNSAFE)


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_port_suffixes_match_directions(path: Path) -> None:
    ports = read_module(path).port_list()
    suffixes = {"input": ("_i", "_ni"), "output": ("_o",)}
    assert [p.name for p in ports if not p.name.endswith(suffixes[p.direction])] == []
    if path.stem != "column_mux":  # combinational
        assert ports[0].name == "clk_i"


@pytest.mark.rtl
def test_the_re_emitted_source_compiles(tmp_path: Path) -> None:
    for path in SOURCES:
        (tmp_path / path.name).write_text(emit(parse(path)), encoding="utf-8")
    program = skip_if_missing(lambda: str(icarus()))
    command = [program, "-g2001", "-t", "null", "-y", str(tmp_path)]
    done = subprocess.run(
        [*command, str(tmp_path / "tile_with_array.v")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


#: Corners of the tile's parameters.
CORNERS = [
    {"ENCODING": 0, "SUBTRACT_ANALOG": 1, "COLUMNS_PER_ADC": 7},
    {"ENCODING": 0, "COLUMNS_PER_ADC": 64, "NARROW_WEIGHTS": 0},
    {"ENCODING": 1, "CELL_BITS": 1, "COLUMNS_PER_ADC": 3, "ADC_BITS": 4},
    {"ENCODING": 1, "CELL_BITS": 4, "ADC_FLASH": 1, "ADC_BITS": 8, "DAC_BITS": 4},
    {"ENCODING": 1, "CELL_BITS": 3, "COLUMNS_PER_ADC": 1, "ADC_FLASH": 1, "ADC_BITS": 4},
    {"ENCODING": 2, "CELL_BITS": 3, "INPUT_BITS": 2, "DAC_BITS": 4},
    {"ENCODING": 2, "WEIGHT_BITS": 2, "INPUT_BITS": 3, "DAC_BITS": 2, "REDUNDANCY": 3},
    {"ROWS": 256, "COLS": 256, "COLUMNS_PER_ADC": 256, "ADC_BITS": 12, "REDUNDANCY": 8},
    {"ROWS": 1, "COLS": 8, "COLUMNS_PER_ADC": 8, "READ_CYCLES": 4095},
]
MODULES = [(name, {}) for name in NAMES] + [("tile", corner) for corner in CORNERS]


@pytest.mark.rtl
@pytest.mark.parametrize(("module", "parameters"), MODULES)
def test_lint_is_clean(module: str, parameters: dict[str, int]) -> None:
    assert skip_if_missing(lambda: verilator_warnings(module, parameters)) == ""
    assert skip_if_missing(lambda: icarus_warnings(module, parameters)) == ""


@pytest.mark.rtl
def test_lint_sees_a_width_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "verilator.vlt").write_text("`verilator_config\n", encoding="utf-8")
    broken = (RTL / "accumulator.v").read_text(encoding="utf-8")
    broken = broken.replace("index_d       = fire ? sum_index_i : index_q", "index_d = sum_i")
    (tmp_path / "accumulator.v").write_text(broken, encoding="utf-8")
    said = skip_if_missing(lambda: verilator_warnings("accumulator", folder=tmp_path))
    assert "WIDTHTRUNC" in said


#: Parameters that a module refuses: the message names the first one.
ILLEGAL = [
    ("row_driver", {"INPUTS": 257}),
    ("row_driver", {"INPUT_BITS": 9}),
    ("row_driver", {"DAC_BITS": 5}),
    ("sar_adc", {"ADC_BITS": 13}),
    ("flash_adc", {"ADC_BITS": 9}),
    ("column_mux", {"COLS_PER_ADC": 9}),
    ("shift_add", {"CODE_W": 13}),
    ("shift_add", {"CELL_BITS": 5}),
    ("shift_add", {"SLICES": 9}),
    ("shift_add", {"TOP_SHIFT": 8}),
    ("shift_add", {"CONVERTED": 3}),
    ("shift_add", {"COLS_PER_ADC": 9}),
    ("shift_add", {"LINES": 9}),
    ("shift_add", {"FIRST": 4}),
    ("shift_add", {"BANK": 3}),
    ("accumulator", {"SUM_W": 65}),
    ("requantizer", {"SUM_W": 39}),
    ("requantizer", {"MANTISSA_W": 25}),
    ("requantizer", {"CODE_W": 17}),
    ("tile_controller", {"READ_CYCLES": 4096}),
    ("tile_controller", {"CONVERSION_CYCLES": 14}),
    ("tile_controller", {"COLS_PER_ADC": 9}),
    ("input_sum", {"INPUTS": 257}),
    ("input_sum", {"DAC_BITS": 5}),
    ("output_register", {"OUTPUTS": 257}),
    ("output_register", {"SUM_W": 25}),
    ("config_registers", {"OUTPUTS": 9}),
    ("config_registers", {"SUM_W": 32}),
    ("tile", {"ROWS": 257}),
    ("tile", {"ENCODING": 3}),
    ("tile", {"REDUNDANCY": 9}),
    ("tile", {"WEIGHT_BITS": 9}),
]


@pytest.mark.rtl
@pytest.mark.parametrize(("module", "values"), ILLEGAL)
def test_an_illegal_parameter_stops_the_simulation(
    module: str, values: dict[str, int], tmp_path: Path
) -> None:
    said = run_icarus(module, values, tmp_path)
    name, value = next(iter(values.items()))
    assert re.search(rf"{module} .*{name}\b.* must .*got .*{value}", said), said


@pytest.mark.rtl
@pytest.mark.parametrize("module", sorted({module for module, _ in ILLEGAL}))
def test_the_default_parameters_are_legal(module: str, tmp_path: Path) -> None:
    assert "must" not in run_icarus(module, {}, tmp_path)


def run_icarus(module: str, values: dict[str, int], folder: Path) -> str:
    """What a module says in its initial blocks; a width that such values break stops it too."""
    program = skip_if_missing(lambda: str(icarus()))
    parameters = [f"-P{module}.{name}={value}" for name, value in values.items()]
    binary = folder / "model"
    compiled = subprocess.run(
        [
            program,
            "-g2001",
            "-o",
            binary,
            "-s",
            module,
            "-y",
            RTL,
            *parameters,
            RTL / f"{module}.v",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if compiled.returncode:
        return compiled.stderr
    done = subprocess.run(
        ["vvp", "-n", binary], capture_output=True, text=True, check=True, timeout=600
    )
    return done.stdout
