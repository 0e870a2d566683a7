"""What disturbs a layer in training, and what its cells take: of the tiles that a plan gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from hwsim.chip.spec import Arch
from hwsim.cost import array_energy_J
from hwsim.device.spec import Device, Scenario
from hwsim.events import EventCounts
from hwsim.tile.geometry import Geometry
from hwsim.tile.knobs import device_with
from hwsim.tile.spec import Averaging, TileSpec
from mapping.execute_tiles import full_range_shift
from mapping.partition import Partition, partition
from mapping.plan import LayerPlan
from optim.product_noise import ProductNoise, simplest
from optim.rho import COPIES, has_windows
from optim.train.flipped import Flips
from optim.train.windows import window_shares

#: Shares of a cell's energy that training may choose: copies above one, less window below.
RHO_LIMITS = (0.25, 8.0)


@final
@dataclass(frozen=True)
class CellEnergy:
    """Energy of one unit pulse on a cell in J: at the lowest level, and per level above.

    With the whole window in use, and with the least share; between them on lines.
    """

    whole_J: tuple[float, float]
    part_J: tuple[float, float]
    columns: int  # cells of a weight


@final
@dataclass(frozen=True)
class LayerHardware:
    """What disturbs a layer and what its cells take, with one cell per weight digit.

    noises: with the parts of the window in use of `window_shares(lowest)`, the least that rho
    may take.
    """

    noises: tuple[ProductNoise, ...]
    lowest: float
    energy: CellEnergy
    fill: float  # rows of a product with one copy, in arrays
    packs: tuple[int, ...]  # groups that share an array, by the number of copies
    flips: Flips | None  # None: no column is stored complemented
    averaging: Averaging

    @property
    def whole(self) -> ProductNoise:
        """Noise with the whole window in use."""
        return self.noises[0]


def hardware_of(layer: LayerPlan, arch: Arch, shifts: Mapping[str, int]) -> LayerHardware:
    """Noise and energy of a layer, its knobs applied; copies are what rho stands for."""
    shift = shifts.get(layer.name, full_range_shift(layer, arch))
    geometry, knobs = layer.geometry(arch.tile), layer.knobs
    single = Geometry(geometry.tile, geometry.precision)
    lowest = RHO_LIMITS[0] if has_windows(arch.device) else 1.0
    devices = [
        device_with(arch.device, knobs.replace(conductance_scale=share))
        for share in window_shares(lowest)
    ]
    blocks = _partitions(layer, single)
    noises = [ProductNoise.of(single, device, arch.scenario, shift) for device in devices]
    whole_J, part_J = (
        _pulse_J(device, single.tile, arch.scenario) for device in (devices[0], devices[-1])
    )
    return LayerHardware(
        noises=simplest(noises),
        lowest=lowest,
        energy=CellEnergy(whole_J, part_J, single.columns_per_weight),
        fill=layer.rows / single.inputs_per_array,
        packs=tuple(one.groups_per_array for one in blocks),
        flips=_flips(single, blocks),
        averaging=single.tile.averaging,
    )


def _partitions(layer: LayerPlan, single: Geometry) -> tuple[Partition, ...]:
    """How the layer lies on arrays with 1, 2, ... copies."""
    every = range(1, min(COPIES[-1], single.tile.rows) + 1)
    geometries = (Geometry(single.tile, single.precision, copies) for copies in every)
    return tuple(partition(layer.groups, layer.rows, layer.cols, each) for each in geometries)


def _flips(single: Geometry, blocks: Sequence[Partition]) -> Flips | None:
    if not single.tile.flipped_columns:
        return None
    return Flips(single.max_level, tuple(one.inputs_per_array for one in blocks))


def _pulse_J(device: Device, tile: TileSpec, scenario: Scenario) -> tuple[float, float]:
    """Energy of one unit pulse on a cell of the lowest level, and what a level adds."""
    lowest, level = EventCounts(cell_pulses=1), EventCounts(level_pulses=1)
    return (
        array_energy_J(lowest, device, tile, scenario),
        array_energy_J(level, device, tile, scenario),
    )
