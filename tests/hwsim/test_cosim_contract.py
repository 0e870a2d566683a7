"""Model and RTL: the same parameters, ports, registers; differences are readable."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.cosim.contract import ContractError, check_bench, check_registers, check_tile
from hwsim.cosim.simulators import RTL
from hwsim.cosim.verilog import VerilogError, evaluate, parse, read_module
from hwsim.errors import MappingError
from hwsim.peripherals.spec import Adc, AdcKind
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Averaging, Encoding, Precision, Subtraction, TileSpec


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    encoding = draw(st.sampled_from(Encoding))
    kind = draw(st.sampled_from(AdcKind))
    cols = draw(st.integers(16, 256))
    adc = Adc(
        kind=kind,
        bits=draw(st.integers(4, 8 if kind is AdcKind.FLASH else 12)),
        columns_per_adc=draw(st.integers(1, cols)),
    )
    tile = TileSpec(
        rows=draw(st.integers(8, 256)),
        cols=cols,
        cell_bits=draw(st.integers(1, 4)),
        dac_bits=draw(st.integers(1, 4)),
        encoding=encoding,
        subtraction=draw(st.sampled_from(Subtraction)),
        averaging=draw(st.sampled_from(Averaging)),
        adc=adc,
        clock_Hz=1e9,
        read_cycles=draw(st.integers(1, 200)),
        read_voltage_V=0.2,
    )
    precision = Precision(
        weight_bits=draw(st.integers(2, 8)),
        input_bits=draw(st.integers(2, 8)),
        input_signed=draw(st.booleans()),
        narrow_weights=draw(st.booleans()),
    )
    return Geometry(tile, precision, draw(st.integers(1, 8)))


@given(geometries())
def test_tile_agrees_with_the_model_over_the_parameter_grid(geometry: Geometry) -> None:
    check_tile(geometry)


def test_registers_and_bench_agree_with_the_model() -> None:
    check_registers()
    check_bench()


def base() -> Geometry:
    adc = Adc(bits=8, columns_per_adc=8)
    tile = TileSpec(
        rows=64,
        cols=64,
        cell_bits=2,
        encoding=Encoding.DIFFERENTIAL,
        adc=adc,
        clock_Hz=1e9,
        read_cycles=1,
        read_voltage_V=0.2,
    )
    return Geometry(tile, Precision())


def changed(folder: Path, file: str, old: str, new: str) -> Path:
    shutil.copytree(RTL, folder / "rtl")
    path = folder / "rtl" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder / "rtl"


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("tile.v", "[INPUTS*INPUT_BITS-1:0]", "[INPUTS-1:0]",
         "tile: port x_i: expected input [512], found input [64]"),
        ("tile.v", "y_last_o", "y_end_o", "tile: port y_last_o: expected output [1], found none"),
        ("tile.v", "output wire signed [SUM_W-1:0]          y_o", "output wire [SUM_W-1:0] y_o",
         "tile: port y_o: expected output signed [38], found output [38]"),
        ("tile.v", "COLS / (SLICES * PAIR)", "COLS / SLICES",
         "tile: parameter OUTPUTS: expected 8, found 16"),
        ("config_registers.v", "localparam FLIP       = 8", "localparam FLIP       = 10",
         "config_registers: address FLIP: expected 8, found 10"),
        ("config_registers.v", "reg        [2:0]            control_q",
         "reg        [3:0]            control_q",
         "config_registers: width CONTROL: expected 3, found 4"),
        ("sim/tile_with_array.v", "output wire                           y_last_o",
         "output wire [1:0] y_last_o",
         "tile_with_array: port y_last_o: expected output [1], found output [2]"),
    ],
)  # fmt: skip
def test_a_difference_is_named(tmp_path: Path, file: str, old: str, new: str, line: str) -> None:
    folder = changed(tmp_path, file, old, new)
    with pytest.raises(ContractError) as error:
        check_all(folder)
    assert line in str(error.value).splitlines()


def check_all(folder: Path) -> None:
    check_tile(base(), folder)
    check_registers(folder)
    check_bench(folder)


def test_a_tile_beyond_the_rtl_is_refused() -> None:
    wide = base().tile.replace(rows=512)
    with pytest.raises(MappingError, match="RTL: ROWS: expected at most 256, found 512"):
        check_tile(Geometry(wide, Precision()))
    flash = base().tile.replace(adc={"kind": "flash", "bits": 9, "columns_per_adc": 8})
    with pytest.raises(MappingError, match="RTL: ADC_BITS: expected at most 8, found 9"):
        check_tile(Geometry(flash, Precision()))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.v"
    path.write_text(text, encoding="utf-8")
    return path


def test_verilog_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "broken", "module broken (input wire a_i;\nendmodule\n")
    with pytest.raises(VerilogError, match=r"broken\.v: expected Verilog that pyverilog reads"):
        parse(path)
    path = write(tmp_path, "other", "module another (input wire a_i);\nendmodule\n")
    with pytest.raises(VerilogError, match=r"expected one module 'other', found .'another'."):
        read_module(path)
    module = read_module(RTL / "sar_adc.v")
    with pytest.raises(VerilogError, match="sar_adc: expected parameters of the module, found"):
        module.bound({"BITS": 3})
    with pytest.raises(VerilogError, match="sar_adc: expected a register 'sum_q', found none"):
        module.register_width("sum_q")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(3 > 2 && 1 != 1) ? 7 : 5 * 4 - 6 / 4", 19),
        ("8'hFF + 4'b1_01", 260),
        ("(1 << 4) - (2 == 2)", 15),
        ("(3 < 2 || 1 == 1) + 0 - 7 / 2", -2),
    ],
)
def test_constant_expressions_have_verilogs_values(
    tmp_path: Path, expression: str, value: int
) -> None:
    text = f"module m #(parameter A = {expression}) (input wire a_i);\nendmodule\n"
    assert read_module(write(tmp_path, "m", text)).bound() == {"A": value}


def test_an_expression_without_a_value_is_named(tmp_path: Path) -> None:
    text = "module m #(parameter A = B) (input wire a_i);\nendmodule\n"
    module = read_module(write(tmp_path, "m", text))
    with pytest.raises(VerilogError, match="B: expected a constant, found none"):
        evaluate(module.parameters["A"], {})
