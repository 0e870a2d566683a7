"""What one run found: the record that `result.json` holds and every report is made from.

Keys end with their unit; inside `energy_J` and `area_m2` every number has that unit.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from hwsim.spec import Spec
from hwsim.units import Bit, Hertz, Joule, Ratio, Second, SquareMetre, Volt
from mapping.design import Design

PerSecond = Annotated[float, Field(gt=0, json_schema_extra={"unit": "per_s"})]
TeraPerWatt = Annotated[float, Field(ge=0, json_schema_extra={"unit": "per_W"})]
Count = Annotated[int, Field(ge=0)]
#: A number in the unit that the key above it ends with.
Amount = Annotated[Ratio, Field(ge=0)]
SUM_TOLERANCE = 1e-9


class AccuracyResult(Spec):
    """Top-1 accuracies as shares; None where that network was not run."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    float_: Annotated[Ratio, Field(ge=0, le=1)] | None = Field(default=None, alias="float")
    quantized: Annotated[Ratio, Field(ge=0, le=1)] | None = None
    mean: Annotated[Ratio, Field(ge=0, le=1)]  # on the modelled hardware
    ci95: tuple[Annotated[Ratio, Field(ge=0, le=1)], Annotated[Ratio, Field(ge=0, le=1)]]


class AreaResult(Spec):
    """Area, in square metres."""

    total: Amount
    by_component: dict[str, Amount]


class EnergyResult(Spec):
    """Energy of one inference, in joules; both breakdowns sum to the total."""

    total: Amount
    by_component: dict[str, Amount]
    by_layer: dict[str, Amount]

    @model_validator(mode="after")
    def _parts_sum_to_the_total(self) -> Self:
        for key in ("by_component", "by_layer"):
            found = sum(getattr(self, key).values())
            if abs(found - self.total) > SUM_TOLERANCE * max(found, self.total):
                raise ValueError(f"{key}: must sum to total = {self.total}, found {found}")
        return self


class LayerResult(Spec):
    """One layer on tiles, or one digital node (tiles = 0)."""

    name: str
    op: str
    rows: Count = 0
    cols: Count = 0
    groups: Count = 0
    mvms_per_inference: Count = 0
    macs: Count = 0
    tiles: Count = 0
    first_tile: Count | None = None  # it lies on first_tile .. first_tile + tiles - 1
    replicas: Count = 0
    utilization: Ratio | None = None
    read_voltage_V: Volt | None = None
    redundancy: Count | None = None
    adc_bits: Bit | None = None
    cycles: Count = 0  # of its tiles alone
    time_s: Second = 0.0
    start_s: Second | None = None  # its first input is in the buffer
    end_s: Second | None = None  # its last result is in the buffer that reads it
    busy_s: Second | None = None  # its tiles, or its digital units, work
    stalls_s: dict[str, Second] = Field(default_factory=dict)  # with busy_s: end_s - start_s
    buffer_bytes: Count | None = None  # most of its results that wait at once to be read
    overflowing_clusters: tuple[Count, ...] = ()  # in which they wait, see `buffer_overflow_bytes`
    energy_J: Joule
    energy_by_component_J: dict[str, Joule]
    events: dict[str, Amount] = Field(default_factory=dict)  # of one inference, those that occur


class ChipResult(Spec):
    """Where tiles lie: numbered through clusters, which hang on the routers of a mesh."""

    tiles_per_cluster: Annotated[int, Field(ge=1)]
    clusters_per_router: Annotated[int, Field(ge=1)] = 1
    buffer_bytes: Count | None = None  # of one cluster


class FrontPoint(Spec):
    """One design that was evaluated: what it costs and how often it is right."""

    label: str
    energy_J: Joule
    area_m2: SquareMetre | None = None
    latency_s: Second | None = None
    accuracy: Annotated[Ratio, Field(ge=0, le=1)]
    ci95: tuple[Annotated[Ratio, Field(ge=0, le=1)], Annotated[Ratio, Field(ge=0, le=1)]]
    chosen: bool = False  # the design that the rest of the result describes


class Assumption(Spec):
    """A sentence that the numbers rest on, and where it comes from."""

    text: str
    source: str = ""


class FigureResult(Spec):
    """A physical figure that was used."""

    key: str
    value: Ratio  # of the unit beside it
    unit: str
    source: str
    note: str = ""  # node, conditions, uncertainty


