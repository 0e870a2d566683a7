"""Files of reads: what is written comes back, what is wrong is said in one line."""

from pathlib import Path

import numpy as np
import pytest

from hwsim.device.reads import CellReads, load_reads, write_reads
from hwsim.device.synthetic import synthetic_reads
from hwsim.errors import DataError
from tests.reference.reads import NOISE_S, TRUTHS


def test_reads_written_to_a_file_come_back(tmp_path: Path) -> None:
    cells = synthetic_reads(TRUTHS["telegraph"], 1, 3, 1.0 + np.arange(5), NOISE_S, 0)
    write_reads(tmp_path / "r.csv", cells)
    back = load_reads(tmp_path / "r.csv")
    assert (back.file, back.reads, back.levels) == ("r.csv", 30, (0, 1))
    for one, other in zip(cells, back.cells, strict=True):
        assert (one.cell, one.level) == (other.cell, other.level)
        np.testing.assert_allclose(one.conductance_S, other.conductance_S, rtol=1e-5)


@pytest.mark.parametrize("first_s", [0.1, 1e6, 1e12 - 3])
def test_reads_keep_their_times_to_the_last_digit(tmp_path: Path, first_s: float) -> None:
    time_s = first_s + np.arange(3.0)
    cells = [
        CellReads(str(cell), level, time_s, np.full(3, (1 + level) * 1e-6))
        for level in (0, 1)
        for cell in range(3)
    ]
    write_reads(tmp_path / "r.csv", cells)
    for cell in load_reads(tmp_path / "r.csv").cells:
        np.testing.assert_array_equal(cell.time_s, time_s)


GOOD = "cell,level,time_s,conductance_S\n" + "".join(
    f"c{cell},{level},{time},{1 + level}e-6\n"
    for level in (0, 1)
    for cell in range(3)
    for time in (1, 2, 3)
)


def test_a_level_may_begin_with_zeros(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(GOOD.replace(",0,", ",000,").replace(",1,", ",0001,"))
    assert load_reads(tmp_path / "r.csv").levels == (0, 1)


def test_further_columns_empty_lines_a_mark_and_any_order_are_passed_over(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    turned = [",".join([*reversed(line.split(",")), "note"]) for line in lines]
    file = tmp_path / "r.csv"
    file.write_text("\ufeff" + "\r\n\r\n".join(turned) + "\r\n", encoding="utf-8")
    assert load_reads(file).reads == 18


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level,", "", "line 1: expected a column 'level', found cell, time_s, conductance_S"),
        (GOOD, "", "line 1: expected a column 'cell', found an empty line"),
        ("c0,0,2,1e-6", "c0,0,two,1e-6", "line 3: time_s: expected a number, found 'two'"),
        (
            "c0,0,2,1e-6",
            "c0,0,2,1e300",
            "line 3: conductance_S: expected siemens, at most 1, found '1e300'",
        ),
        (
            "c0,0,2,1e-6",
            "c0,0,2,1.0346",
            "line 3: conductance_S: expected siemens, at most 1, found '1.0346'",
        ),
        ("c0,0,2,1e-6", "c0,0,2,nan", "line 3: conductance_S: expected a number, found 'nan'"),
        (
            "c0,0,2,1e-6",
            "c0,0,2,-1e-6",
            "line 3: conductance_S: expected siemens, at least 0, found '-1e-6'",
        ),
        ("c0,0,1,", "c0,0,0,", "line 2: time_s: expected seconds, at least 1e-12, found '0'"),
        ("c0,0,3,", "c0,0,1e13,", "time_s: expected seconds, at most 1e+12, found '1e13'"),
        ("c0,0,2,1e-6", "c0,0,2", "line 3: expected 4 fields, found 3"),
        ("c0,0,2,1e-6", ",0,2,1e-6", "line 3: cell: expected a name, found nothing"),
        ("c0,0,2,", "c0,-1,2,", "line 3: level: expected 0, 1, ... 255, found '-1'"),
        ("c0,0,2,", "c0,256,2,", "line 3: level: expected 0, 1, ... 255, found '256'"),
        ("c0,0,2,", f"c0,{'9' * 5000},2,", "line 3: level: expected 0, 1, ... 255, found '99999"),
        ("c0,0,2,", "c0,0.5,2,", "line 3: level: expected 0, 1, ... 255, found '0.5'"),
        (
            "c0,0,2,1e-6\n",
            "",
            "cell 'c0' at level 0: expected at least 3 reads, found 2",
        ),
        ("c0,0,2,", "c0,0,1,", "expected every read at its own time, found time_s = 1 twice"),
        (",0,", ",2,", "level: expected level 0 and at least one other, found 1, 2"),
        (
            "c2,1,1,2e-6\nc2,1,2,2e-6\nc2,1,3,2e-6\n",
            "",
            "level 1: expected at least 3 cells, found 2",
        ),
        ("2e-6\n", "1e-300\n", "level 1: expected a mean of at least 1e-15 S, found 1e-300 S"),
    ],
)
def test_a_bad_file_is_one_line_that_names_file_and_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    file = tmp_path / "reads.csv"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_reads(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ")
    assert message in text
    assert "\n" not in text
    assert len(text) < len(f"{file}: ") + 120


def test_a_file_that_is_missing_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv: no such file"):
        load_reads(tmp_path / "none.csv")
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"b.csv: cannot be read as text"):
        load_reads(binary)
