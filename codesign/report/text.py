"""A result as text: one CSV row per layer, or tables in Markdown and LaTeX."""

import csv
import io
from collections.abc import Iterable, Sequence

from codesign.report import content, cosim
from codesign.report.result import Result
from codesign.report.table import Cell, Table

_COLUMNS = (
    "name",
    "op",
    "rows",
    "cols",
    "groups",
    "mvms_per_inference",
    "macs",
    "tiles",
    "first_tile",
    "replicas",
    "utilization",
    "read_voltage_V",
    "redundancy",
    "adc_bits",
    "cycles",
    "time_s",
    "buffer_bytes",
    "overflowing_clusters",
    "energy_J",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LATEX = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "[": "{[}",  # after a line's end it would be an option
        "]": "{]}",
        "*": r"\textasteriskcentered{}",
        "µ": r"\textmu{}",
        "²": r"\texttwosuperior{}",
        "·": r"\textperiodcentered{}",
        "\u2212": "$-$",
        "\u202f": r"\,",
    }
)


def to_csv(result: Result) -> str:
    """One row per layer; energies by component in the last columns, SI units in the headings."""
    components = list(result.energy_J.by_component)
    rows = [
        [
            *(getattr(layer, column) for column in _COLUMNS),
            *(layer.energy_by_component_J.get(name, 0.0) for name in components),
        ]
        for layer in result.layers
    ]
    return table_to_csv([*_COLUMNS, *(f"energy_{name}_J" for name in components)], rows)


def table_to_csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_csv_cell(heading) for heading in headings])
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _csv_cell(value: object) -> object:
    """A spreadsheet runs text that starts like a formula; a quote in front keeps it text."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def to_markdown(result: Result) -> str:
    """The report in GitHub's Markdown."""
    lines = [f"# {_plain(result.network)} on {_plain(result.arch)}", ""]
    for heading, tables in content.sections(result):
        if heading == "Figures":
            lines += _markdown_assumptions(result)
        lines += [f"## {heading}", ""]
        if heading == "Co-simulation" and result.cosim is not None:
            modules = ", ".join(f"`{name}`" for name in result.cosim.modules)
            lines += [
                _plain(cosim.summary(result.cosim, result.layers)),
                "",
                f"Modules: {modules}.",
                "",
            ]
        if heading == "Provenance":
            command = result.provenance.command.replace("`", " ")
            lines += [f"Command: `{command or 'not recorded'}`", ""]
        for table in tables:
            lines += [*markdown_table(table), ""]
    return "\n".join(lines)


def tables_to_markdown(tables: Sequence[Table], title: str, remarks: Sequence[str]) -> str:
    """Tables under a title, and what must be known to read them."""
    lines = [f"# {_plain(title)}", ""]
    for table in tables:
        lines += [_plain(table.caption), "", *markdown_table(table), ""]
    return "\n".join([*lines, *(f"- {_plain(remark)}" for remark in remarks)]).rstrip() + "\n"


def _markdown_assumptions(result: Result) -> list[str]:
    listed = [
        f"- {_plain(a.text)}" + (f" *Source: {_plain(a.source)}*" if a.source else "")
        for a in result.assumptions
    ]
    return ["## Assumptions", "", *listed, ""]


def markdown_table(table: Table) -> list[str]:
    """The lines of one table."""
    rule = ["---" if heading in table.text else "---:" for heading in table.headings]
    rows = [*table.rows, table.total] if table.total else list(table.rows)
    lines = [table.headings, rule, *([_plain(cell.shown) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _plain(text: str) -> str:
    """Text that stays text in Markdown: no tag, no table column, no line break."""
    one_line = " ".join(text.split())
    for char in ("\\", "`", "|", "[", "]", "*", "_"):
        one_line = one_line.replace(char, f"\\{char}")
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def to_latex(result: Result) -> str:
    """Tables to be read into a paper by \\input; they need booktabs and longtable."""
    tables = [table for _, tables in content.sections(result) for table in tables]
    return latex_tables(tables, f"{result.network} on {result.arch}")


def latex_tables(tables: Sequence[Table], subject: str) -> str:
    """A file of tables about `subject`."""
    head = f"% hwsim report: {' '.join(subject.split())}\n% \\usepackage{{booktabs,longtable}}"
    return "\n\n".join([head, *map(_latex_table, tables)]) + "\n"


def _latex_table(table: Table) -> str:
    heads = " & ".join(map(latex, table.headings)) + r" \\"
    return "\n".join(
        [
            rf"\begin{{longtable}}{{{''.join(_latex_columns(table))}}}",
            rf"\caption{{{latex(table.caption)}}}\label{{tab:hwsim-{table.name}}}\\",
            rf"\toprule {heads} \midrule \endfirsthead",
            rf"\toprule {heads} \midrule \endhead",
            *map(_latex_row, table.rows),
            *([r"\midrule", _latex_row(table.total)] if table.total else []),
            r"\bottomrule",
            r"\end{longtable}",
        ]
    )


def _latex_columns(table: Table) -> list[str]:
    """l for words, r for numbers; long words in a last column wrap."""
    columns = ["l" if heading in table.text else "r" for heading in table.headings]
    longest = max((len(row[-1].shown) for row in table.rows), default=0)
    if columns[-1] == "l" and longest > 40:
        columns[-1] = r"p{0.5\linewidth}"
    return columns


def _latex_row(row: Sequence[Cell]) -> str:
    return " & ".join(latex(cell.shown) for cell in row) + r" \\"


def latex(text: str) -> str:
    """Text that stays text in LaTeX."""
    return " ".join(text.split(" ")).translate(_LATEX).replace("\n", " ")