class SensitivityRow(Spec):
    """One figure between the ends of its stated uncertainty, every other one as given."""

    key: str  # of a figure
    low: Amount  # of the unit below
    high: Amount
    unit: str
    energy_low_J: Amount  # of one inference, the figure at `low`
    energy_high_J: Amount
    area_low_m2: Amount
    area_high_m2: Amount


class LineResult(Spec):
    """What resistive lines take from one layer's column sums, exactly, and the tiles' error in it.

    On some input vectors, in steps of the converter (LSB).
    """

    name: str
    conversions: Count  # that were looked at
    level_steps_per_lsb: Annotated[int, Field(ge=1)]
    lost_mean_lsb: Ratio
    lost_max_lsb: Ratio
    error_rms_lsb: Ratio  # of what the tiles take, against exact ladders
    error_max_lsb: Ratio
    array_power: Ratio  # of cells and lines, over that of the cells on ideal lines


class CosimLayer(Spec):
    """One layer through the RTL; what is counted is of all arrays and images together."""

    name: str
    arrays: Count  # that hold the layer once, copies included
    vectors: Count  # products of single arrays
    cycles: Count  # counted by the RTL
    schedule_cycles: Count  # by hwsim.tile.schedule
    codes: Count = 0  # that left the RTL's requantizer
    equal: bool | None = None  # to the model in values and cycles; None: not compared
    difference: str = ""  # the first one


class CosimResult(Spec):
    """What went through the RTL."""

    modules: tuple[str, ...]  # of rtl/
    simulator: str
    samples: Count
    vectors: Count
    cycles: Count
    schedule_cycles: Count
    equal: bool | None = None  # values and cycles, all layers; None: values were not compared
    layers: tuple[CosimLayer, ...]


class BenchResult(Spec):
    """One module's cocotb bench, over all its parameters."""

    module: str  # of rtl/
    tests: Count
    failed: Count
    skipped: Count
    covered: Count  # bins of functional coverage that were hit, over all runs
    bins: Count
    time_s: Second
    problem: str = ""  # the first failure, or why nothing ran

    @property
    def passed(self) -> bool:
        """Whether tests ran and none failed."""
        return not self.failed and self.tests > self.skipped


class Provenance(Spec):
    """How to get these numbers again."""

    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    inputs: dict[str, str] = Field(default_factory=dict)  # file name -> SHA-256
    machine: str = ""


class Result(Spec):
    """One network on one architecture.  None: not simulated or not applicable."""

    version: Literal[1] = 1
    network: str
    arch: str
    arch_description: str = ""
    technology: str
    device: str
    backend: str | None = None
    engine: str | None = None
    seed: int | None = None
    samples: Count | None = None
    device_samples: Count | None = None
    accuracy: AccuracyResult | None = None
    energy_J: EnergyResult
    area_m2: AreaResult
    latency_s: Second
    sequential_latency_s: Second | None = None  # were each layer to wait for the one before
    throughput_per_s: PerSecond
    bottleneck: str = ""  # the resource that sets the throughput
    # What waits at most in each cluster whose buffer is too small for it, by the cluster's number.
    buffer_overflow_bytes: dict[str, Count] = Field(default_factory=dict)
    clock_Hz: Hertz
    cycles: Count  # of one inference: latency_s * clock_Hz
    tiles: Count
    clusters: Count
    weights: Count
    macs: Count  # per inference
    utilization: Ratio
    tops_per_W: TeraPerWatt  # two operations per MAC
    layers: Annotated[tuple[LayerResult, ...], Field(min_length=1)]
    chip: ChipResult | None = None
    design: Design | None = None  # knobs that differ from the tile's own
    front: tuple[FrontPoint, ...] = ()
    certified: bool | None = None  # the target is reached, at the stated error; None: no search
    verdict: str = ""  # the same in words
    baseline_energy_J: Joule | None = None  # of the best certified setting equal for all layers
    evaluations: Count | None = None  # simulations that the search asked for
    lines: tuple[LineResult, ...] = ()  # none: lines without resistance
    cosim: CosimResult | None = None
    benches: tuple[BenchResult, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    figures: tuple[FigureResult, ...] = ()
    # Widest change of energy first, then of area; figures that change neither are left out.
    sensitivity: tuple[SensitivityRow, ...] = ()
    provenance: Provenance = Provenance()
