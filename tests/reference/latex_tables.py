"""Tables of a LaTeX file as a parser sees them: strict about braces and environments."""

from pylatexenc.latexwalker import (
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexNode,
    LatexSpecialsNode,
    LatexWalker,
)

#: Lines and ends of heads, which are no cells.
RULES = {"toprule", "midrule", "bottomrule", "endfirsthead", "endhead", "caption", "label"}


def tables(text: str) -> list[tuple[int, list[list[str]]]]:
    """Columns and rows of cells of every `longtable`, its caption and rules apart.

    Raises:
        LatexWalkerParseError: the text is no LaTeX.
    """
    nodes, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    top = [node for node in nodes if isinstance(node, LatexEnvironmentNode)]
    assert {node.environmentname for node in top} <= {"longtable"}
    return [_table(node) for node in top]


def _table(table: LatexEnvironmentNode) -> tuple[int, list[list[str]]]:
    columns, *body = table.nodelist
    assert isinstance(columns, LatexGroupNode)
    kinds = [node for node in columns.nodelist if not isinstance(node, LatexGroupNode)]
    letters = "".join(node.latex_verbatim() for node in kinds)
    rows: list[list[str]] = [[""]]
    caption = False
    for node in body:
        if isinstance(node, LatexMacroNode) and node.macroname == "\\":
            rows.append(["".join(map(_verbatim, filter(None, node.nodeargd.argnlist)))])
            caption = False
        elif isinstance(node, LatexMacroNode) and node.macroname in RULES:
            caption = node.macroname in {"caption", "label"}
        elif isinstance(node, LatexSpecialsNode) and node.specials_chars == "&":
            rows[-1].append("")
        elif not (isinstance(node, LatexCommentNode) or caption):
            rows[-1][-1] += _verbatim(node)
    stripped = [[cell.strip() for cell in row] for row in rows]
    # A star or a bracket would be taken for an option of the line's end before it.
    assert not [row for row in stripped if row[0].startswith(("[", "*"))]
    return len(letters), [row for row in stripped if row != [""]]


def _verbatim(node: LatexNode) -> str:
    text: str = node.latex_verbatim()
    return text
