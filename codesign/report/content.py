"""The tables of a report, before they have a format."""

from collections.abc import Iterable

from codesign.report import cosim
from codesign.report.headline import headlines
from codesign.report.quantities import grouped, percent, si, square_mm
from codesign.report.result import LayerResult, Result
from codesign.report.table import Cell, Table, number, words

#: What fits on paper; the page and the CSV file have every column.
BRIEF_LAYERS = (
    "layer",
    "op",
    "rows",
    "cols",
    "MVMs",
    "tiles",
    "cells in use",
    "time",
    "energy",
)


def sections(result: Result) -> tuple[tuple[str, tuple[Table, ...]], ...]:
    """Headings and tables in the order of a paper report."""
    found = (
        ("Summary", (summary_table(result),)),
        ("Layers", (layer_table(result).only(BRIEF_LAYERS),)),
        ("Buffers that overflow", (buffer_table(result),)),
        ("Energy and area by component", (component_table(result),)),
        ("Accuracy against energy", (front_table(result),)),
        ("Sensitivity to the figures", (sensitivity_table(result),)),
        ("Line resistance", (line_table(result),)),
        ("Co-simulation", cosim_tables(result)),
        ("Figures", (figure_table(result),)),
        ("Provenance", (provenance_table(result),)),
    )
    # A run without a search has no front.
    return tuple(
        (heading, tuple(table for table in tables if table.rows))
        for heading, tables in found
        if any(table.rows for table in tables)
    )


def summary_table(result: Result) -> Table:
    """The headline numbers."""
    return Table(
        "summary",
        f"{result.network} on {result.arch}.",
        ("quantity", "value", "note"),
        tuple(words((h.title, h.value, h.detail)) for h in headlines(result)),
        frozenset(("quantity", "note")),
    )


def layer_table(result: Result) -> Table:
    """One row per layer: cost, place and knobs."""
    return Table(
        "layers",
        "Per inference. Layers without tiles are digital nodes.",
        (
            *("layer", "op", "energy", "share", "time", "cycles", "tiles", "replicas"),
            *("cells in use", "read voltage", "redundancy", "ADC bits"),
            *("rows", "cols", "groups", "MVMs"),
        ),
        tuple(_layer(layer, result.energy_J.total) for layer in result.layers),
        frozenset(("layer", "op")),
        total=(
            *words(("total", "", si(result.energy_J.total, "J"), "", "", "")),
            *words((grouped(result.tiles), "", percent(result.utilization, 1), *[""] * 7)),
        ),
    )


def _layer(layer: LayerResult, total_J: float) -> tuple[Cell, ...]:
    cells = (
        *words((layer.name, layer.op)),
        Cell(si(layer.energy_J, "J"), layer.energy_J),
        Cell(percent(layer.energy_J / total_J if total_J else 0.0, 1), layer.energy_J),
    )
    if not layer.tiles:
        return (*cells, *[Cell("")] * 12)
    volt = layer.read_voltage_V
    return (
        *cells,
        Cell(si(layer.time_s, "s"), layer.time_s),
        *_counts(layer.cycles, layer.tiles, layer.replicas),
        Cell("" if layer.utilization is None else percent(layer.utilization, 1), layer.utilization),
        number("" if volt is None else si(volt, "V"), volt),
        *_counts(layer.redundancy, layer.adc_bits, layer.rows, layer.cols, layer.groups),
        *_counts(layer.mvms_per_inference),
    )


def _counts(*counts: int | None) -> tuple[Cell, ...]:
    return tuple(number("" if n is None else grouped(n), n) for n in counts)


def component_table(result: Result) -> Table:
    """Energy and area by component, the costliest first."""
    energy, area = result.energy_J, result.area_m2
    names = dict.fromkeys((*energy.by_component, *area.by_component))
    ranked = sorted(names, key=lambda name: energy.by_component.get(name, 0.0), reverse=True)
    return Table(
        "components",
        "Energy of one inference, and area of the clusters in use.",
        ("component", "energy", "share of energy", "area", "share of area"),
        tuple(
            (
                Cell(name, name),
                *_part(energy.by_component.get(name), energy.total, "J"),
                *_part(area.by_component.get(name), area.total, "mm²"),
            )
            for name in ranked
        ),
        frozenset(("component",)),
        total=words(("total", si(energy.total, "J"), "", square_mm(area.total), "")),
    )


def _part(value: float | None, total: float, unit: str) -> tuple[Cell, Cell]:
    if value is None:
        return Cell(""), Cell("")
    shown = square_mm(value) if unit == "mm²" else si(value, unit)
    return Cell(shown, value), Cell(percent(value / total if total else 0.0, 1), value)


def buffer_table(result: Result) -> Table:
    """Clusters whose buffers are too small; no rows: all are large enough."""
    held = result.chip.buffer_bytes if result.chip else None
    rows = []
    for cluster, needed in result.buffer_overflow_bytes.items():
        layers = [lr.name for lr in result.layers if int(cluster) in lr.overflowing_clusters]
        rows.append((*_counts(int(cluster), needed, held), *words((", ".join(layers),))))
    return Table(
        "buffers",
        "Clusters in which more bytes wait at most than their buffers hold, and the layers whose "
        "results wait there; time and energy are as if they held them.",
        ("cluster", "bytes that wait", "bytes that fit", "layers"),
        tuple(rows),
        frozenset(("layers",)),
    )


