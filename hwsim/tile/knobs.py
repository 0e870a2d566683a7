"""What a layer's knobs make of its tile and of its device."""

from functools import lru_cache
from typing import Any

from hwsim.device.scale import scaled
from hwsim.device.spec import Device
from hwsim.tile.spec import Knobs, TileSpec


@lru_cache(maxsize=1024)
def tile_with(tile: TileSpec, knobs: Knobs) -> TileSpec:
    """The tile as the knobs set it (redundancy is a matter of the layer, not of the tile).

    A unit pulse keeps its length: with more bits per digit the word lines are driven longer.
    The voltage is taken as it is: `mapping.design.check_design` compares it with what the
    drivers can make.
    """
    changes: dict[str, Any] = {}
    if knobs.adc_bits is not None:
        changes["adc"] = tile.adc.replace(bits=knobs.adc_bits)
    if knobs.read_voltage_V is not None:
        changes["read_voltage_V"] = knobs.read_voltage_V
    if knobs.dac_bits is not None:
        longest, own = (1 << knobs.dac_bits) - 1, (1 << tile.dac_bits) - 1
        changes["dac_bits"] = knobs.dac_bits
        changes["read_cycles"] = -(-tile.read_cycles * longest // own)
    return tile.replace(**changes) if changes else tile


@lru_cache(maxsize=1024)
def device_with(device: Device, knobs: Knobs) -> Device:
    """The device as the knobs use it, in the slice with the widest window.

    Raises:
        SpecError: its disturbances do not fit a part of the window.
    """
    return scaled(device, knobs.conductance_scale)


def devices_with(device: Device, knobs: Knobs) -> tuple[Device, ...]:
    """The device as each slice of a weight uses it; one where all use it alike.

    Raises:
        SpecError: its disturbances do not fit a part of the window.
    """
    whole = knobs.conductance_scale
    return tuple(scaled(device, whole * scale) for scale in knobs.slice_scales or (1.0,))
