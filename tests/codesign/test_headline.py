"""The headline experiment, end to end on the embedded digits: small, but every part of it."""

import csv
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="needs the torch extra")

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = {
    "network": "digits",
    "scheme": {"weight_bits": 4, "activation_bits": 4},
    "recipe": {"epochs": 1, "batch": 64, "distillation": 0.5},
    "train_images": 256,
    "trainings": ["A+B+C, one-bit cells"],
    "read_voltages_V": [0.1],
    "samples": 100,
    "drop": 0.5,
    "optimised": ["clean, one-bit cells"],
}
pytestmark = [pytest.mark.torch, pytest.mark.slow]


def experiment(
    folder: Path, *changes: str, file: str = "small.yaml"
) -> subprocess.CompletedProcess[str]:
    script = ROOT / "examples" / "headline" / "run.py"
    command = [sys.executable, str(script), str(folder / file), *changes]
    places = ["--networks", str(folder), "--out", str(folder / "out")]
    return subprocess.run(
        [*command, *places],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("headline")
    (home / "digits").mkdir()
    shutil.copy(str(files("codesign.demo") / "digits.onnx"), home / "digits" / "model.onnx")
    (home / "digits" / "data.yaml").write_text("dataset: digits\n")
    (home / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return home


def test_every_method_has_a_front_and_a_least_energy(folder: Path) -> None:
    done = experiment(folder)
    assert done.returncode == 0, done.stderr
    with (folder / "out" / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    for ledger in ("pulse", "serial"):
        methods = {row["method"] for row in rows if row["ledger"] == ledger}
        assert methods >= {
            "weight scaling",
            "fluctuation compensation",
            "binarised encoding",
            "binarised and compensated",
        }
    chosen = {row["method"]: float(row["tiles_J"]) for row in rows if row["ledger"] == "chosen"}
    by_layer, alike = (chosen[f"clean, one-bit cells, {kind}"] for kind in ("by layer", "alike"))
    assert by_layer <= alike
    swept = [row for row in rows if (row["method"], row["ledger"]) == ("weight scaling", "serial")]
    joules = [float(row["cells_J"]) for row in swept]
    assert joules == sorted(joules, reverse=True)
    assert len(set(joules)) == len(joules)
    pulse = [row for row in rows if (row["method"], row["ledger"]) == ("weight scaling", "pulse")]
    assert float(pulse[0]["cells_J"]) > 1.5 * joules[0]  # a unit pulse per unit of input
    assert "| weight scaling |" in done.stdout
    assert (folder / "out" / "fronts.svg").stat().st_size > 0


def test_a_second_run_trains_and_simulates_nothing_again(folder: Path) -> None:
    before = sorted(folder.rglob("checkpoint.pt"))
    times = [file.stat().st_mtime_ns for file in before]
    shown = experiment(folder).stdout
    assert [file.stat().st_mtime_ns for file in before] == times
    assert before
    assert "| weight scaling |" in shown


def test_chains_are_followed_cell_by_cell(folder: Path) -> None:
    """Every method, the training, and the choice of knobs, where reads are correlated."""
    further = {"epochs": 1, "ramp": 0, "learning_rate": 1e-9, "rho_learning_rate": 1e-9}
    changes = {"factors": [1.0], "further": further}
    (folder / "one.yaml").write_text(yaml.safe_dump(SMALL | changes))
    done = experiment(folder, "--states", "markov", file="one.yaml")
    assert done.returncode == 0, done.stderr
    assert "| emt-strong, markov | serial | 0.1 | A+B+C, one-bit cells |" in done.stdout
    earlier, own = (
        torch.load(found, weights_only=True)["network"]
        for states in ("independent", "markov")
        for found in (folder / "out").glob(f"emt-strong-{states}-*-one-bit/ABC/checkpoint.pt")
    )
    for name, value in earlier.items():  # it began there, and hardly moved
        torch.testing.assert_close(own[name], value, rtol=0, atol=1e-5)


def test_hardware_may_be_changed_under_trained_networks(folder: Path) -> None:
    """Larger arrays, coarser converters, and pulses for all: nothing is trained again."""
    changes = {"hardware": {"tile": {"rows": 256, "cols": 256}}, "knobs": {"adc_bits": 6}}
    changes |= {"serial": False, "factors": [1.0], "optimised": []}
    (folder / "tiles.yaml").write_text(yaml.safe_dump({"extends": "small.yaml"} | changes))
    before = [file.stat().st_mtime_ns for file in sorted(folder.rglob("checkpoint.pt"))]
    joules = {}
    for file in ("small.yaml", "tiles.yaml"):
        assert experiment(folder, file=file).returncode == 0
        with (folder / "out" / "points.csv").open() as rows:
            joules[file] = {
                (row["method"], row["ledger"]): (float(row["cells_J"]), float(row["tiles_J"]))
                for row in csv.DictReader(rows)
                if float(row["factor"]) == 1
            }
    assert [file.stat().st_mtime_ns for file in sorted(folder.rglob("checkpoint.pt"))] == before
    own, method = joules["tiles.yaml"], "A+B+C, one-bit cells"
    assert own[method, "pulse"][0] > own[method, "serial"][0]
    assert own[method, "serial"][0] == joules["small.yaml"][method, "serial"][0]
    assert own[method, "serial"][1] < joules["small.yaml"][method, "serial"][1]


def test_a_wrong_key_is_named(folder: Path) -> None:
    wrong = folder / "small.yaml"
    kept = wrong.read_text()
    wrong.write_text(yaml.safe_dump(SMALL | {"epoch": 3}))
    done = experiment(folder)
    wrong.write_text(kept)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "epoch" in done.stderr


def test_a_wrong_method_is_named_before_anything_is_trained(folder: Path) -> None:
    done = experiment(folder, "--trainings", "A+B+C one-bit")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "found 'A+B+C one-bit'" in done.stderr
