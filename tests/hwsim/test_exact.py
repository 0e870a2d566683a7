"""The exact engine: every driven cell draws its own state at every read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hwsim.device.fluctuation import fluctuation_amplitude
from hwsim.device.spec import States
from hwsim.errors import MappingError
from hwsim.rng import address, extend, random_words
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.disturbance import DUTY_BITS, duty_digits
from hwsim.tile.encoding import encode, phase_weights, slice_weights, weight_offset
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.schedule import phase_cycles
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, make_device, make_tile


def matrix_of(weights, geometry, device, place, shift=0):
    converter = Converter(16, shift, True)
    return ProgrammedMatrix(weights[None], geometry, converter, device, place, Engine.EXACT)


@pytest.mark.compiled
@pytest.mark.parametrize("law", ["absolute", "sqrt", "relative", "table"])
@pytest.mark.parametrize("encoding", ["offset", "twos_complement"])
@pytest.mark.parametrize("duty", [0.5, 0.8])
def test_codes_have_the_mean_and_variance_of_sums_of_two_state_cells(law, encoding, duty):
    """The law of a column sum is a sum of binomials, one per level, seen by the converter.

    Fixed streams; a 1 % error of the standard deviation is more than 5 sigma.
    """
    vectors, rows = 60_000, 32
    stream = np.random.default_rng(4)
    geometry = Geometry(
        make_tile(encoding=encoding, cell_bits=2), Precision(weight_bits=5, input_bits=3)
    )
    table = (0.11, 0.17, 0.23, 0.31) if law == "table" else ()
    noise = fluctuation(law, 0.0 if table else 0.37, duty=duty, table=table)
    device = make_device(fluctuation=noise, conductance_min_S=2e-6)
    weights = stream.integers(-15, 16, (rows, 2))
    codes = stream.integers(0, 8, rows).astype(np.int16)
    found = matrix_of(weights, geometry, device, (4,)).multiply(np.tile(codes, (vectors, 1)))
    mean, variance = law_of_products(weights, codes, geometry, device)
    z = (found.values.mean(axis=0) - mean) / np.sqrt(variance / vectors)
    assert np.abs(z).max() < 5, z
    spread = (found.values.var(axis=0) / variance - 1) / np.sqrt(2 / vectors)
    assert np.abs(spread).max() < 5, spread


def law_of_products(weights, codes, geometry, device):
    """(mean, variance) of each output: all counts of high cells of each level, enumerated."""
    levels = encode(weights, geometry)[0]
    amplitude = fluctuation_amplitude(device, 2)
    duty = device.fluctuation.duty
    scales = slice_weights(geometry)[0]
    mean = -float(weight_offset(geometry)) * codes.sum() * np.ones(weights.shape[1])
    variance = np.zeros(weights.shape[1])
    for t, phase in enumerate(phase_weights(geometry)):
        driven = (codes >> t & 1).astype(bool)
        for s, scale in enumerate(scales):
            for n in range(weights.shape[1]):
                counts = np.bincount(levels[s, driven, n], minlength=4)
                highs = np.meshgrid(*[np.arange(c + 1) for c in counts], indexing="ij")
                chance = np.ones(())
                for k, c in zip(highs, counts, strict=True):
                    chance = chance * stats.binom.pmf(k, c, duty)
                total = float(counts @ np.arange(4)) + sum(
                    a * (2 * k - c) for a, k, c in zip(amplitude, highs, counts, strict=True)
                )
                code = np.floor(np.floor(total * 256 + 0.5) / 256 + 0.5)
                first = float((chance * code).sum())
                mean[n] += phase * scale * first
                second = float((chance * code**2).sum())
                variance[n] += float(phase * scale) ** 2 * (second - first**2)
    return mean, variance


@pytest.mark.parametrize("law", ["absolute", "relative", "sqrt"])
@pytest.mark.parametrize("encoding", ["differential", "offset", "twos_complement"])
@pytest.mark.parametrize("dac_bits", [1, 2, 3])
def test_exact_reads_equal_a_slow_twin_that_draws_the_same_bits(law, encoding, dac_bits):
    stream = np.random.default_rng(7)
    tile = make_tile(encoding=encoding, subtraction="analog", rows=80, dac_bits=dac_bits)
    geometry = Geometry(tile, Precision(weight_bits=5, input_bits=4), redundancy=2)
    rows, outputs, vector = 18, 5, 9
    weights = stream.integers(-15, 16, (rows, outputs))
    codes = stream.integers(0, 16, (1, rows)).astype(np.int16)
    device = make_device(fluctuation=fluctuation(law, 0.37, duty=0.75))
    matrix = matrix_of(weights, geometry, device, (6,), shift=1)
    amplitude = fluctuation_amplitude(device, 2)
    levels = encode(weights, geometry)
    key = extend(address(6, 0, 0, 0), vector, 0)
    lanes = levels.shape[1] * outputs
    words, phases = -(-rows // 16), geometry.phases.count
    expected = -weight_offset(geometry) * codes.sum() * np.ones(outputs, np.int64)
    for t, phase in enumerate(phase_weights(geometry)):
        digit = codes[0] >> geometry.phases.shifts[t] & ((1 << dac_bits) - 1)
        total = np.zeros(lanes)
        for pair, held in enumerate(levels):
            high = np.zeros((rows, lanes))
            for copy in range(2):
                number = (pair * 2 + copy) * 2
                first, second = (
                    drawn(key, (number + d) * phases + t, words, lanes)[:rows] for d in range(2)
                )
                high += first | second  # duty 0.11 in binary
            level = held.transpose(1, 0, 2).reshape(rows, lanes)
            if law == "absolute" and dac_bits == 1:
                # Cells alike take the first bits: state number r for the r-th driven cell.
                high[digit > 0] = high[: int((digit > 0).sum())].copy()
            value = digit[:, None] * (level + amplitude[level] * (high - 1))
            total += (1, -1)[pair] * value.sum(axis=0)
        code = (np.floor(total * 256 + 0.5).astype(np.int64) + 256) >> 9
        folded = slice_weights(geometry)[0][:, None] * code.reshape(-1, outputs)
        expected += int(phase) * 2 * folded.sum(axis=0)
    np.testing.assert_array_equal(matrix.multiply(codes, first=vector).values[0], expected)


def drawn(key, number, words, lanes):
    """(16 * words, lanes) fair bits: word w of lane i is 16-bit word w * width + i."""
    width = -(-lanes // 4) * 4
    fair = np.empty(words * width // 4, np.uint64)
    random_words(key, number * fair.size, fair)
    sixteens = fair.view(np.uint16).reshape(words, width)[:, :lanes]
    bits = sixteens[:, None, :] >> np.arange(16)[None, :, None] & 1
    return bits.reshape(16 * words, lanes).astype(int)


@given(st.floats(1e-4, 1 - 1e-4))
def test_duty_digits_spell_the_duty(duty):
    digits = duty_digits(duty)
    value = sum(bool(d) / 2 ** (len(digits) - i) for i, d in enumerate(digits))
    assert digits[0]
    assert abs(value - duty) <= 2.0 ** -(DUTY_BITS + 1)


@pytest.mark.compiled
def test_engines_agree_on_a_layer_with_clipping_and_rounding():
    """Many cells of many amplitudes: no lattice, so that the sums are nearly normal."""
    stream = np.random.default_rng(9)
    geometry = Geometry(make_tile(rows=128, subtraction="analog"), Precision())
    weights = stream.integers(-127, 128, (128, 8))
    codes = np.tile(stream.integers(0, 256, 128).astype(np.int16), (30_000, 1))
    table = tuple(0.07 * np.sqrt([2, 3, 5, 7]))
    device = make_device(fluctuation=fluctuation("table", 0.0, table=table))
    results = {}
    for engine in Engine:
        converter = Converter(6, 1, converts_differences(geometry))
        matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (10,), engine)
        results[engine] = matrix.multiply(codes).values.astype(float)
    exact, moments = results[Engine.EXACT], results[Engine.MOMENTS]
    error = np.sqrt((exact.var(axis=0) + moments.var(axis=0)) / len(codes))
    z = (exact.mean(axis=0) - moments.mean(axis=0)) / error
    assert np.abs(z).max() < 5, z
    ratio = exact.var(axis=0) / moments.var(axis=0)
    assert np.abs(ratio - 1).max() < 5 * np.sqrt(4 / len(codes)), ratio


def test_exact_reads_do_not_depend_on_the_batch():
    stream = np.random.default_rng(11)
    geometry = Geometry(make_tile(), Precision())
    weights = stream.integers(-127, 128, (60, 40))
    codes = stream.integers(0, 256, (8, 60)).astype(np.int16)
    matrix = matrix_of(weights, geometry, make_device(fluctuation=fluctuation()), (1, 2))
    together = matrix.multiply(codes).values
    apart = [matrix.multiply(codes[:3]).values, matrix.multiply(codes[3:], first=3).values]
    np.testing.assert_array_equal(np.concatenate(apart), together)


# --- finite dwell times --------------------------------------------------------------------


def chain_reads(reads, refresh, duty=0.5, rows=32, outputs=64):
    """(reads, outputs) column sums of cells whose states are chains; one read per vector."""
    tile = make_tile(rows=rows, cell_bits=1, encoding="twos_complement", read_cycles=100)
    geometry = Geometry(tile, Precision(weight_bits=2, input_bits=2))
    read_s = phase_cycles(geometry) / tile.clock_Hz
    rate = -np.log1p(-refresh) / read_s
    noise = fluctuation(
        "absolute",
        0.9,
        states=States.MARKOV,
        high_dwell_s=1 / (rate * (1 - duty)),
        low_dwell_s=1 / (rate * duty),
    )
    device = make_device(fluctuation=noise)
    weights = np.zeros((rows, outputs), np.int64)
    codes = np.ones((reads, rows), np.int16)  # only the first of two phases drives word lines
    return matrix_of(weights, geometry, device, (12,)).multiply(codes).values, device


@pytest.mark.compiled
@pytest.mark.parametrize("refresh", [0.9, 0.3, 0.05])
@pytest.mark.parametrize("duty", [0.5, 0.8])
def test_states_of_a_chain_have_their_duty_and_correlation(refresh, duty):
    """Correlation (1 - r)^lag; every second read is undriven, so one vector is two reads."""
    found, device = chain_reads(4096, refresh, duty)
    amplitude = fluctuation_amplitude(device, 1)[0]
    # Two slices, each the sum of 32 cells at level 0: 1 * sum - 2 * sum', rounded to steps.
    mean = -32 * amplitude * (2 * duty - 1)
    samples = found.size * refresh  # about as many independent ones
    sigma = np.sqrt(5 * 32 * amplitude**2 * 4 * duty * (1 - duty))
    assert abs(found.mean() - mean) < 5 * sigma / np.sqrt(samples) + 0.1
    centred = found - found.mean()
    variance = (centred**2).mean()
    assert variance == pytest.approx(sigma**2 + 5 / 12, rel=5 * np.sqrt(2 / samples) + 0.03)
    for lag in (1, 2, 5):
        measured = (centred[:-lag] * centred[lag:]).mean() / variance
        expected = (1 - refresh) ** (2 * lag) * sigma**2 / (sigma**2 + 5 / 12)
        assert measured == pytest.approx(expected, abs=5 / np.sqrt(samples) + 0.03), lag


@pytest.mark.compiled
def test_slow_chains_are_frozen_and_fast_ones_fresh():
    frozen, _ = chain_reads(600, 1e-12)
    assert (frozen == frozen[0]).all()
    assert len(np.unique(frozen[0])) > 5
    fresh, _ = chain_reads(600, 1 - 1e-12)
    centred = fresh - fresh.mean()
    assert abs((centred[:-1] * centred[1:]).mean() / centred.var()) < 5 / np.sqrt(fresh.size)


@pytest.mark.compiled
def test_chains_do_not_depend_on_where_a_batch_begins():
    stream = np.random.default_rng(13)
    geometry = Geometry(make_tile(), Precision())
    weights = stream.integers(-127, 128, (40, 30))
    codes = stream.integers(0, 256, (300, 40)).astype(np.int16)
    noise = fluctuation(states=States.MARKOV, high_dwell_s=3e-7, low_dwell_s=2e-7)
    matrix = matrix_of(weights, geometry, make_device(fluctuation=noise), (14,))
    together = matrix.multiply(codes, first=70_000).values
    for start in (1, 37, 290):
        part = matrix.multiply(codes[start:], first=70_000 + start).values
        np.testing.assert_array_equal(part, together[start:])


def test_correlated_reads_need_the_exact_engine():
    noise = fluctuation(states=States.MARKOV, high_dwell_s=1e-6, low_dwell_s=1e-6)
    geometry = Geometry(make_tile(), Precision())
    with pytest.raises(MappingError, match="engine: expected 'exact' for states 'markov'"):
        ProgrammedMatrix(
            np.ones((1, 4, 4), int), geometry, Converter(8, 0, True), make_device(fluctuation=noise)
        )
