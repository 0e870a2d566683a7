"""The noise that training draws is that of the modelled tile.

Column sums must spread over several codes for that: what a converter rounds off, no law of
moments sees.  Hence large amplitudes here.
"""

import numpy as np
import pytest

from hwsim.chip.load import load_arch
from hwsim.device.spec import AmplitudeLaw, Fluctuation, ProgrammingError, Scenario, States
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Compensation, Encoding, Precision, ReadNoise, Subtraction
from optim.product_noise import ProductNoise, simplest

BASE = load_arch("emt-strong")
ROWS, OUTPUTS, READS = 40, 6, 4000


def tile(**changes):
    plain = BASE.tile.model_dump() | {"encoding": "differential", "subtraction": "analog"}
    plain["noise"] = None
    plain["adc"] = BASE.tile.adc.model_dump() | {"bits": 16}
    return type(BASE.tile)(**(plain | changes))


def device(**changes):
    return BASE.device.replace(**changes)


def fluctuation(law, states=States.INDEPENDENT, duty=0.5, amplitude=0.1):
    return Fluctuation(law=law, amplitude=amplitude, duty=duty, states=states, source="test")


def predicted(noise, weights, codes):
    """Mean and variance of products by the tables."""
    w, x = weights % 256, codes % noise.squares.size
    lengths, squares = noise.lengths[x], noise.squares[x]
    tables = (noise.mean, noise.variance, noise.current, noise.lasting)
    shift, fresh, current, lasting = (table.sum(axis=0)[w] for table in tables)
    variance = squares @ fresh + lengths @ current + noise.converter.sum()
    return codes @ (weights + shift), variance + codes.astype(float) ** 2 @ lasting


CASES = {
    "constant amplitude": (tile(), device(fluctuation=fluctuation(AmplitudeLaw.ABSOLUTE))),
    "relative amplitude": (
        tile(),
        device(fluctuation=fluctuation(AmplitudeLaw.RELATIVE, amplitude=0.3)),
    ),
    "uneven duty": (
        tile(),
        device(fluctuation=fluctuation(AmplitudeLaw.RELATIVE, duty=0.2, amplitude=0.3)),
    ),
    "two-bit digits": (
        tile(dac_bits=2),
        device(fluctuation=fluctuation(AmplitudeLaw.SQRT, amplitude=0.2)),
    ),
    "offset encoding": (
        tile(encoding=Encoding.OFFSET, subtraction=Subtraction.DIGITAL),
        device(fluctuation=fluctuation(AmplitudeLaw.RELATIVE, amplitude=0.3)),
    ),
    "dummy columns": (
        tile(
            encoding=Encoding.OFFSET,
            subtraction=Subtraction.DIGITAL,
            compensation=Compensation.DUMMY,
        ),
        device(fluctuation=fluctuation(AmplitudeLaw.RELATIVE, duty=0.2, amplitude=0.3)),
    ),
    "noise of current and converter": (
        tile(noise=ReadNoise(converter_A=3e-6, source="test"), clock_Hz=1e11),
        device(fluctuation=None),
    ),
}


@pytest.mark.compiled
@pytest.mark.parametrize("name", CASES)
def test_products_have_the_mean_and_variance_of_the_tables(name):
    """4000 reads: a mean within 5 standard errors, a variance within 5 * sqrt(2 / n) = 11 %."""
    spec, cell = CASES[name]
    random = np.random.default_rng(5)
    weights = random.integers(-127, 128, (ROWS, OUTPUTS))
    codes = np.tile(random.integers(0, 256, ROWS), (READS, 1)).astype(np.int16)
    geometry = Geometry(spec, Precision())
    converter = Converter(16, 0, converts_differences(geometry))
    matrix = ProgrammedMatrix(weights[None], geometry, converter, cell)
    products = matrix.multiply(codes).values
    noise = ProductNoise.of(geometry, cell, Scenario())
    mean, variance = predicted(noise, weights, codes[:1])
    # Each of the codes that are summed is rounded by itself.
    lanes = (2.0 ** (2 * np.arange(8)[:, None] + 4 * np.arange(4))).sum() / 12
    slack = variance + lanes
    error = np.abs(products.mean(axis=0) - mean[0]) / np.sqrt(slack[0] / READS)
    assert error.max() < 5
    ratio = products.var(axis=0) / variance[0]
    assert (ratio > 1 - 0.12).all()
    assert (products.var(axis=0) < 1.12 * slack[0]).all()


@pytest.mark.parametrize(("amplitude", "merged"), [(0.1, True), (0.001, False)])
def test_a_small_noise_of_the_current_is_one_with_the_cells(amplitude, merged):
    law, noisy = fluctuation(AmplitudeLaw.ABSOLUTE, amplitude=amplitude), BASE.tile.noise
    geometry = Geometry(tile(dac_bits=4, noise=noisy), Precision())
    noise = ProductNoise.of(geometry, device(fluctuation=law), Scenario())
    [found] = simplest([noise])
    assert noise.current.any()
    assert found.current.any() != merged
    random = np.random.default_rng(8)
    weights = random.integers(-127, 128, (ROWS, OUTPUTS))
    codes = random.integers(0, 256, (30, ROWS)).astype(np.int16)
    tables = [predicted(each, weights, codes)[1] for each in (found, noise)]
    np.testing.assert_allclose(*tables, rtol=0.02)


