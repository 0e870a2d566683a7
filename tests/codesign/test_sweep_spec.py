"""What the file of a sweep may say, and which points it means."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.sweep import plan_sweep
from codesign.sweep.sample import sample
from codesign.sweep.spec import Method, Range, Sampling
from hwsim.chip.load import load_arch
from hwsim.device.spec import States
from hwsim.errors import SpecError
from hwsim.tile.spec import Knobs
from tests.codesign.conftest import BASE, BITS

ROOT = Path(__file__).resolve().parents[2]


def arch_of(point: Any) -> Any:
    return point.task.simulation.arch


def test_a_grid_is_every_combination_the_last_axis_fastest(sweep_file):
    plan = plan_sweep(
        sweep_file(grid={"arch.tile.rows": [64, 128], "arch.tile.adc.bits": [5, 6, 7]})
    )
    found = [(arch_of(p).tile.rows, arch_of(p).tile.adc.bits) for p in plan.points]
    assert found == [(r, b) for r in (64, 128) for b in (5, 6, 7)]
    other = arch_of(plan.points[0])
    assert other.tile.replace(rows=128, adc=load_arch("emt").tile.adc.model_dump()) == (
        load_arch("emt").tile
    )


def test_a_device_comes_before_its_own_keys_wherever_they_stand(sweep_file):
    axes = {"arch.device.fluctuation.amplitude": [0.3], "arch.device": ["emt-weak"]}
    [point] = plan_sweep(sweep_file(grid=axes)).points
    device = arch_of(point).device
    assert device.name == "emt-weak"
    assert device.fluctuation.amplitude == 0.3


def test_an_architecture_is_an_axis_and_its_keys_apply_to_each(sweep_file):
    plan = plan_sweep(sweep_file(grid={"arch": ["emt-weak", "isaac"], "arch.tile.adc.bits": [7]}))
    assert [arch_of(p).name for p in plan.points] == ["emt-weak", "isaac"]
    assert [arch_of(p).tile.adc.bits for p in plan.points] == [7, 7]


def test_knobs_of_all_layers_and_of_one_whose_name_has_dots(sweep_file):
    axes = {"design.default.redundancy": [2], "design.layers.block.0.conv.redundancy": [3]}
    [point] = plan_sweep(sweep_file(grid=axes)).points
    design = point.task.simulation.design
    assert design.default == Knobs(redundancy=2)
    assert design.layers == {"block.0.conv": Knobs(redundancy=3)}


def test_files_are_relative_to_the_sweeps_file(sweep_file, tmp_path):
    (tmp_path / "cells.yaml").write_text(
        "extends: emt-normal\nname: mine\nfluctuation: {states: frozen}"
    )
    (tmp_path / "arch.yaml").write_text("extends: emt\nname: here\ntile: {rows: 64}")
    (tmp_path / "knobs.yaml").write_text("default: {redundancy: 2}")
    base = {**BASE, "arch": "arch.yaml", "design": "knobs.yaml"}
    axes = {"arch.device": ["cells.yaml"], "design.default.conductance_scale": [0.5]}
    [point] = plan_sweep(sweep_file(base=base, grid=axes)).points
    assert (arch_of(point).name, arch_of(point).tile.rows) == ("here", 64)
    assert arch_of(point).device.fluctuation.states is States.FROZEN
    knobs = point.task.simulation.design.default
    assert knobs == Knobs(redundancy=2, conductance_scale=0.5)


@pytest.mark.parametrize("method", Method)
def test_drawn_points_fill_their_ranges_and_repeat_for_a_seed(method):
    sampling = Sampling(
        method=method,
        points=100,
        axes={
            "linear": Range(low=0.1, high=0.5),
            "log": Range(low=1e-6, high=1e-2, scale="log"),
            "whole": Range(low=3, high=6, whole=True),
            "choice": ("a", "b"),
        },
    )
    points = sample(sampling, seed=7)
    assert points == sample(sampling, seed=7)
    assert points != sample(sampling, seed=8)
    linear, log = np.array([(p["linear"], p["log"]) for p in points]).T
    assert 0.1 <= linear.min() < 0.15
    assert 0.45 < linear.max() <= 0.5
    # Uniform in the logarithm: half of them lie below the geometric mean (5 sigma = 25 of 100).
    assert abs(np.sum(log < 1e-4) - 50) <= 25
    assert {p["whole"] for p in points} == {3, 4, 5, 6}
    assert {p["choice"] for p in points} == {"a", "b"}


def test_a_latin_hypercube_has_one_point_in_every_part_of_an_axis():
    axes = {"x": Range(low=0, high=50), "y": Range(low=0, high=50)}
    points = sample(Sampling(method="latin_hypercube", points=50, axes=axes), seed=1)
    for axis in axes:
        assert sorted(int(p[axis]) for p in points) == list(range(50))


def test_sobol_points_beat_independent_ones_in_evenness():
    axes = {"x": Range(low=0, high=1), "y": Range(low=0, high=1)}

    def worst_share(method: Method) -> float:
        points = sample(Sampling(method=method, points=256, axes=axes), seed=3)
        cells = np.histogram2d(
            [p["x"] for p in points], [p["y"] for p in points], 16, ((0, 1),) * 2
        )
        return float(cells[0].max())

    assert worst_share(Method.SOBOL) == 1  # one in each of 256 squares
    assert worst_share(Method.RANDOM) > 1


def test_grid_and_sampling_multiply(sweep_file):
    drawn = {"method": "random", "points": 3, "axes": {"arch.scenario.temperature_K": [300.0]}}
    plan = plan_sweep(sweep_file(grid=BITS, sampling=drawn))
    assert len(plan.points) == 6


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"grid": {"arch.tile.adc.bit": [4]}},
            r"grid.arch.tile.adc.bit: bit: unknown key; did you",
        ),
        (
            {"grid": {"arch.tile.rows.x": [4]}},
            r"grid.arch.tile.rows.x: x: unknown key; nothing lies",
        ),
        (
            {
                "sampling": {
                    "method": "sobol",
                    "points": 2,
                    "axes": {"arch.tile.adc.bits": {"low": 9, "high": 4}},
                },
            },
            r"axes.arch.tile.adc.bits: expected low below high, found 9 and 4$",
        ),
        ({"name": "../out"}, r"name: expected the name of a folder, found '../out'"),
        ({"grid": {"colour": ["red"]}}, r"grid.colour: colour: unknown key; known keys: network"),
        (
            {"grid": {"design.layers.c.redundanc": [1]}},
            r"redundanc: unknown key; did you mean 'red",
        ),
        ({"grid": {}}, r"grid, sampling: expected at least one axis, found none"),
        (
            {"grid": {"arch.tile.rows": []}},
            r"grid.arch.tile.rows: expected at least one entry, found none",
        ),
        ({"grd": BITS}, r"grd: unknown key; did you mean 'grid'\?"),
        (
            {
                "grid": BITS,
                "sampling": {"method": "sobol", "points": 2, "axes": {"arch.tile.adc.bits": [4]}},
            },
            r"sampling.axes.arch.tile.adc.bits: expected each axis once, found it in grid",
        ),
        (
            {
                "sampling": {
                    "method": "random",
                    "points": 2,
                    "axes": {"arch.tile.rows": {"low": 9, "high": 1}},
                }
            },
            r"expected low below high, found 9 and 1",
        ),
        ({"base": {"data": "digits"}, "grid": BITS}, r"base.network: missing; it must be given"),
        ({"base": {**BASE, "samples": 0}, "grid": BITS}, r"base.samples: .*found 0"),
        ({"base": {**BASE, "network": "no.onnx"}, "grid": BITS}, r"base: .*no.onnx: no such file"),
        ({"base": {**BASE, "arch": "emu"}, "grid": BITS}, r"base: architecture: .*found 'emu'"),
        (
            {"base": {**BASE, "data": "digit"}, "grid": BITS},
            r"base: --data: .*did you mean 'digits'",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(sweep_file, keys, message):
    with pytest.raises(SpecError, match=message) as caught:
        plan_sweep(sweep_file(**keys))
    assert str(caught.value).startswith(str(sweep_file(**keys)))
    assert "\n" not in str(caught.value)


def test_too_many_points_are_refused(sweep_file):
    many = {key: list(range(1, 51)) for key in ("arch.tile.rows", "arch.tile.cols", "tiles")}
    with pytest.raises(SpecError, match=r"expected at most 100000 points, found 125000"):
        plan_sweep(sweep_file(grid=many))


@pytest.mark.parametrize("name", ["adc-bits-rows", "voltage-redundancy"])
def test_the_example_sweeps_have_no_invalid_point(name):
    plan = plan_sweep(ROOT / "examples" / "sweeps" / f"{name}.yaml")
    assert len(plan.tasks) == len(plan.points) == 20
