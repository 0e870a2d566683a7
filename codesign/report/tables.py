"""A result as CSV and as Markdown."""

import csv
import io
from collections.abc import Iterable, Sequence

from codesign.report import cosim
from codesign.report.headline import headlines
from codesign.report.quantities import percent, si, square_mm
from codesign.report.result import LayerResult, Result

_COLUMNS = (
    "name",
    "op",
    "rows",
    "cols",
    "groups",
    "mvms_per_inference",
    "macs",
    "tiles",
    "replicas",
    "utilization",
    "read_voltage_V",
    "redundancy",
    "adc_bits",
    "cycles",
    "time_s",
    "energy_J",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(result: Result) -> str:
    """One row per layer; energies by component in the last columns, SI units in the headings."""
    components = list(result.energy_J.by_component)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"energy_{name}_J" for name in components)])
    for layer in result.layers:
        cells = [getattr(layer, column) for column in _COLUMNS]
        parts = [layer.energy_by_component_J.get(name, 0.0) for name in components]
        writer.writerow([_cell(value) for value in (*cells, *parts)])
    return text.getvalue()


def _cell(value: object) -> object:
    """A spreadsheet runs text that starts like a formula; a quote in front keeps it text."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def to_markdown(result: Result) -> str:
    """The report in GitHub's Markdown."""
    lines = [
        f"# {_plain(result.network)} on {_plain(result.arch)}",
        "",
        *_table(
            ("", "", ""), [(h.title, h.value, h.detail) for h in headlines(result)], left=(0, 2)
        ),
        "",
        "## Layers",
        "",
        *_table(
            ("layer", "op", "rows", "cols", "MVMs", "tiles", "utilisation", "time", "energy"),
            [_layer(layer) for layer in result.layers],
            left=(0, 1),
        ),
        "",
        "## Energy and area by component",
        "",
        *_table(("component", "energy", "share", "area"), _components(result), left=(0,)),
        "",
        *_cosim(result),
        *_benches(result),
        "## Assumptions",
        "",
        *(f"- {_plain(a.text)}{_source(a.source)}" for a in result.assumptions),
        "",
        "## Figures",
        "",
        *_table(
            ("figure", "value", "unit", "source"),
            [
                (f.key, f"{f.value:g}", f.unit, f"{f.source} {f.note}".strip())
                for f in result.figures
            ],
            left=(0, 2, 3),
        ),
        "",
        "## Provenance",
        "",
        f"Command: `{result.provenance.command.replace('`', ' ') or 'not recorded'}`",
        "",
        *_table(("what", "value"), _provenance(result), left=(0, 1)),
    ]
    return "\n".join(lines) + "\n"


def _cosim(result: Result) -> list[str]:
    if result.cosim is None:
        return []
    table = _table(cosim.HEADINGS, cosim.rows(result.cosim), left=(0, 6))
    modules = ", ".join(f"`{name}`" for name in result.cosim.modules)
    text = _plain(cosim.summary(result.cosim))
    return ["## Co-simulation", "", text, "", f"Modules: {modules}.", "", *table, ""]


def _benches(result: Result) -> list[str]:
    if not result.benches:
        return []
    table = _table(cosim.BENCH_HEADINGS, cosim.bench_rows(result.benches), left=(0, 6))
    return ["## Benches of the RTL's modules", "", *table, ""]


def _provenance(result: Result) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("seed", "none" if result.seed is None else str(result.seed))]
    rows += [(f"version of {name}", v) for name, v in result.provenance.versions.items()]
    rows += [(f"SHA-256 of {name}", v) for name, v in result.provenance.inputs.items()]
    return rows


def _source(source: str) -> str:
    return f" *Source: {_plain(source)}*" if source else ""


def _layer(layer: LayerResult) -> Sequence[str]:
    on_tiles = layer.tiles > 0
    return (
        layer.name,
        layer.op,
        *(str(n) if on_tiles else "" for n in (layer.rows, layer.cols)),
        *(str(n) if on_tiles else "" for n in (layer.mvms_per_inference, layer.tiles)),
        percent(layer.utilization, 1) if layer.utilization is not None else "",
        si(layer.time_s, "s") if on_tiles else "",
        si(layer.energy_J, "J"),
    )


def _components(result: Result) -> list[Sequence[str]]:
    energy, area = result.energy_J, result.area_m2
    names = [*energy.by_component, *(n for n in area.by_component if n not in energy.by_component)]
    rows: list[Sequence[str]] = []
    for name in names:
        joules, m2 = energy.by_component.get(name), area.by_component.get(name)
        share = "" if joules is None or not energy.total else percent(joules / energy.total, 1)
        rows.append(
            (
                name,
                "" if joules is None else si(joules, "J"),
                share,
                "" if m2 is None else square_mm(m2),
            )
        )
    rows.append(("total", si(energy.total, "J"), "", square_mm(area.total)))
    return rows


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int]
) -> list[str]:
    rule = ["---" if i in left else "---:" for i in range(len(headings))]
    lines = [headings, rule, *([_plain(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _plain(text: str) -> str:
    """Text that stays text in Markdown: no tag, no table column, no line break."""
    one_line = " ".join(text.split())
    for char in ("\\", "`", "|", "[", "]", "*", "_"):
        one_line = one_line.replace(char, f"\\{char}")
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
