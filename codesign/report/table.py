"""A table before it has a format: what HTML, Markdown and LaTeX have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Cell:
    """What is shown, and what a column is sorted by; None: there is nothing to sort."""

    shown: str
    value: float | str | None = None


@final
@dataclass(frozen=True)
class Table:
    """Rows under headings; the first cell of a row names it."""

    name: str  # id of its element, and part of a LaTeX label
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text: frozenset[str] = frozenset()  # headings of columns that hold words, not numbers
    total: tuple[Cell, ...] = ()  # a last row that is not sorted

    def only(self, headings: Sequence[str]) -> "Table":
        """The table with these columns, in this order."""
        kept = [self.headings.index(heading) for heading in headings]
        return Table(
            self.name,
            self.caption,
            tuple(headings),
            tuple(tuple(row[i] for i in kept) for row in self.rows),
            self.text & frozenset(headings),
            tuple(self.total[i] for i in kept) if self.total else (),
        )


def words(texts: Iterable[str]) -> tuple[Cell, ...]:
    """Cells that are sorted as they read."""
    return tuple(Cell(text, text) for text in texts)


def number(shown: str, value: float | None) -> Cell:
    """A number as people read it; nothing is shown where there is none."""
    return Cell("" if value is None else shown, value)
