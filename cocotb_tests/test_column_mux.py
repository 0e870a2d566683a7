"""column_mux: every column, enabled and not, against hwsim.peripherals.adc.select_lines."""

from typing import Any

import cocotb
import pytest
from cocotb.triggers import Timer

from cocotb_tests.bench import PARAMETERS, check, cover, require_coverage
from hwsim.peripherals.adc import select_lines

COLUMNS = PARAMETERS.get("COLS_PER_ADC", 8)
WIDTH = PARAMETERS.get("COLUMN_W", 3)

seen = cover("mux.column", [(c, e) for c in range(1 << WIDTH) for e in (0, 1)])


@cocotb.test(timeout_time=100, timeout_unit="us")
async def select_lines_equal_the_golden_model(dut: Any) -> None:
    found, expected = [], []
    for column in range(1 << WIDTH):
        for enabled in (0, 1):
            dut.column_i.value = column
            dut.enable_i.value = enabled
            await Timer(1, unit="ns")
            found.append(int(dut.select_o.value))
            expected.append(select_lines(column, bool(enabled), COLUMNS))
            seen((column, enabled))
    check(found, expected, "select")


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("mux")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "columns", "width"),
    [("verilator", 100, 7), ("icarus", 1, 1), ("icarus", 5, 3), ("icarus", 8, 3)],
)
def test_column_mux(simulator: str, columns: int, width: int) -> None:
    from cocotb_tests.simulate import simulate

    parameters = {"COLS_PER_ADC": columns, "COLUMN_W": width}
    simulate("column_mux", "test_column_mux", parameters, simulator=simulator)
