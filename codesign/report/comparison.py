"""Two or more results side by side; differences are to the first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from codesign.report.content import interval
from codesign.report.palette import SERIES
from codesign.report.quantities import NOT_SIMULATED, grouped, percent, si, square_mm
from codesign.report.result import Result
from codesign.report.table import Cell, Table, words
from hwsim.errors import SpecError
from hwsim.spec import Spec
from hwsim.units import Ratio

MAX_RESULTS = len(SERIES)
_LETTERS = "ABCDEF"


class Quantity(Spec):
    """One headline number of every result."""

    key: str  # of the result; ends with the unit
    title: str
    values: tuple[Annotated[Ratio, Field(ge=0)] | None, ...]  # in the unit of `key`
    # To the first: relative; of shares (accuracy, cells in use) the difference of the shares.
    changes: tuple[Ratio | None, ...]


class Comparison(Spec):
    """Results by label."""

    version: Literal[1] = 1
    labels: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    results: tuple[Result, ...]

    @property
    def title(self) -> str:
        """What is compared, in a line."""
        networks = dict.fromkeys(result.network for result in self.results)
        archs = dict.fromkeys(result.arch for result in self.results)
        return f"{' and '.join(networks)} on {' and '.join(archs)}"


# Key, title, value, whether it is a share.
_QUANTITIES: tuple[tuple[str, str, Callable[[Result], float | None], bool], ...] = (
    (
        "accuracy",
        "Accuracy on tiles",
        lambda r: None if r.accuracy is None else r.accuracy.mean,
        True,
    ),
    ("energy_J", "Energy per inference", lambda r: r.energy_J.total, False),
    ("tops_per_W", "Efficiency", lambda r: r.tops_per_W, False),
    ("latency_s", "Latency", lambda r: r.latency_s, False),
    ("throughput_per_s", "Throughput", lambda r: r.throughput_per_s, False),
    ("area_m2", "Area", lambda r: r.area_m2.total, False),
    ("tiles", "Tiles", lambda r: float(r.tiles), False),
    ("utilization", "Cells in use", lambda r: r.utilization, True),
)
_SHOWN: Mapping[str, Callable[[float], str]] = {
    "accuracy": percent,
    "energy_J": lambda value: si(value, "J"),
    "tops_per_W": lambda value: f"{value:.3g} TOPS/W",
    "latency_s": lambda value: si(value, "s"),
    "throughput_per_s": lambda value: f"{si(value, '').strip()}/s",
    "area_m2": square_mm,
    "tiles": lambda value: grouped(int(value)),
    "utilization": lambda value: percent(value, 1),
}


def compare(results: Sequence[Result]) -> Comparison:
    """The results with their differences to the first.

    Raises:
        SpecError: fewer than two results, or more than there are colours for.
    """
    if not 2 <= len(results) <= MAX_RESULTS:
        raise SpecError(f"report: expected 2 to {MAX_RESULTS} results, found {len(results)}")
    return Comparison(
        labels=_labels(results),
        quantities=tuple(
            _quantity(key, title, [value(result) for result in results], is_share)
            for key, title, value, is_share in _QUANTITIES
        ),
        results=tuple(results),
    )


def _labels(results: Sequence[Result]) -> tuple[str, ...]:
    one_network = len({result.network for result in results}) == 1
    names = [r.arch if one_network else f"{r.network} on {r.arch}" for r in results]
    return tuple(f"{letter}: {name}" for letter, name in zip(_LETTERS, names, strict=False))


def _quantity(key: str, title: str, values: list[float | None], is_share: bool) -> Quantity:
    first = values[0]
    changes = tuple(change(first, value, is_share) for value in values)
    return Quantity(key=key, title=title, values=tuple(values), changes=changes)


def change(first: float | None, value: float | None, is_share: bool = False) -> float | None:
    """From `first` to `value`: relative, or of shares the difference; None: not defined."""
    if first is None or value is None:
        return None
    if is_share:
        return value - first
    return value / first - 1 if first else None


def signed(relative: float | None, unit: str = "%") -> str:
    """A change as people write it: +12.3 %."""
    if relative is None:
        return ""
    text = f"{100 * abs(relative):.1f} {unit}"
    if text.startswith("0.0 "):
        return f"0.0 {unit}"
    return f"{'+' if relative > 0 else '−'}{text}"


def quantity_table(comparison: Comparison) -> Table:
    """The headline numbers, and for every result after the first its difference."""
    letters = [label[0] for label in comparison.labels]
    return Table(
        "comparison",
        f"Differences are to {comparison.labels[0]}.",
        ("quantity", *comparison.labels, *(f"{letter} to A" for letter in letters[1:])),
        tuple(_quantity_row(quantity) for quantity in comparison.quantities),
        frozenset(("quantity",)),
    )


def _quantity_row(quantity: Quantity) -> tuple[Cell, ...]:
    shown = _SHOWN[quantity.key]
    unit = "points" if quantity.key in ("accuracy", "utilization") else "%"
    return (
        Cell(quantity.title, quantity.title),
        *(Cell(NOT_SIMULATED if v is None else shown(v), v) for v in quantity.values),
        *(Cell(signed(c, unit), c) for c in quantity.changes[1:]),
    )


def setup_table(comparison: Comparison) -> Table:
    """What was run, result by result."""

    def row(title: str, value: Callable[[Result], object]) -> tuple[Cell, ...]:
        found = [value(result) for result in comparison.results]
        return words((title, *("" if v is None else str(v) for v in found)))

    return Table(
        "setup",
        "What was run.",
        ("what", *comparison.labels),
        (
            row("network", lambda r: r.network),
            row("device", lambda r: r.device),
            row("technology", lambda r: r.technology),
            row("backend", lambda r: r.backend),
            row("images", lambda r: r.samples),
            row("device samples", lambda r: r.device_samples),
            row("95 % interval", lambda r: r.accuracy and interval(r.accuracy.ci95)),
            row("seed", lambda r: r.seed),
            row("command", lambda r: r.provenance.command),
        ),
        frozenset(("what", *comparison.labels)),
    )


def breakdown_table(
    comparison: Comparison, name: str, caption: str, parts: Sequence[Mapping[str, float]]
) -> Table:
    """Joules by component or layer, with differences."""
    keys = dict.fromkeys(key for part in parts for key in part)
    letters = [label[0] for label in comparison.labels]
    rows = []
    for key in keys:
        joules = [part.get(key) for part in parts]
        changes = [change(joules[0], value) for value in joules[1:]]
        rows.append(
            (
                Cell(key, key),
                *(Cell("" if j is None else si(j, "J"), j) for j in joules),
                *(Cell(signed(c), c) for c in changes),
            )
        )
    headings = ("", *comparison.labels, *(f"{letter} to A" for letter in letters[1:]))
    return Table(name, caption, (name.rsplit("-", 1)[-1], *headings[1:]), tuple(rows), frozenset())


def remarks(comparison: Comparison) -> tuple[str, ...]:
    """What must be known before the differences are believed."""
    found = []
    results = comparison.results
    if len({result.network for result in results}) > 1:
        found.append("The networks differ: energies per inference are not of the same work.")
    if len({result.samples for result in results}) > 1:
        found.append("The numbers of images differ.")
    spans = [result.accuracy.ci95 for result in results if result.accuracy is not None]
    if len(spans) > 1 and max(low for low, _ in spans) <= min(high for _, high in spans):
        found.append("The 95 % intervals of the accuracies overlap.")
    for label, result in zip(comparison.labels, results, strict=True):
        if full := len(result.buffer_overflow_bytes):
            found.append(f"{label}: the buffers of {full} cluster{'s' * (full > 1)} overflow.")
    if len({result.technology for result in results}) > 1:
        found.append("The technologies differ: part of the difference is theirs.")
    return tuple(found)
