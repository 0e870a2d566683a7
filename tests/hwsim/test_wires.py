"""Wire resistance: limits and conservation laws, the dense twin, ngspice, published solutions."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import HwsimError, MappingError, SpecError
from hwsim.spec import validate
from hwsim.tile.spec import Wires
from hwsim.tile.wires import gated_columns, read, transfer_matrix
from tests.reference import wires as twin

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "ngspice"
CASES = sorted(path.stem for path in GOLDEN.glob("*.json"))


def make_wires(**ohms) -> Wires:
    return Wires(**ohms, source="made up for tests")


@st.composite
def arrays(draw, most: int = 5):
    """Conductances (rows, cols), some of them zero, and wires, some of them ideal."""
    stream = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, most)), draw(st.integers(1, most))
    cells = stream.uniform(1e-6, 1e-3, shape) * (stream.random(shape) < 0.9)
    ohm = st.sampled_from([0.0, 1e-6, 0.5, 20.0, 1000.0])
    names = ("word_line_ohm", "bit_line_ohm", "source_line_ohm", "source_ohm", "sense_ohm")
    return cells, make_wires(**{name: draw(ohm) for name in names}), stream


@given(arrays())
def test_a_passive_array_obeys_kirchhoff_as_the_dense_twin_does(case):
    cells, wires, _ = case
    np.testing.assert_allclose(
        transfer_matrix(cells, wires), twin.transfer_matrix(cells, wires), rtol=1e-9, atol=1e-18
    )


@pytest.mark.parametrize("shape", [(13, 13), (29, 3), (2, 40), (17, 24), (1, 1)])
def test_arrays_of_every_shape_equal_the_dense_twin(shape):
    stream = np.random.default_rng(5)
    cells = stream.uniform(1e-5, 1e-4, shape)
    wires = make_wires(word_line_ohm=7, bit_line_ohm=3, source_ohm=50, sense_ohm=80)
    volts = stream.uniform(0, 0.2, shape[0])
    expected, _ = twin.passive_currents(cells, volts, wires)
    np.testing.assert_allclose(read(volts, transfer_matrix(cells, wires)), expected, rtol=1e-11)


@given(arrays(most=20))
def test_without_wire_resistance_the_product_is_ideal(case):
    cells, _, _ = case
    np.testing.assert_allclose(transfer_matrix(cells, make_wires()), cells, rtol=1e-14, atol=0)


def test_a_single_cell_is_a_series_circuit():
    wires = make_wires(word_line_ohm=10, bit_line_ohm=20, source_ohm=300, sense_ohm=4000)
    expected = 1 / (1e4 + 10 + 20 + 300 + 4000)
    assert transfer_matrix(np.array([[1e-4]]), wires)[0, 0] == pytest.approx(expected, rel=1e-14)


def test_what_the_drivers_give_arrives_at_the_sense_ends():
    stream = np.random.default_rng(6)
    cells = stream.uniform(1e-5, 1e-3, (30, 20))
    wires = make_wires(word_line_ohm=4, bit_line_ohm=6, source_ohm=30, sense_ohm=10)
    volts = stream.uniform(0, 0.2, 30)
    _, drivers = twin.passive_currents(cells, volts, wires)
    assert read(volts, transfer_matrix(cells, wires)).sum() == pytest.approx(
        drivers.sum(), rel=1e-11
    )


@given(arrays(most=20))
def test_no_column_gives_more_than_its_ideal_current(case):
    """For equal voltages on all word lines; single ones may gain by paths through others."""
    cells, wires, _ = case
    found = transfer_matrix(cells, wires).sum(axis=0)
    assert (found <= cells.sum(axis=0) * (1 + 1e-12)).all()
    assert (transfer_matrix(cells, wires) >= -1e-18).all()


@given(arrays(most=20))
def test_swapping_drivers_and_sense_ends_gives_the_same_transfer(case):
    """Reciprocity: mirrored along the diagonal from the driven to the sensed corner."""
    cells, wires, _ = case
    swapped = make_wires(
        word_line_ohm=wires.bit_line_ohm,
        bit_line_ohm=wires.word_line_ohm,
        source_ohm=wires.sense_ohm,
        sense_ohm=wires.source_ohm,
    )
    mirrored = transfer_matrix(cells[::-1, ::-1].T, swapped)[::-1, ::-1].T
    np.testing.assert_allclose(transfer_matrix(cells, wires), mirrored, rtol=1e-9, atol=1e-18)


def test_more_resistance_means_less_current():
    cells = np.random.default_rng(7).uniform(1e-5, 1e-4, (40, 40))
    totals = [
        transfer_matrix(cells, make_wires(word_line_ohm=r, bit_line_ohm=r)).sum()
        for r in (0.0, 0.1, 1.0, 10.0)
    ]
    assert sorted(totals, reverse=True) == totals
    assert totals[-1] < 0.7 * totals[0]


def test_reads_are_linear_in_the_voltages():
    stream = np.random.default_rng(8)
    cells = stream.uniform(1e-5, 1e-3, (6, 4))
    wires = make_wires(word_line_ohm=11, bit_line_ohm=5, source_ohm=70)
    a, b = stream.uniform(0, 0.2, (2, 6))
    expected, _ = twin.passive_currents(cells, 2 * a + 3 * b, wires)
    transfer = transfer_matrix(cells, wires)
    found = 2 * read(a, transfer) + 3 * read(b, transfer)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@given(arrays())
def test_gated_columns_equal_both_rails_in_full(case):
    cells, wires, stream = case
    driven = stream.random((3, cells.shape[0])) < 0.5
    expected = [twin.gated_conductance(cells, bits, wires) for bits in driven]
    found = gated_columns(cells, driven, wires)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-18)


@given(arrays(most=16), st.sampled_from([0.5, 3.0]))
def test_only_resistance_times_conductance_matters(case, factor):
    """All resistances divided by a factor, all conductances multiplied: so are the currents."""
    cells, wires, stream = case
    ohms = wires.model_dump(exclude={"source"})
    scaled = make_wires(**{name: ohm / factor for name, ohm in ohms.items()})
    driven = stream.random((3, cells.shape[0])) < 0.5
    for found, expected in (
        (transfer_matrix(factor * cells, scaled), transfer_matrix(cells, wires)),
        (gated_columns(factor * cells, driven, scaled), gated_columns(cells, driven, wires)),
    ):
        np.testing.assert_allclose(found, factor * expected, rtol=1e-10, atol=1e-18)


def test_a_cell_counts_less_the_farther_it_is_from_both_ends():
    """Equal cells: the transfer falls along the word line and away from the sense end."""
    wires = make_wires(word_line_ohm=2, bit_line_ohm=3, source_ohm=5, sense_ohm=7)
    transfer = transfer_matrix(np.full((12, 9), 1e-4), wires).sum(axis=0)
    assert (np.diff(transfer) < 0).all()  # columns, from the drivers on
    one = np.eye(12, dtype=bool)
    gated = gated_columns(np.full((12, 1), 1e-4), one, wires)[:, 0]
    assert (np.diff(gated) > 0).all()  # rows, towards the ends


@pytest.mark.parametrize("kind", ["passive", "gated"])
def test_small_resistances_take_their_first_order(kind):
    """What is lost is linear in r, and by Cohn's theorem the power in the wires: the currents of
    ideal lines squared.  The rest falls with r squared."""
    stream = np.random.default_rng(13)
    cells = stream.uniform(1e-5, 1e-4, (7, 5))
    below, right = cells.cumsum(axis=0), cells[:, ::-1].cumsum(axis=1)[:, ::-1]
    rest = []
    for ohm in (1e-2, 1e-3):
        if kind == "passive":  # one volt on every word line: power is the sum of currents
            wires = make_wires(word_line_ohm=ohm, bit_line_ohm=ohm)
            left, first = transfer_matrix(cells, wires).sum(), (below**2 + right**2).sum()
        else:
            wires = make_wires(bit_line_ohm=ohm)
            left, first = gated_columns(cells, np.ones((1, 7), bool), wires).sum(), (below**2).sum()
        lost = cells.sum() - left
        rest.append(abs(lost / (ohm * first) - 1))
    assert rest[0] < 1e-2
    assert rest[1] == pytest.approx(rest[0] / 10, rel=0.01)


@given(arrays(most=6))
def test_power_of_the_drivers_is_dissipated_in_cells_and_wires(case):
    """One volt at all drivers and ground at all sense ends: the drivers give sum(T) watts."""
    cells, wires, stream = case
    driven = stream.random(cells.shape[0]) < 0.7
    for circuit, given_W in (
        (twin.passive_circuit(cells, np.ones(len(cells)), wires), transfer_matrix(cells, wires)),
        (twin.gated_circuit(cells, driven, wires), gated_columns(cells, driven[None], wires)),
    ):
        volts, currents = circuit.solve()
        in_wires = sum(
            ohm * ampere**2 for (_, _, ohm), ampere in zip(circuit.wires, currents, strict=True)
        )
        in_cells = sum(
            siemens * (volts[start] - volts[end]) ** 2 for start, end, siemens in circuit.cells
        )
        assert given_W.sum() == pytest.approx(in_wires + in_cells, rel=1e-9, abs=1e-18)


def test_gated_columns_do_not_see_each_other():
    stream = np.random.default_rng(14)
    cells, driven = stream.uniform(1e-5, 1e-4, (20, 6)), stream.random((4, 20)) < 0.5
    wires, order = make_wires(bit_line_ohm=9, source_line_ohm=2, sense_ohm=4), [3, 0, 5, 1, 4, 2]
    np.testing.assert_array_equal(
        gated_columns(cells[:, order], driven, wires), gated_columns(cells, driven, wires)[:, order]
    )


@pytest.mark.parametrize("name", CASES)
def test_ngspice_gives_the_same_currents(name):
    case = json.loads((GOLDEN / f"{name}.json").read_text())
    np.testing.assert_allclose(_solve(case), case["sense_A"], rtol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_the_committed_decks_describe_the_committed_cases(name):
    case = json.loads((GOLDEN / f"{name}.json").read_text())
    cells, wires = 1 / np.array(case["cell_ohm"]), validate(Wires, case["wires"], name)
    if case["kind"] == "passive":
        circuit = twin.passive_circuit(cells, case["word_line_V"], wires)
    else:
        circuit = twin.gated_circuit(cells, case["driven"], wires)
    assert twin.deck(circuit, name) == (GOLDEN / f"{name}.cir").read_text()


@pytest.mark.parametrize("name", CASES)
def test_ngspice_itself_gives_the_committed_numbers(
    name, require_program: Callable[[str, str], Path]
):
    program = require_program("ngspice", "ngspice")
    case = json.loads((GOLDEN / f"{name}.json").read_text())
    command = [program, "-b", GOLDEN / f"{name}.cir"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    currents = [float(value) for value in re.findall(r"i\(vm\d+\) = (\S+)", shown)]
    np.testing.assert_allclose(currents, case["sense_A"], rtol=1e-12)


def _solve(case):
    cells, wires = 1 / np.array(case["cell_ohm"]), validate(Wires, case["wires"], "case")
    if case["kind"] == "passive":
        return read(np.array(case["word_line_V"]), transfer_matrix(cells, wires))
    return gated_columns(cells, np.array([case["driven"]], bool), wires)[0]


@pytest.mark.data
def test_the_published_solutions_are_met(data_dir: Path):
    """badcrossbar's own solutions of crossbars up to 256 x 256."""
    golden = json.loads((data_dir / "irdrop" / "golden.json").read_text())
    for name, case in golden.items():
        found = re.fullmatch(r"seed0_(\d+)x\1_ri([\d.]+)", name)
        if not found:
            continue
        n, ohm = int(found[1]), float(found[2])
        stream = np.random.default_rng(0)
        cells = stream.uniform(1e-5, 1e-4, (n, n))
        volts = stream.uniform(0, 0.2, (n, 1))[:, 0]
        transfer = transfer_matrix(cells, make_wires(word_line_ohm=ohm, bit_line_ohm=ohm))
        currents = read(volts, transfer)
        ratio = currents / (volts @ cells)
        np.testing.assert_allclose(currents[:4], case["I_out_first4_A"], rtol=1e-9)
        np.testing.assert_allclose(currents.sum(), case["I_out_sum_A"], rtol=1e-9)
        np.testing.assert_allclose(
            [ratio.mean(), ratio.min(), ratio.max()],
            [case["mean_ratio_to_ideal"], case["min_ratio"], case["max_ratio"]],
            rtol=1e-9,
        )


