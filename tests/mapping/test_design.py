from pathlib import Path

import pytest
import yaml

from hwsim.errors import MappingError, SpecError
from hwsim.peripherals.spec import Adc
from hwsim.tile.knobs import tile_with
from hwsim.tile.spec import Encoding, Knobs, TileSpec
from mapping.design import Design, check_design, load_design

TILE = TileSpec(
    rows=8,
    cols=16,
    cell_bits=2,
    encoding=Encoding.OFFSET,
    adc=Adc(bits=6, columns_per_adc=4),
    clock_Hz=1e9,
    read_cycles=10,
    read_voltage_V=0.2,
    read_voltages_V=(0.1, 0.2, 0.4),
)


def read(folder: Path, text: str) -> Design:
    path = folder / "design.yaml"
    path.write_text(text, encoding="utf-8")
    return load_design(path)


def test_a_layer_keeps_the_default_of_what_it_does_not_name(tmp_path: Path) -> None:
    design = read(
        tmp_path,
        """
        default: {redundancy: 2, adc_bits: 7}
        layers:
          conv1: {read_voltage_V: 0.4}
          conv2: {redundancy: 1}
        """,
    )
    assert design.knobs("conv1") == Knobs(read_voltage_V=0.4, redundancy=2, adc_bits=7)
    assert design.knobs("conv2") == Knobs(redundancy=1, adc_bits=7)
    assert design.knobs("other") == Knobs(redundancy=2, adc_bits=7)


def test_a_design_loads_back_equal() -> None:
    design = Design(
        default=Knobs(redundancy=3), layers={"a": Knobs(adc_bits=4), "b": Knobs(redundancy=2)}
    )
    assert Design.model_validate(yaml.safe_load(design.to_yaml())) == design


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: {a: {redundancy: 9}}", "layers.a.redundancy: expected less .* found 9"),
        ("layers: {a: {redundanc: 2}}", "layers.a.redundanc: unknown key"),
        ("layer: {}", "layer: unknown key; did you mean 'layers'"),
        ("default: {adc_bits: six}", "default.adc_bits: expected .* found 'six'"),
        ("default: 3", "default: "),
        ("default: {}\nlayers: {a: 3}", "layers.a: "),
    ],
)
def test_a_mistake_in_the_file_names_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=f"design.yaml: {message}"):
        read(tmp_path, text)


def test_an_unknown_layer_is_named_with_a_suggestion() -> None:
    design = Design(layers={"conv_1": Knobs()})
    with pytest.raises(
        MappingError, match=r"^d.yaml: layers.conv_1: expected a layer .*; did you mean 'conv1'\?$"
    ):
        check_design(design, ["conv1", "fc"], TILE, "d.yaml")
    with pytest.raises(MappingError, match=r"found 'conv_1'$"):
        check_design(design, ["zzz"], TILE, "d.yaml")


def test_a_voltage_that_the_drivers_cannot_make_is_named() -> None:
    design = Design(layers={"fc": Knobs(read_voltage_V=0.3)})
    message = "d.yaml: layers.fc.read_voltage_V: expected one of 0.1, 0.2, 0.4, found 0.3"
    with pytest.raises(MappingError, match=message):
        check_design(design, ["fc"], TILE, "d.yaml")
    free = TILE.replace(read_voltages_V=())
    check_design(design, ["fc"], free, "d.yaml")  # drivers without a list make any voltage


def test_more_bits_than_the_converter_has_are_refused() -> None:
    most = TILE.adc.bits
    check_design(Design(default=Knobs(adc_bits=most)), [], TILE, "d.yaml")
    message = (
        f"^d.yaml: default.adc_bits: expected at most the converter's {most}, found {most + 1}"
    )
    with pytest.raises(MappingError, match=message):
        check_design(Design(default=Knobs(adc_bits=most + 1)), [], TILE, "d.yaml")


def test_knobs_change_the_tile_and_none_keeps_it() -> None:
    assert tile_with(TILE, Knobs(redundancy=4)) == TILE
    changed = tile_with(TILE, Knobs(adc_bits=4, read_voltage_V=0.4))
    assert (changed.adc.bits, changed.read_voltage_V) == (4, 0.4)
    assert changed.replace(adc=TILE.adc, read_voltage_V=0.2) == TILE
