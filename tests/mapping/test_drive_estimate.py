"""Pulses from a sample of vectors: equal to the exact count where all are taken, near it else."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from codesign.flow import Case, prepare
from codesign.simulation import Simulation
from hwsim.cost import Component, energy, load_technology, total_J
from hwsim.errors import DataError
from hwsim.tile.geometry import Digits
from hwsim.tile.spec import Knobs
from mapping.counts import plan_counts
from mapping.design import Design
from mapping.drive import drives
from mapping.drive_estimate import DriveEstimate, estimate_drives, pulses_of_codes, swings_of_codes
from mapping.plan import LayerPlan, plan
from mapping.shapes import layer_shapes
from tests.reference.tolerance import near

NETWORK = Path(str(files("codesign.demo").joinpath("digits.onnx")))


@pytest.fixture(scope="module")
def case() -> Case:
    return prepare(Simulation(network=NETWORK, data="digits", arch="emt"))


@pytest.fixture(scope="module")
def exact(case: Case) -> dict[str, DriveEstimate]:
    """Every vector of all 500 test images."""
    images = case.images.test.images
    return estimate_drives(case.network, case.plan, case.arch, images, vectors=1 << 40)


def cells_J(case: Case, found: DriveEstimate, layer: LayerPlan) -> float:
    technology = load_technology(case.arch.technology)
    pulses = found.drive.pulses(layer, case.arch)
    return energy(pulses, case.arch, technology, layer.knobs)[Component.ARRAY]


@pytest.mark.parametrize(
    ("digits", "codes", "pulses", "swings"),
    [
        (Digits(8, 1, signed=False), [0, 1, 255, 170], [0, 1, 8, 4], [0, 1, 8, 4]),
        (Digits(8, 2, signed=False), [0, 3, 255, 27], [0, 3, 12, 6], [0, 1, 4, 3]),
        (Digits(4, 1, signed=True), [-8, -1, 7, 0], [1, 4, 3, 0], [1, 4, 3, 0]),
        (Digits(4, 3, signed=True), [-8, -1, 7, 5], [1, 8, 7, 5], [1, 2, 1, 1]),
        (Digits(8, 3, signed=False), [255, 56], [7 + 7 + 3, 7], [3, 1]),
    ],
)
def test_pulses_and_swings_of_a_code_are_those_of_its_digits_by_hand(
    digits: Digits, codes: list[int], pulses: list[int], swings: list[int]
) -> None:
    assert pulses_of_codes(np.array(codes, np.int16), digits).tolist() == pulses
    assert swings_of_codes(np.array(codes, np.int16), digits).tolist() == swings


@pytest.mark.parametrize("dac_bits", [1, 3])
def test_with_every_vector_the_estimate_is_what_the_tiles_count(case: Case, dac_bits: int) -> None:
    images = case.images.test.images[:2]
    design = Design(default=Knobs(dac_bits=dac_bits))
    placed = plan(layer_shapes(case.network.network), case.arch, design)
    tiles = drives(case.network, placed, case.arch, images)
    found = estimate_drives(case.network, placed, case.arch, images)
    for layer in placed.layers:
        assert found[layer.name].relative_error == 0
        assert found[layer.name].drive.pulses(layer, case.arch) == tiles[layer.name].pulses(
            layer, case.arch
        )


def test_a_tenth_of_the_vectors_gives_the_energy_of_the_cells_within_one_per_cent(
    case: Case, exact: dict[str, DriveEstimate]
) -> None:
    images = case.images.test.images
    total = sum(exact[layer.name].vectors for layer in case.plan.layers)
    few = estimate_drives(case.network, case.plan, case.arch, images, vectors=3200)
    joules = {
        name: [cells_J(case, found[layer.name], layer) for layer in case.plan.layers]
        for name, found in (("few", few), ("all", exact))
    }
    assert sum(found.vectors for found in few.values()) < 0.2 * total
    assert sum(joules["few"]) == near(sum(joules["all"]), rel=0.01)
    for layer, one, other in zip(case.plan.layers, joules["few"], joules["all"], strict=True):
        error = few[layer.name].relative_error
        assert abs(one / other - 1) <= max(5 * error, 1e-9), layer.name
        assert error < 0.015


def test_brighter_images_cost_more_in_cells_and_drivers_and_nothing_else(
    case: Case, exact: dict[str, DriveEstimate]
) -> None:
    dark = case.images.test.images * np.float32(0.25)
    found = estimate_drives(case.network, case.plan, case.arch, dark)
    technology = load_technology(case.arch.technology)
    fixed = plan_counts(case.plan, case.arch)
    first = case.plan.layers[0]
    bright_J, dark_J = (
        energy(
            fixed[first.name] + of[first.name].drive.pulses(first, case.arch), case.arch, technology
        )
        for of in (exact, found)
    )
    changed = {
        component.value for component in bright_J if bright_J[component] != dark_J[component]
    }
    assert changed == {"array", "driver"}
    assert total_J(dark_J) < total_J(bright_J)


def test_no_vectors_are_refused(case: Case) -> None:
    with pytest.raises(DataError, match="vectors: expected at least 1 per layer, found 0"):
        estimate_drives(case.network, case.plan, case.arch, case.images.test.images, vectors=0)


@pytest.mark.slow
def test_on_resnet20_and_cifar10_the_estimate_is_within_one_per_cent(data_dir: Path) -> None:
    folder = data_dir / "networks" / "resnet20-cifar10"
    asked = Simulation(folder / "model.onnx", str(folder / "data.yaml"), "emt", samples=64)
    case = prepare(asked)
    images = case.images.test.images
    found, every = (
        estimate_drives(case.network, case.plan, case.arch, images, vectors=n)
        for n in (4096, 1 << 40)
    )
    sums = [sum(cells_J(case, of[a.name], a) for a in case.plan.layers) for of in (found, every)]
    assert sums[0] == near(sums[1], rel=0.01)
