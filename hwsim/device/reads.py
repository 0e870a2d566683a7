"""Measured reads: a CSV file with the columns cell, level, time_s, conductance_S."""

import csv
import hashlib
import io
import math
import re
import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError

COLUMNS = ("cell", "level", "time_s", "conductance_S")
MIN_READS = 3  # of a cell: a centre, a drift exponent and a noise
MIN_CELLS = 3  # of a level: a mean and a spread with an error
MAX_LEVEL = 255
SMALLEST_S = 1e-15  # below it a fit loses its digits
#: Column -> unit, least and greatest value.
RANGES = {"time_s": ("seconds", 1e-12, 1e12), "conductance_S": ("siemens", 0.0, 1.0)}

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CellReads:
    """The reads of one cell while it was programmed to one level."""

    cell: str
    level: int
    time_s: FloatArray  # (T,) since programming, rising, above zero
    conductance_S: FloatArray  # (T,)


@dataclass(frozen=True)
class Measurement:
    """All reads of a file; a cell that was programmed again counts once per level."""

    file: str
    sha256: str
    cells: tuple[CellReads, ...]

    @property
    def reads(self) -> int:
        """Number of reads."""
        return sum(cell.time_s.size for cell in self.cells)

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that were programmed, rising."""
        return tuple(sorted({cell.level for cell in self.cells}))


def load_reads(path: Path) -> Measurement:
    """The reads of a CSV file; further columns and empty lines are passed over.

    Raises:
        DataError: a column is missing, a line holds no number, or there are too few reads;
            file and line are named.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    grouped: dict[tuple[str, int], list[tuple[float, float]]] = {}
    try:
        for cell, level, time_s, conductance_S in _lines(text, path):
            grouped.setdefault((cell, level), []).append((time_s, conductance_S))
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file: {error}") from None
    cells = tuple(_cell_reads(path, *key, grouped[key]) for key in sorted(grouped, key=_order))
    _check_levels(path, cells)
    return Measurement(path.name, hashlib.sha256(content).hexdigest(), cells)


def write_reads(path: Path, cells: Sequence[CellReads]) -> None:
    """Write reads as the CSV file that `load_reads` takes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell in cells:
        for time_s, conductance_S in zip(cell.time_s, cell.conductance_S, strict=True):
            # All digits of a time, so that close reads stay apart; whole seconds as 1, not 1.0.
            time = repr(float(time_s)).removesuffix(".0")
            writer.writerow([cell.cell, cell.level, time, f"{conductance_S:.6g}"])
    path.write_text(text.getvalue(), encoding="utf-8")


def _order(key: tuple[str, int]) -> tuple[int, str]:
    return key[1], key[0]


def _lines(text: str, path: Path) -> Iterator[tuple[str, int, float, float]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(rows, [])]
    for name in COLUMNS:
        if name not in header:
            found = ", ".join(header)[:80] or "an empty line"
            raise DataError(f"{path}: line 1: expected a column {name!r}, found {found}")
    places = [header.index(name) for name in COLUMNS]
    for row in rows:
        if not any(field.strip() for field in row):
            continue
        where = f"{path}: line {rows.line_num}"
        if len(row) <= max(places):
            raise DataError(f"{where}: expected {len(header)} fields, found {len(row)}")
        cell, level, time_s, conductance_S = (row[place].strip() for place in places)
        if not cell:
            raise DataError(f"{where}: cell: expected a name, found nothing")
        yield (
            cell,
            _level(where, level),
            _number(where, "time_s", time_s),
            _number(where, "conductance_S", conductance_S),
        )


def _level(where: str, text: str) -> int:
    digits = re.fullmatch("0*([0-9]{1,3})", text)
    if digits is None or int(digits[1]) > MAX_LEVEL:
        found = reprlib.repr(text)
        raise DataError(f"{where}: level: expected 0, 1, ... {MAX_LEVEL}, found {found}")
    return int(digits[1])


def _number(where: str, name: str, text: str) -> float:
    unit, least, greatest = RANGES[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        expected = "a number"
    elif value < least:
        expected = f"{unit}, at least {least:g}"
    elif value > greatest:
        expected = f"{unit}, at most {greatest:g}"
    else:
        return value
    raise DataError(f"{where}: {name}: expected {expected}, found {reprlib.repr(text)}")


def _cell_reads(path: Path, cell: str, level: int, reads: list[tuple[float, float]]) -> CellReads:
    where = f"{path}: cell {cell!r} at level {level}"
    if len(reads) < MIN_READS:
        raise DataError(f"{where}: expected at least {MIN_READS} reads, found {len(reads)}")
    ordered = np.array(sorted(reads), np.float64)
    twice = np.flatnonzero(np.diff(ordered[:, 0]) <= 0)
    if twice.size:
        found = f"time_s = {ordered[twice[0], 0]:g} twice"
        raise DataError(f"{where}: expected every read at its own time, found {found}")
    return CellReads(cell, level, ordered[:, 0].copy(), ordered[:, 1].copy())


def _check_levels(path: Path, cells: tuple[CellReads, ...]) -> None:
    counts: dict[int, int] = {}
    for cell in cells:
        counts[cell.level] = counts.get(cell.level, 0) + 1
    if len(counts) < 2 or 0 not in counts:
        found = ", ".join(map(str, counts)) or "no reads"
        raise DataError(f"{path}: level: expected level 0 and at least one other, found {found}")
    for level, count in counts.items():
        if count < MIN_CELLS:
            raise DataError(
                f"{path}: level {level}: expected at least {MIN_CELLS} cells, found {count}"
            )
    top = max(counts)
    mean_S = np.mean([cell.conductance_S.mean() for cell in cells if cell.level == top])
    if mean_S < SMALLEST_S:
        raise DataError(
            f"{path}: level {top}: expected a mean of at least {SMALLEST_S:g} S, found {mean_S:g} S"
        )
