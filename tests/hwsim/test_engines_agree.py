"""`exact` and `moments` beside the law of a column sum, and beside each other.

Fixed streams.  All columns of a test follow one law, so that a column stands for many reads: of
the READS * OUTPUTS conversions 1 % of the variance is 10 standard errors, 1 % of sigma 14 of the
mean's.  Codes have a least significant bit of one level step, which adds 1/12 to the variance.
"""

import numpy as np
import pytest
from scipy import stats

from hwsim.device.fluctuation import fluctuation_amplitude
from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.planes import input_monomials, with_products
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, make_device, make_tile

READS, OUTPUTS, ROWS = 8000, 256, 128
LAWS = ["absolute", "relative", "sqrt", "table"]
WIDE = Converter(12, 0, True)


def device_of(law, duty, amplitude=0.11):
    """Amplitudes of some tenths of a level step, no two of them in a simple ratio."""
    table = (0.041, 0.053, 0.067, 0.093) if law == "table" else ()
    noise = fluctuation(law, 0.0 if table else amplitude, duty=duty, table=table)
    return make_device(fluctuation=noise, conductance_min_S=2.3e-6)


def codes(engine, device, converter, weights, reads=READS, **tile):
    """(reads, outputs) codes of one phase and slice, every row driven; weights (rows, outputs)."""
    tile = {"rows": ROWS, "subtraction": "analog", **tile}
    geometry = Geometry(make_tile(**tile), Precision(weight_bits=3, input_bits=2))
    place = (9, engine is Engine.EXACT)
    matrix = ProgrammedMatrix(weights[None], geometry, converter, device, place, engine)
    driven = np.ones((reads, weights.shape[0]), np.int16)
    return matrix.multiply(driven).values / (1 << converter.shift)


def law_of(weights, device):
    """Mean, variance and third central moment of the sum of one column, cell by cell."""
    amplitude, duty = fluctuation_amplitude(device, 2), device.fluctuation.duty
    plus, minus = amplitude[np.maximum(weights, 0)], amplitude[np.maximum(-weights, 0)]
    mean = weights.sum() + (2 * duty - 1) * (plus.sum() - minus.sum())
    spread = 4 * duty * (1 - duty)
    third = 2 * spread * (1 - 2 * duty) * ((plus**3).sum() - (minus**3).sum())
    return mean, spread * ((plus**2).sum() + (minus**2).sum()), third


@pytest.mark.compiled
@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("duty", [0.5, 0.2])
def test_both_engines_have_the_mean_and_the_variance_of_the_cells(engine, law, duty):
    column = np.random.default_rng(3).integers(-1, 4, ROWS)
    # Cells alike: sums at sevenths of a step, so that steps of sums and of codes do not beat.
    device = device_of(law, duty, 0.77 / 21 if law == "absolute" else 0.11)
    found = codes(engine, device, WIDE, np.repeat(column[:, None], OUTPUTS, axis=1))
    mean, variance, _ = law_of(column, device)
    variance += 1 / 12
    z = (found.mean() - mean) / np.sqrt(variance / found.size)
    assert abs(z) < 5, (found.mean(), mean)
    z = (((found - mean) ** 2).mean() / variance - 1) / np.sqrt(2 / found.size)
    assert abs(z) < 5, (found.var(), variance)


@pytest.mark.compiled
@pytest.mark.parametrize("law", ["relative", "sqrt", "table"])
@pytest.mark.parametrize("duty", [0.5, 0.2])
def test_both_engines_clip_the_same_share_of_codes_at_both_bounds(law, duty):
    """Half of the columns lie about one sigma below the upper bound, half above the lower one."""
    device, converter = device_of(law, duty), Converter(9, 0, True)
    level = 1 + np.arange(ROWS + 32) % 3
    mean, variance, _ = law_of(level[:ROWS], device)
    used = round(ROWS * (255.5 - np.sqrt(variance)) / mean)
    sign = np.where(np.arange(OUTPUTS) % 2, -1, 1)
    weights = level[:used, None] * sign
    shares = []
    for engine in Engine:
        found = codes(engine, device, converter, weights, 3 * READS, rows=ROWS + 32)
        at = (found[:, sign > 0] == converter.high, found[:, sign < 0] == converter.low)
        shares.append([bound.mean() for bound in at])
    first, second = np.array(shares)
    assert ((first > 0.05) & (first < 0.5)).all(), shares
    error = np.sqrt(2 * first * (1 - first) / (3 * READS * OUTPUTS / 2))
    assert (np.abs(first - second) < 5 * error).all(), (shares, error)


