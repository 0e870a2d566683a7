"""A simulation on resistive lines says how far the tiles' account of them is from exact."""

from importlib.resources import files
from pathlib import Path

import pytest

from codesign.flow import simulate
from codesign.report import ReportFormat, Result, render
from codesign.simulation import Simulation
from hwsim.errors import MappingError


def on_lines(folder: Path, ohm: float) -> Result:
    arch = folder / f"lines-{ohm}.yaml"
    arch.write_text(
        f"extends: emt\ntile:\n  wires: {{bit_line_ohm: {ohm}, source_line_ohm: {ohm}, "
        "source: made up for tests}\n"
    )
    network = Path(str(files("codesign.demo") / "digits.onnx"))
    return simulate(Simulation(network, "digits", arch=arch, samples=10, device_samples=1))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return on_lines(tmp_path_factory.mktemp("lines"), 0.5)


def test_every_layer_on_tiles_has_its_error(result: Result) -> None:
    assert [line.name for line in result.lines] == [c.name for c in result.layers if c.tiles]
    for line in result.lines:
        assert 0 < line.error_rms_lsb <= line.error_max_lsb < line.lost_max_lsb
        assert line.error_rms_lsb < 0.1 * line.lost_max_lsb + 0.003
        assert 0.8 < line.array_power < 1


@pytest.mark.parametrize("format", [ReportFormat.MARKDOWN, ReportFormat.HTML])
def test_reports_show_the_errors_and_what_the_energy_leaves_out(
    result: Result, format: ReportFormat
) -> None:
    shown = render(result, format)
    worst = max(result.lines, key=lambda line: line.error_rms_lsb)
    assert f"{worst.error_rms_lsb:.2g} LSB rms (layer {worst.name}" in shown.replace("\\", "")
    assert "cells and lines together take" in shown
    assert f"{worst.lost_max_lsb:.3g}" in shown


def test_lines_that_take_most_of_the_current_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"tile\.wires: expected lines that take at most half"):
        on_lines(tmp_path, 200.0)