def line_table(result: Result) -> Table:
    """What resistive lines take, and the error of the tiles in it."""
    return Table(
        "lines",
        "What resistive lines take from column sums, and how far the tiles' account of it is "
        "from exact ladders, on some input vectors, in steps of the converter (LSB); power of "
        "cells and lines over that of the cells on ideal lines.",
        (
            *("layer", "conversions", "level steps per LSB", "lost, mean", "lost, largest"),
            *("error, rms", "error, largest", "array power"),
        ),
        tuple(
            (
                Cell(line.name, line.name),
                *_counts(line.conversions, line.level_steps_per_lsb),
                *(Cell(f"{lsb:.3g}", lsb) for lsb in (line.lost_mean_lsb, line.lost_max_lsb)),
                *(Cell(f"{lsb:.3g}", lsb) for lsb in (line.error_rms_lsb, line.error_max_lsb)),
                Cell(percent(line.array_power, 1), line.array_power),
            )
            for line in result.lines
        ),
        frozenset(("layer",)),
    )


def front_table(result: Result) -> Table:
    """The designs that were evaluated."""
    return Table(
        "front",
        "Designs of which none is beaten in energy, area, latency and accuracy at once, and the "
        "best setting for all layers alike, as the search saw them; the chosen one is described "
        "here.",
        ("design", "energy", "area", "latency", "accuracy", "95 % interval", "chosen"),
        tuple(
            (
                Cell(point.label, point.label),
                Cell(si(point.energy_J, "J"), point.energy_J),
                Cell("" if point.area_m2 is None else square_mm(point.area_m2), point.area_m2),
                Cell("" if point.latency_s is None else si(point.latency_s, "s"), point.latency_s),
                Cell(percent(point.accuracy), point.accuracy),
                Cell(interval(point.ci95), point.ci95[0]),
                Cell("yes" if point.chosen else "", int(point.chosen)),
            )
            for point in result.front
        ),
        frozenset(("design", "chosen")),
    )


def sensitivity_table(result: Result) -> Table:
    """Energy and area with each figure at the ends of its stated uncertainty."""
    return Table(
        "sensitivity",
        "Energy and area with one figure at either end of its stated uncertainty.",
        (
            *("figure", "low", "high", "unit"),
            *("energy at low", "energy at high", "area at low", "area at high"),
        ),
        tuple(
            (
                Cell(row.key, row.key),
                *(Cell(f"{value:g}", value) for value in (row.low, row.high)),
                Cell(row.unit, row.unit),
                *(Cell(si(j, "J"), j) for j in (row.energy_low_J, row.energy_high_J)),
                *(Cell(square_mm(m2), m2) for m2 in (row.area_low_m2, row.area_high_m2)),
            )
            for row in result.sensitivity
        ),
        frozenset(("figure", "unit")),
    )


def interval(ci95: tuple[float, float]) -> str:
    """An interval of shares, in percent."""
    low, high = ci95
    return f"{100 * low:.2f} to {100 * high:.2f} %"


def figure_table(result: Result) -> Table:
    """The physical figures in use."""
    return Table(
        "figures",
        f"Technology {result.technology}.",
        ("figure", "value", "unit", "source"),
        tuple(
            (
                *words((f.key, f"{f.value:g}", f.unit)),
                *words((f"{f.source} ({f.note})" if f.note else f.source,)),
            )
            for f in result.figures
        ),
        frozenset(("figure", "unit", "source")),
    )


def provenance_table(result: Result) -> Table:
    """How to get these numbers again, the command apart."""
    record = result.provenance
    rows = [("seed", "none drawn" if result.seed is None else str(result.seed))]
    rows += [(f"version of {name}", version) for name, version in record.versions.items()]
    rows += [("machine", record.machine)] if record.machine else []
    rows += [(f"SHA-256 of {name}", digest) for name, digest in record.inputs.items()]
    return _text_table("provenance", "Versions, seed and inputs.", ("what", "value"), rows, 2)


def cosim_tables(result: Result) -> tuple[Table, ...]:
    """What went through the RTL, and the benches of its modules."""
    tables = []
    if result.cosim is not None:
        caption = "The RTL against the model, all images and arrays together."
        rows = cosim.rows(result.cosim)
        tables.append(_text_table("cosim", caption, cosim.HEADINGS, rows))
    if result.benches:
        caption = "Benches of the RTL's modules, over all their parameters."
        rows = cosim.bench_rows(result.benches)
        tables.append(_text_table("benches", caption, cosim.BENCH_HEADINGS, rows))
    return tuple(tables)


def _text_table(
    name: str,
    caption: str,
    headings: tuple[str, ...],
    rows: Iterable[Iterable[str]],
    text_columns: int = 1,
) -> Table:
    text = frozenset((*headings[:text_columns], headings[-1]))
    return Table(name, caption, headings, tuple(words(row) for row in rows), text)