@pytest.mark.compiled
@pytest.mark.parametrize("duty", [0.5, 0.2])
def test_on_a_lattice_engines_differ_by_half_the_share_of_one_sum(duty):
    """Cells alike: exact sums take a few values, `moments` spreads each over its surroundings."""
    column, device = np.ones(ROWS, int), device_of("absolute", duty, 0.31)
    _, variance, _ = law_of(column, device)
    spacing = 2 * fluctuation_amplitude(device, 2)[0]
    most = spacing / np.sqrt(2 * np.pi * variance)  # share of the most frequent sum
    weights = np.repeat(column[:, None], 64, axis=1)
    exact, drawn = (codes(e, device, WIDE, weights).ravel() for e in Engine)
    distance = stats.ks_2samp(exact, drawn).statistic
    assert distance < most / 2 + 1.95 / np.sqrt(exact.size / 2), (distance, most)


@pytest.mark.compiled
@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("duty", [0.2, 0.9])
@pytest.mark.parametrize(
    ("encoding", "law"), [("differential", "relative"), ("offset", "absolute"), ("offset", "sqrt")]
)
def test_few_driven_cells_lean_as_their_states_do(engine, duty, encoding, law):
    """The third moment, sign included: cells far from half the time in one state are skewed."""
    column = np.array([3, -1, 2, 3, 1, 3, 0, 2])
    noise = fluctuation(law, 0.6, duty=duty)
    device = make_device(fluctuation=noise, conductance_min_S=2e-6)
    if encoding == "offset":
        # One column of 3-bit cells at weight + 4; what a cell at level 0 adds is not taken off.
        amplitude = fluctuation_amplitude(device, 3)[column + 4]
        spread = 4 * duty * (1 - duty)
        variance, third = spread * (amplitude**2).sum(), (amplitude**3).sum()
        third *= 2 * spread * (1 - 2 * duty)
    else:
        _, variance, third = law_of(column, device)
    weights = np.repeat(column[:, None], OUTPUTS, axis=1)
    bits = 3 if encoding == "offset" else 2
    found = codes(engine, device, WIDE, weights, encoding=encoding, cell_bits=bits)
    centred = found - found.mean()
    skew = third / variance**1.5
    measured = (centred**3).mean() / variance**1.5
    # The spread of a third power is that of a normal deviate, sqrt(15), or a little more; few
    # exact sums meet the steps of codes.
    beat = 0.1 if engine is Engine.EXACT else 0.02
    error = 5 * np.sqrt(20 / found.size) + beat * abs(skew)
    assert abs(skew) > 5 * error
    assert abs(measured - skew) < error, (measured, skew)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_input_monomials_spell_a_digit_its_square_and_its_third_power(bits):
    digits = np.arange(1 << bits)
    planes = np.stack([digits >> u & 1 for u in range(bits)]).astype(np.uint16)
    monomials = with_products(planes)
    for power, weights in enumerate(input_monomials(bits), start=1):
        np.testing.assert_array_equal(weights @ monomials, digits**power)


@pytest.mark.compiled
def test_without_skew_a_pair_of_equal_amplitudes_is_symmetric():
    """What each driven row adds to the third moment cancels between the columns of a pair."""
    weights = np.full((8, OUTPUTS), 3)
    found = codes(Engine.MOMENTS, device_of("absolute", 0.9), WIDE, weights)
    assert abs(stats.skew(found, axis=None)) < 5 * np.sqrt(6 / found.size)


@pytest.mark.compiled
def test_the_digits_are_read_as_well_by_either_engine():
    """Accuracy on `emt-strong`, the same images and devices: the paired difference is chance."""
    from importlib.resources import files
    from pathlib import Path

    from codesign.datasets import load_dataset, read_description
    from hwsim.chip.load import load_arch
    from mapping.execute import run
    from mapping.execute_tiles import TileBackend, calibrate
    from mapping.onnx_import import import_network
    from mapping.plan import plan
    from mapping.quantize import Scheme, quantize
    from mapping.shapes import layer_shapes

    held = load_dataset(read_description("digits"), samples=300)
    imported = import_network(Path(str(files("codesign.demo") / "digits.onnx")))
    network = quantize(imported.network, held.images, Scheme())
    arch = load_arch("emt-strong")
    placed = plan(layer_shapes(network), arch)
    shifts = calibrate(network, placed, arch, held.images[:64])
    differences = []
    for sample in range(4):
        right = []
        for engine in Engine:
            backend = TileBackend(
                network, placed, arch, shifts=shifts, device_sample=sample, engine=engine
            )
            right.append(run(network, held.images, backend).argmax(axis=1) == held.labels)
        differences.append(right[0].astype(float) - right[1])
    paired = np.concatenate(differences)
    assert paired.any(), "the engines draw the same"
    assert abs(paired.mean()) < 5 * paired.std() / np.sqrt(paired.size), paired.mean()
