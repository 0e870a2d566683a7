"""Every shipped preset is complete, sourced, and able to do what it claims."""

import pytest

from hwsim.chip.load import arch_presets, device_presets, load_arch, load_device
from hwsim.cost import adcs_per_tile, load_technology, peak_level_share
from hwsim.device.spec import AmplitudeLaw, States
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import phase_cycles


@pytest.mark.parametrize("name", sorted(arch_presets()))
def test_every_preset_has_a_technology_and_a_source(name: str) -> None:
    arch = load_arch(name)
    assert load_technology(arch.technology).name == arch.technology
    assert len(arch.source) > 20
    assert len(arch.device.source) > 20


@pytest.mark.parametrize("name", sorted(device_presets()))
def test_every_device_says_whether_its_fluctuation_is_assumed(name: str) -> None:
    device = load_device(name)
    if device.fluctuation:
        assert "assumption" in device.fluctuation.source


def test_isaac_is_the_published_organisation() -> None:
    arch = load_arch("isaac")
    assert (arch.tile.rows, arch.tile.cols, arch.tile.cell_bits) == (128, 128, 2)
    assert (arch.tile.dac_bits, arch.tile.adc.bits) == (1, 8)
    assert arch.chip.tiles_per_group * arch.chip.groups_per_cluster == 96
    assert arch.chip.max_clusters == 168
    assert arch.tile.read_cycles / arch.tile.clock_Hz == pytest.approx(100e-9)
    assert arch.tile.clock_Hz / arch.tile.adc.conversion_cycles == pytest.approx(1.2e9)
    assert adcs_per_tile(arch.tile) == 1


def test_isaacs_converter_is_lossless_only_because_columns_are_flipped() -> None:
    tile = load_arch("isaac").tile
    heaviest = tile.rows * 3
    codes = 1 << tile.adc.bits
    assert heaviest * peak_level_share(tile) < codes
    unflipped = tile.replace(flipped_columns=False)
    assert heaviest * peak_level_share(unflipped) >= codes


def test_the_emt_presets_differ_only_in_name_and_device() -> None:
    normal = load_arch("emt-normal")
    for name in ("emt", "emt-weak", "emt-strong"):
        arch = load_arch(name)
        assert arch == normal.replace(name=name, device=arch.device)


def test_the_emt_intensities_rise_and_are_absolute_and_fresh_at_each_read() -> None:
    amplitudes = []
    for name in ("emt-weak", "emt-normal", "emt-strong"):
        fluctuation = load_arch(name).device.fluctuation
        assert fluctuation is not None
        assert fluctuation.law is AmplitudeLaw.ABSOLUTE
        assert fluctuation.states is States.INDEPENDENT
        amplitudes.append(fluctuation.amplitude)
    assert amplitudes == [0.01, 0.02, 0.05]


def test_an_emt_phase_is_shorter_than_isaacs_with_eight_converters_per_array() -> None:
    emt, isaac = load_arch("emt"), load_arch("isaac")
    seconds = [
        phase_cycles(Geometry(arch.tile, arch.precision)) / arch.tile.clock_Hz
        for arch in (emt, isaac)
    ]
    assert seconds == pytest.approx([72e-9, 128 / 1.2e9])
    assert adcs_per_tile(emt.tile) == 8