@pytest.mark.data
def test_badcrossbars_example_is_met(data_dir: Path):
    """Word lines 1.5, 2.3, 1.7 V; cells from the example's stored node voltages."""
    golden = json.loads((data_dir / "irdrop" / "golden.json").read_text())
    case = golden["readme_3x5_ri0.5"]
    ohm, word, bit = 0.5, np.array(case["V_word"]), np.array(case["V_bit"])
    down = np.diff(np.vstack([bit, np.zeros(5)]), axis=0) / -ohm
    current = np.diff(np.vstack([np.zeros(5), down]), axis=0)
    transfer = transfer_matrix(
        current / (word - bit), make_wires(word_line_ohm=ohm, bit_line_ohm=ohm)
    )
    np.testing.assert_allclose(read(np.array(case["V"]), transfer), case["I_out_A"], rtol=1e-9)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (np.zeros(3), r"conductance_S: expected \(rows, cols\).*found the shape \(3,\)"),
        (np.zeros((0, 3)), r"found the shape \(0, 3\)"),
        (np.array([[1e-6, -1e-6]]), r"conductance_S\[0, 1\]: expected a finite number, not neg"),
        (np.array([[1e-6], [np.nan]]), r"conductance_S\[1, 0\]: .* found nan"),
    ],
)
def test_impossible_cells_are_refused(cells, message):
    with pytest.raises(MappingError, match=message):
        transfer_matrix(cells, make_wires())


def test_negative_resistance_is_refused():
    with pytest.raises(SpecError, match=r"bit_line_ohm: .* greater than or equal to 0"):
        validate(Wires, {"bit_line_ohm": -1, "source": "x"}, "wires")
    assert issubclass(SpecError, HwsimError)
