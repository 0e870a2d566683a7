"""What a chip is: tiles in groups, groups in clusters on a mesh; and the whole architecture."""

from typing import Annotated

from pydantic import Field

from hwsim.device.spec import Device, Scenario
from hwsim.spec import Spec
from hwsim.tile.spec import Precision, TileSpec

LARGEST = 2**40  # bytes, bits or units: as good as infinite
Count = Annotated[int, Field(ge=1, le=LARGEST)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST)]


class ChipSpec(Spec):
    """Tiles share registers in a group (ISAAC: IMA), a buffer and a router in a cluster."""

    tiles_per_group: Annotated[int, Field(ge=1, le=10**6)]
    groups_per_cluster: Annotated[int, Field(ge=1, le=10**6)]
    max_clusters: Count | None = None  # None: as many as the network needs
    shift_adds_per_group: Count
    input_register_bytes: Count  # per group
    output_register_bytes: Count  # per group
    buffer_bytes: Count  # per cluster
    bus_bits: Count  # buffer to groups, bits per beat
    clusters_per_router: Count = 1
    flit_bits: Count = 32
    cluster_register_bytes: CountOrZero = 0  # results before the buffer
    activation_units_per_cluster: CountOrZero = 1
    shift_adds_per_cluster: CountOrZero = 1  # partial sums and tensor additions
    requantizers_per_cluster: Count = 1
    pool_units_per_cluster: CountOrZero = 1
    offchip_links: CountOrZero = 0  # per chip
    power_gating: bool = False  # tiles are switched off between products (hwsim.cost.leakage)

    @property
    def tiles_per_cluster(self) -> int:
        """Arrays that share one buffer and router."""
        return self.tiles_per_group * self.groups_per_cluster


class Arch(Spec):
    """Everything the mapper, the simulator and the cost model read about the hardware."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    source: Annotated[str, Field(min_length=1)]
    device: Device
    tile: TileSpec
    chip: ChipSpec
    precision: Precision = Precision()
    scenario: Scenario = Scenario()
    technology: Annotated[str, Field(min_length=1)]  # a name in hwsim/cost/technology

    @property
    def unbounded(self) -> "Arch":
        """On a chip as large as needed."""
        return self.replace(chip=self.chip.replace(max_clusters=None))
