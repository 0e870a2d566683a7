"""`hwsim cosim --module`: cocotb's benches as a verb."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codesign import cosim_benches
from codesign.report import load_result, render, save_result
from codesign.report.write import ReportFormat
from tests.codesign.conftest import DIGITS

rtl = pytest.mark.rtl


BENCH = """
import json, os, pathlib
def test_good():
    folder = pathlib.Path(os.environ["HWSIM_BUILDS"]) / "x"
    folder.mkdir(parents=True)
    text = json.dumps({"point": {"a": 3, "b": 0}})
    (folder / "test_good.coverage.json").write_text(text)
def test_left_out():
    import pytest
    pytest.skip("no reason")
"""


@pytest.fixture
def benches(tmp_path, monkeypatch) -> Path:
    """A folder of two benches: `good` and `bad`."""
    (tmp_path / "test_good.py").write_text(BENCH)
    (tmp_path / "test_bad.py").write_text("def test_bad():\n    assert False\n")
    monkeypatch.setattr(cosim_benches, "BENCHES", tmp_path)
    monkeypatch.setattr(cosim_benches, "verilator_environment", dict)
    return tmp_path


def test_benches_are_counted_and_their_coverage_is_kept(call, benches, plain, tmp_path):
    save_result(plain, tmp_path)
    status, out, err = call("cosim", "--module", "good", "--json", "--out", tmp_path)
    assert (status, err) == (0, "hwsim: bench of good\n")
    document = json.loads(out)
    (bench,) = document["benches"]
    assert document["passed"] is True
    assert bench.pop("time_s") > 0
    assert bench == {
        "module": "good",
        "tests": 2,
        "failed": 0,
        "skipped": 1,
        "covered": 1,
        "bins": 2,
        "problem": "",
    }
    kept = load_result(tmp_path)
    assert [bench.module for bench in kept.benches] == ["good"]
    for format in (ReportFormat.MARKDOWN, ReportFormat.HTML):
        assert "coverage bins hit" in render(kept, format).lower()


@pytest.mark.parametrize(("options", "seed"), [(("--seed", "0"), "0"), ((), "none")])
def test_the_benches_draw_by_the_seed_that_is_given(call, benches, options, seed, monkeypatch):
    monkeypatch.delenv("BENCH_SEED", raising=False)
    seen = f"assert os.environ.get('BENCH_SEED', 'none') == {seed!r}"
    (benches / "test_seeded.py").write_text(f"import os\ndef test_seed():\n    {seen}\n")
    assert call("cosim", "--module", "seeded", *options)[0] == 0


def test_the_seed_of_the_environment_is_that_of_the_simulation():
    pytest.importorskip("cocotb_coverage", reason="not installed (extra 'rtl')")
    ask = "import inspect, cocotb_tests.simulate as s; print(inspect.signature(s.simulate))"
    said = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=cosim_benches.BENCHES.parent,
        env={**os.environ, "BENCH_SEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "seed: int = 12345" in said


def test_options_of_pytest_do_not_leave_tests_out(call, benches, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing_like_this")
    status, out, _ = call("cosim", "--module", "good", "--json")
    assert (status, json.loads(out)["benches"][0]["tests"]) == (0, 2)


@pytest.mark.parametrize("tests", ["", "import pytest\ndef test_a():\n    pytest.skip('no')\n"])
def test_a_bench_that_did_not_run_has_not_passed(call, benches, tests):
    (benches / "test_idle.py").write_text(tests)
    status, out, _ = call("cosim", "--module", "idle", "--module", "good")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["good", "idle"]
    assert out.splitlines()[-1].endswith("not run: test_a: no" if tests else "not run")
    assert json.loads(call("cosim", "--module", "idle", "--json")[1])["passed"] is False


def test_a_bench_that_fails_fails_the_check(call, benches):
    status, out, _ = call("cosim", "--module", "all")
    assert status == 1
    lines = out.splitlines()
    assert lines[1].split()[:6] == ["bad", "1", "1", "0", "0", "0"]
    assert lines[1].endswith("FAILED: test_bad: assert False")
    assert lines[2].split() == ["good", "2", "0", "1", "1", "2", "passed"]


def test_benches_are_not_built_in_a_folder_with_spaces(call, benches, monkeypatch):
    monkeypatch.setattr(cosim_benches.tempfile, "gettempdir", lambda: "a b")
    problem = "a b: expected a path without spaces (GNU make), found some; set TMPDIR to"
    assert call("cosim", "--module", "good") == (
        2,
        "",
        f"hwsim: error: {problem} another folder\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--module", "worse"), "--module: expected one of all, bad, good, found 'worse'"),
        (
            ("--module", "bad", "--network", DIGITS),
            "--module: expected alone, found --network beside it",
        ),
        (("--module", "bad", "--waves", "w.vcd"), "expected alone, found --waves beside it"),
        (("--network", DIGITS), "expected --network and --data, or --module"),
    ],
)
def test_wrong_modules_end_in_one_line(call, benches, arguments, message):
    status, out, err = call("cosim", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_without_the_source_tree_there_is_one_line(call, monkeypatch, tmp_path):
    monkeypatch.setattr(cosim_benches, "BENCHES", tmp_path)
    status, _, err = call("cosim", "--module", "tile")
    assert status == 2
    assert err.endswith("expected the benches of the source tree, found none\n")


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_the_bench_of_a_real_module_passes_with_full_coverage(call):
    pytest.importorskip("cocotb", reason="cocotb is not installed (extra 'rtl')")
    status, out, _ = call("cosim", "--module", "column_mux", "--json")
    assert status == 0
    (bench,) = json.loads(out)["benches"]
    assert bench["tests"] > 0
    assert bench["covered"] == bench["bins"] > 0
