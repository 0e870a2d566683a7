"""The table: every published figure beside ours."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from codesign.validation import chips, gates, macros, physics
from codesign.validation.published import Case, Kind, Point, Role, Series, published_designs
from hwsim.errors import SpecError
from hwsim.spec import unknown

#: Where an error must be explained.
EXPLAIN_ABOVE = 0.10

#: What a series of a design file may name: conditions -> our figure in SI units.
MODELS: Mapping[str, Callable[[Case], float]] = {
    model.__name__: model
    for model in (
        chips.line_power,
        chips.line_area,
        chips.peak_operations,
        chips.peak_efficiency,
        chips.peak_density,
        macros.neurram_word_lines,
        macros.neurram_input_pulses,
        macros.neurram_neurons,
        macros.neurram_efficiency,
        macros.neurram_area,
        macros.jia_block,
        macros.jia_efficiency,
        macros.sinangil_energy,
        macros.sinangil_output_energy,
        macros.sinangil_efficiency,
        macros.colonnade_energy,
        gates.gate_efficiency,
        macros.survey_conversion,
        physics.read_energy,
        physics.read_noise,
        physics.drift_exponent,
        physics.programming_spread,
        physics.wire_loss,
    )
}


@dataclass(frozen=True)
class Row:
    """One published figure beside ours, both in `unit`."""

    design: str
    kind: Kind
    quantity: str
    case: str
    unit: str
    ours: float
    published: float
    role: Role
    reason: str | None  # given exactly where the error exceeds EXPLAIN_ABOVE
    source: str

    @property
    def error(self) -> float:
        """Ours over theirs, less one."""
        return self.ours / self.published - 1


@dataclass(frozen=True)
class Summary:
    """Rows by role, and the absolute errors of the predicted ones: other roles never count."""

    inputs: int
    calibrated: int
    borrowed: int
    predicted: int
    within: int  # predicted rows whose error is at most EXPLAIN_ABOVE
    median_error: float | None  # None: nothing is predicted
    max_error: float | None


def validation_table() -> tuple[Row, ...]:
    """Every row, design by design.

    Raises:
        SpecError: a design file is wrong or names an unknown model.
    """
    return tuple(
        _row(name, design.kind, series, point)
        for name, design in published_designs().items()
        for series in design.series
        for point in series.points
    )


def summary(rows: Sequence[Row]) -> Summary:
    """How far off the predicted rows among `rows` are."""
    roles = Counter(row.role for row in rows)
    errors = [abs(row.error) for row in rows if row.role is Role.PREDICTED]
    return Summary(
        inputs=roles[Role.INPUT],
        calibrated=roles[Role.CALIBRATED],
        borrowed=roles[Role.BORROWED],
        predicted=len(errors),
        within=sum(error <= EXPLAIN_ABOVE for error in errors),
        median_error=median(errors) if errors else None,
        max_error=max(errors, default=None),
    )


def _row(design: str, kind: Kind, series: Series, point: Point) -> Row:
    model = MODELS.get(series.model)
    if model is None:
        raise SpecError(f"{design}: model: {unknown(series.model, MODELS)}")
    ours = model(point.case) / series.unit.si
    unexplained = abs(ours / point.value - 1) <= EXPLAIN_ABOVE
    return Row(
        design=design,
        kind=kind,
        quantity=series.quantity,
        case=", ".join(_condition(name, value) for name, value in point.case.items()),
        unit=series.unit.value,
        ours=ours,
        published=point.value,
        role=point.role or series.role,
        reason=None if unexplained else point.reason or series.reason,
        source=series.source,
    )


def _condition(name: str, value: float | str) -> str:
    return value if isinstance(value, str) else f"{name} {value:g}"