@pytest.mark.compiled
@pytest.mark.parametrize("frozen", [True, False])
def test_lasting_errors_spread_products_over_devices_as_the_tables_say(frozen):
    changes = {
        "fluctuation": fluctuation(AmplitudeLaw.ABSOLUTE, States.FROZEN),
        "programming": None,
    }
    if not frozen:
        error = ProgrammingError(sigma_absolute=0.03, sigma_relative=0.05, source="test")
        changes = {"fluctuation": None, "programming": error}
    # A window far above zero, where no conductance is cut off.
    changes["conductance_min_S"] = 20e-6
    cell, geometry = device(**changes), Geometry(tile(), Precision())
    random = np.random.default_rng(6)
    weights = random.integers(-127, 128, (ROWS, 60))
    codes = random.integers(0, 256, (1, ROWS)).astype(np.int16)
    converter = Converter(16, 0, converts_differences(geometry))
    noise = ProductNoise.of(geometry, cell, Scenario())
    _, variance = predicted(noise, weights, codes)
    found = np.stack(
        [
            ProgrammedMatrix(weights[None], geometry, converter, cell, (sample,))
            .multiply(codes)
            .values[0]
            for sample in range(60)
        ]
    )
    z = (found - codes @ weights) / np.sqrt(variance)
    # 3600 deviates: their variance within 5 * sqrt(2 / 3600) = 12 %.
    assert z.var() == pytest.approx(1.0, abs=0.12)


def test_pulses_and_levels_are_those_that_events_count():
    geometry = Geometry(tile(dac_bits=2), Precision())
    noise = ProductNoise.of(geometry, BASE.device, Scenario())
    random = np.random.default_rng(7)
    weights = random.integers(-127, 128, (ROWS, OUTPUTS))
    codes = random.integers(0, 256, (30, ROWS)).astype(np.int16)
    converter = Converter(16, 0, converts_differences(geometry))
    matrix = ProgrammedMatrix(weights[None], geometry, converter)
    np.testing.assert_array_equal(noise.pulses[codes].sum(axis=0), matrix.row_drive(codes)[0])
    np.testing.assert_array_equal(noise.levels[:, weights % 256].sum(axis=2), matrix.row_levels)


def test_a_device_that_nothing_disturbs_has_no_noise():
    quiet = BASE.device.replace(fluctuation=None, programming=None)
    noise = ProductNoise.of(Geometry(tile(), Precision()), quiet, Scenario())
    tables = (noise.variance, noise.lasting, noise.mean, noise.converter)
    assert not any(table.any() for table in tables)


def test_bit_serial_reads_have_the_closed_variance_ratio():
    """Mean over uniform codes of sum 4^t b_t against x^2: (2^B + 1) / (2^(B + 1) - 1)."""
    serial = ProductNoise.of(Geometry(tile(), Precision(input_bits=4)), BASE.device, Scenario())
    pulse = Geometry(tile(dac_bits=4), Precision(input_bits=4))
    whole = ProductNoise.of(pulse, BASE.device, Scenario())
    ratio = serial.squares.mean() / whole.squares.mean()
    assert ratio == pytest.approx((2**4 + 1) / (2**5 - 1))


@pytest.mark.parametrize("dwell_s", [20e-9, 200e-9, 20e-6])
def test_states_that_last_for_some_phases_add_up_as_chains_do(dwell_s):
    """One cell of a chain stepped phase by phase: variance within 5 * sqrt(2 / n) = 1.6 %."""
    chains = {"states": "markov", "high_dwell_s": dwell_s, "low_dwell_s": dwell_s}
    law = Fluctuation(law=AmplitudeLaw.ABSOLUTE, amplitude=0.1, source="test", **chains)
    geometry = Geometry(tile(), Precision(input_bits=4))
    noise = ProductNoise.of(geometry, device(fluctuation=law), Scenario())
    random, runs = np.random.default_rng(8), 200_000
    # A 16-bit conversion takes 17 cycles of 1 ns, for 8 columns in turn.
    stays = (1 + np.exp(-8 * 17e-9 * 2 / dwell_s)) / 2
    state = random.choice([-1, 1], runs)
    total = np.zeros(runs)
    for phase, bit in enumerate([1, 1, 0, 1]):  # the code 11
        total += state * bit * 2**phase
        state = np.where(random.random(runs) < stays, state, -state)
    assert total.var() == pytest.approx(noise.squares[11], rel=0.016)


def test_two_conversions_of_a_pair_add_twice_the_noise_of_one():
    read = ReadNoise(converter_A=3e-6, source="test")
    analog, digital = (
        ProductNoise.of(
            Geometry(tile(noise=read, subtraction=way), Precision()), BASE.device, Scenario()
        )
        for way in (Subtraction.ANALOG, Subtraction.DIGITAL)
    )
    assert digital.converter == pytest.approx(2 * analog.converter, rel=1e-12)
