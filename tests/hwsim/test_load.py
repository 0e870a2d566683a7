"""Loading architectures and devices: presets, extends, and one clear line per mistake."""

import os
import re
from pathlib import Path

import pytest
import yaml

from hwsim.chip.load import arch_presets, device_presets, load_arch, load_device
from hwsim.chip.spec import Arch
from hwsim.cost.load import load_technology
from hwsim.device.spec import AmplitudeLaw
from hwsim.errors import SpecError
from hwsim.spec import read_yaml


def written(folder: Path, text: str, name: str = "my.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_extends_a_preset_changes_only_the_named_keys(tmp_path: Path) -> None:
    arch = load_arch(written(tmp_path, "extends: isaac\nname: mine\ntile: {adc: {bits: 7}}\n"))
    base = load_arch("isaac")
    assert arch.tile.adc.bits == 7
    assert arch == base.replace(name="mine", tile=arch.tile)
    assert arch.tile.replace(adc=base.tile.adc) == base.tile


def test_a_device_mapping_under_extends_overrides_keys_of_the_parents_device(
    tmp_path: Path,
) -> None:
    text = "extends: emt\ndevice: {fluctuation: {amplitude: 0.3}}\n"
    fluctuation = load_arch(written(tmp_path, text)).device.fluctuation
    assert fluctuation is not None
    assert fluctuation.amplitude == 0.3
    assert fluctuation.law is AmplitudeLaw.ABSOLUTE


def test_a_null_takes_a_disturbance_of_the_parent_away(tmp_path: Path) -> None:
    arch = load_arch(written(tmp_path, "extends: emt\ndevice: {fluctuation: null}\n"))
    assert arch.device.fluctuation is None


def test_a_named_device_replaces_the_parents_device_whole(tmp_path: Path) -> None:
    arch = load_arch(written(tmp_path, "extends: emt\ndevice: isaac-memristor\n"))
    assert arch.device == load_device("isaac-memristor")


def test_a_device_mapping_with_its_own_extends_starts_from_that_preset(tmp_path: Path) -> None:
    text = "extends: isaac\ndevice: {extends: emt-strong, name: hot}\n"
    arch = load_arch(written(tmp_path, text))
    assert arch.device == load_device("emt-strong").replace(name="hot")


def test_a_device_file_is_found_next_to_the_file_that_names_it(tmp_path: Path) -> None:
    written(tmp_path, "extends: emt-weak\nname: cold\n", "cold.yaml")
    arch = load_arch(written(tmp_path, "extends: emt\ndevice: cold.yaml\n"))
    assert arch.device.name == "cold"


def test_a_file_may_extend_a_file_that_extends_a_preset(tmp_path: Path) -> None:
    written(tmp_path, "extends: isaac\ntile: {rows: 64}\n", "first.yaml")
    arch = load_arch(
        written(
            tmp_path,
            "extends: first.yaml\ntile: {cols: 64, adc: {columns_per_adc: 64}}\n",
            "second.yaml",
        )
    )
    assert (arch.tile.rows, arch.tile.cols) == (64, 64)


def test_a_mapping_may_take_over_the_keys_of_an_anchor(tmp_path: Path) -> None:
    content = written(tmp_path, "a: &a {bits: 7, one: 1}\nb: {<<: *a, one: 2}\n")
    assert read_yaml(content) == {"a": {"bits": 7, "one": 1}, "b": {"bits": 7, "one": 2}}


def test_a_loaded_arch_prints_as_yaml_that_loads_back_equal(tmp_path: Path) -> None:
    arch = load_arch("emt-strong")
    assert load_arch(written(tmp_path, arch.to_yaml())) == arch
    assert Arch.model_validate(yaml.safe_load(arch.to_yaml())) == arch


def test_a_technology_file_is_named_relative_to_the_architecture(tmp_path: Path) -> None:
    tmp_path.joinpath("mine.yaml").write_text("extends: emt-32nm\nname: mine\n")
    arch = load_arch(written(tmp_path, "extends: emt\ntechnology: mine.yaml"))
    assert load_technology(arch.technology).name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: isaac\ntile: {adc: {bit: 8}}", "tile.adc.bit: unknown key; did you mean 'bits'"),
        (
            "extends: emt\ndevice: {faults: {stuck_no: 0.1, source: x}}",
            "device.faults.stuck_no: unknown key; did you mean 'stuck_on'",
        ),
        (
            "extends: isaac\ntile: {read_voltage_V: -0.2}",
            "tile.read_voltage_V: expected greater than or equal to 1e-06, found -0.2",
        ),
        (
            "extends: isaac\ntile: {read_voltages_V: [0.2, 1e-7]}",
            "tile.read_voltages_V.1: expected greater than or equal to 1e-06, found 1e-07",
        ),
        (
            "extends: emt\ntile: {noise: {converter_A: 2, source: x}}",
            "tile.noise.converter_A: expected less than or equal to 1, found 2",
        ),
        (
            f"extends: emt\nchip: {{tiles_per_group: 1{'0' * 400}}}",
            "chip.tiles_per_group: expected less than or equal to 1000000, found 1",
        ),
        (
            "extends: emt\nchip: {bus_bits: 1099511627777}",
            "chip.bus_bits: expected less than or equal to 1099511627776, found 1099511627777",
        ),
        (
            "extends: emt\ntile: {read_cycles: 1000000001}",
            "tile.read_cycles: expected less than or equal to 1000000000, found 1000000001",
        ),
        (
            "extends: emt\ntile: {clock_Hz: 1e-300}",
            "tile.clock_Hz: expected greater than or equal to 1, found 1e-300",
        ),
        (
            "extends: emt\nscenario: {time_s: 1e13}",
            r"scenario.time_s: expected less than or equal to 1e\+12, found 1",
        ),
        (
            "extends: emt\nscenario: {temperature_K: 0.1}",
            "scenario.temperature_K: expected greater than or equal to 1, found 0.1",
        ),
        ("extends: isaac\ntile: {rows: many}", "tile.rows: expected .*, found 'many'"),
        ("extends: isaac\ndevice: emt-wek", "device: expected one of .*did you mean 'emt-weak'"),
        ("extends: isaac\ndevice: 3", "device: expected a preset's name or a mapping, found 3"),
        ("extends: isaac\ndevice: {extends: 3}", "device.extends: expected a device's name"),
        ("extends: isac", "extends: expected one of .*did you mean 'isaac'"),
        ("extends: my.yaml", "extends: circular through my.yaml"),
        ("extends: isaac\ndevice: {conductance_max_S: 0}", "device.conductance_max_S: expected"),
        ("name: bare", "source: missing; it must be given"),
        ("tile: {rows: 1", "not valid YAML here"),
        ("- 1\n- 2", "expected a mapping of named keys, found list"),
        ("name: emt\nseed: " + 5000 * "9", "line 2: not valid YAML here: .*4300 digits"),
        ("tile: {rows: 0x" + 5000 * "f" + "}", "line 1: not valid YAML here: .*4300 digits"),
        ("name: 2024-13-45", "line 1: not valid YAML here: month must be in 1..12"),
        ("a: !!bool maybe", "line 1: not valid YAML here: 'maybe'"),
        ("a: !!timestamp now", "line 1: not valid YAML here"),
        ("a: !!set [1]", "not valid YAML here"),
        ('a: "\\UFFFFFFFF"', "not valid YAML here"),
        (f"a: 1{':1' * 300}.5", "line 1: not valid YAML here: int too large"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML here"),
    ],
)
def test_a_wrong_file_gives_one_line_with_file_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SpecError, match=message) as caught:
        load_arch(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_named_with_a_suggestion() -> None:
    with pytest.raises(SpecError, match=r"architecture: expected one of .*did you mean 'isaac'\?"):
        load_arch("issac")
    with pytest.raises(SpecError, match=r"device: expected one of .*'emt-weak'"):
        load_device("emt-weka")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(SpecError, match=re.escape(f"{path}: no such file")):
        load_arch(path)


def test_every_preset_is_listed_by_its_own_name() -> None:
    assert {"isaac", "emt", "emt-weak", "emt-normal", "emt-strong"} <= set(arch_presets())
    assert {"isaac-memristor", "emt-weak", "emt-normal", "emt-strong"} <= set(device_presets())
    for name in arch_presets():
        assert load_arch(name).name == name
    for name in device_presets():
        assert load_device(name).name == name


def test_a_file_that_stays_is_parsed_once_and_every_caller_has_its_own(tmp_path, monkeypatch):
    path = written(tmp_path, "tile: {rows: 4}\nlist: [1]\n")
    os.utime(path, (1e9, 1e9))
    first = read_yaml(path)
    monkeypatch.setattr(yaml, "load", None)
    first["tile"]["rows"] = 5
    first["list"].append(2)
    assert read_yaml(path) == {"tile": {"rows": 4}, "list": [1]}


def test_a_file_written_twice_at_once_is_read_twice(tmp_path: Path) -> None:
    for rows in range(9):
        assert read_yaml(written(tmp_path, f"rows: {rows}\n")) == {"rows": rows}
