"""`hwsim train`: what it writes, and how it refuses."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from codesign.cli.entry import run
from codesign.images import load_images
from hwsim.chip.load import load_arch
from mapping.onnx_export import export_network
from mapping.onnx_import import import_network
from mapping.quantize import Scheme, quantize

DIGITS = str(files("codesign.demo").joinpath("digits.onnx"))
ASKED = ["train", DIGITS, "--data", "digits", "--arch", "emt-strong", "--train-images", "96"]
SMALL = [*ASKED, "--samples", "40", "--device-samples", "1", "--epochs", "2", "--json"]


WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
from codesign.cli import main
main(sys.argv[1:])
"""


def test_without_torch_one_line_names_the_extra(tmp_path):
    asked = [sys.executable, "-c", WITHOUT_TORCH, *SMALL, "--out", str(tmp_path)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "hwsim: error: training needs torch; install the [torch] extra\n"


class TestWithTorch:
    """What needs the torch extra."""

    pytestmark = pytest.mark.torch

    @pytest.fixture(autouse=True)
    def _torch(self):
        pytest.importorskip("torch", reason="needs the torch extra")

    @pytest.mark.slow
    def test_what_is_written_is_what_simulate_takes(self, tmp_path, capsys):
        assert run([*SMALL, "--out", str(tmp_path)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert sorted(file.name for file in tmp_path.iterdir()) == [
            *("before.yaml", "checkpoint.pt", "design.yaml", "history.csv", "history.json"),
            *("network.onnx", "training.json"),
        ]
        assert json.loads((tmp_path / "training.json").read_text()) == found
        asked = ["simulate", str(tmp_path / "network.onnx"), "--data", "digits", "--json"]
        asked += ["--arch", "emt-strong", "--design", str(tmp_path / "design.yaml")]
        assert run([*asked, "--samples", "40", "--device-samples", "1"]) == 0
        again = json.loads(capsys.readouterr().out)
        assert again["accuracy"]["mean"] == found["after"]["accuracy"]["mean"]
        assert again["energy_J"]["total"] == found["after"]["energy_J"]
        design = yaml.safe_load((tmp_path / "design.yaml").read_text())
        assert design["layers"].keys() == found["rho"].keys()
        rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
        assert [float(row["cells_J"]) for row in rows] == [
            epoch["energy_J"] for epoch in found["history"]
        ]
        # Resumed, it is done already and says the same.
        assert run([*SMALL, "--resume", "--out", str(tmp_path)]) == 0
        assert json.loads(capsys.readouterr().out) == found
        # Resumed as another training, it is refused.
        assert run([*SMALL, "--resume", "--seed", "1", "--out", str(tmp_path)]) == 2
        assert "expected a checkpoint of this training" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "change", [{"op": "tanh"}, {"attributes": {"axis": 2}}, {"inputs": ("a",)}, {"output": "b"}]
    )
    def test_a_checkpoint_belongs_to_nodes_as_well_as_to_constants(self, tmp_path, change):
        from codesign.train import TrainingRequest, _belongs
        from optim.train.recipe import Recipe

        asked = TrainingRequest(Path(DIGITS), "digits", tmp_path, Recipe())

        def content(network):
            imported = SimpleNamespace(network=network)
            return _belongs(asked, SimpleNamespace(imported=imported, arch=load_arch("emt")))

        network = import_network(Path(DIGITS)).network
        *others, last = network.nodes
        other = replace(network, nodes=(*others, replace(last, **change)))
        assert content(network) == content(replace(network))
        assert content(network) != content(other)

    @pytest.mark.slow
    def test_an_interrupted_training_keeps_its_checkpoint(self, tmp_path, capsys, monkeypatch):
        from optim.train.loop import Training

        epoch = Training._epoch

        def interrupted(self, progress):
            if self.history:
                raise KeyboardInterrupt
            return epoch(self, progress)

        monkeypatch.setattr(Training, "_epoch", interrupted)
        assert run([*SMALL, "--out", str(tmp_path)]) == 130
        assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
        assert capsys.readouterr().err.endswith("hwsim: interrupted\n")

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            (["--techniques", "A,D"], "recipe: techniques"),
            (["--resume"], "checkpoint.pt: expected a checkpoint to resume from, found no file"),
            (["--start", "none.pt"], "none.pt: expected a checkpoint, found another file"),
            (["--recipe", "none.yaml"], "none.yaml"),
            (["--arch", "emt-stong"], "did you mean 'emt-strong'?"),
            (["--energy-weight", "-1"], "--energy-weight"),
        ],
    )
    def test_mistakes_end_with_one_line(self, tmp_path, capsys, more, message):
        assert run([*SMALL, *more, "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not Path(tmp_path / "out").exists()

    def expect_refusal_before_training(self, monkeypatch, capsys, asked, out):
        """The one line of the error; nothing was trained or written."""
        from optim.train.loop import Training

        def trained(self, progress):
            raise AssertionError("an epoch began")

        with monkeypatch.context() as patched:
            patched.setattr(Training, "_epoch", trained)
            assert run([*asked, "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert not out.exists()
        return error

    def test_bits_that_no_file_has_are_refused_before_training(self, tmp_path, capsys, monkeypatch):
        scheme = tmp_path / "six.yaml"
        scheme.write_text("{weight_bits: 6, activation_bits: 6}")
        asked = [*SMALL, "--scheme", str(scheme)]
        error = self.expect_refusal_before_training(monkeypatch, capsys, asked, tmp_path / "out")
        assert "expected codes of 4 or 8 bits, found 6" in error

    def eight_copies(self, tmp_path):
        """Arguments for eight copies of every layer, more than the chip holds."""
        arch, recipe = tmp_path / "arch.yaml", tmp_path / "recipe.yaml"
        chip = {"max_clusters": 2, "groups_per_cluster": 1}
        arch.write_text(yaml.safe_dump({"extends": "emt-strong", "name": "own", "chip": chip}))
        recipe.write_text("{rho: 8, energy_weight: 0.0}")
        own = ["--arch", str(arch), "--recipe", str(recipe)]
        return [*(word for word in SMALL if word != "--json"), *own]

    def test_a_given_design_that_does_not_fit_is_refused_before_training(
        self, tmp_path, capsys, monkeypatch
    ):
        asked = [*self.eight_copies(tmp_path), "--techniques", "A"]
        error = self.expect_refusal_before_training(monkeypatch, capsys, asked, tmp_path / "out")
        assert "max_clusters" in error

    def test_a_trained_design_that_does_not_fit_is_recorded(self, tmp_path, capsys):
        out = tmp_path / "out"
        assert run([*self.eight_copies(tmp_path), "--epochs", "1", "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert "max_clusters" in error
        assert error.count("\n") == 1
        assert sorted(file.name for file in out.iterdir()) == [
            *("before.yaml", "checkpoint.pt", "design.yaml", "history.csv", "history.json"),
            *("network.onnx", "training.json"),
        ]
        found = json.loads((out / "training.json").read_text())
        assert found["after"] is None
        assert found["before"]["accuracy"]["mean"] > 0
        assert min(found["rho"].values()) > 6

    @pytest.mark.slow
    def test_a_recipes_seed_counts_unless_another_is_asked_for(self, tmp_path, capsys):
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text("{seed: 5, epochs: 1}")
        asked = [arg for arg in SMALL if arg not in ("--epochs", "2")]
        for name, more in (
            ("file", ["--recipe", str(recipe)]),
            ("line", ["--epochs", "1", "--seed", "5"]),
            ("both", ["--recipe", str(recipe), "--seed", "0"]),
        ):
            assert run([*asked, *more, "--out", str(tmp_path / name)]) == 0
        file, line, both = (
            (tmp_path / name / "history.csv").read_text() for name in ("file", "line", "both")
        )
        assert file == line != both

    def test_a_network_in_integers_is_distilled_from_its_float_form(self, tmp_path, capsys):
        """Its integers lack the ReLUs that saturation stands for: like those it is 10 nats away."""
        network = import_network(Path(DIGITS)).network
        images = load_images("digits", network, 1, True).calibration
        export_network(quantize(network, images, Scheme()), tmp_path / "int8.onnx")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text("{epochs: 1, techniques: [], distillation: 1.0, learning_rate: 1.0e-9}")
        asked = ["train", str(tmp_path / "int8.onnx"), *SMALL[2:], "--recipe", str(recipe)]
        del asked[asked.index("--epochs") : asked.index("--epochs") + 2]
        assert run([*asked, "--out", str(tmp_path / "out")]) == 0
        assert json.loads(capsys.readouterr().out)["history"][0]["task"] < 0.05

    def test_its_own_input_is_not_replaced(self, tmp_path, capsys):
        network = tmp_path / "network.onnx"
        network.write_bytes(Path(DIGITS).read_bytes())
        assert run(["train", str(network), "--data", "digits", "--out", str(tmp_path)]) == 2
        assert (
            "network.onnx: expected another file to write than is read" in capsys.readouterr().err
        )
        assert network.read_bytes() == Path(DIGITS).read_bytes()

    def test_a_folder_that_cannot_be_made_is_noticed_first(self, tmp_path, capsys):
        (tmp_path / "file").touch()
        assert run([*SMALL, "--out", str(tmp_path / "file" / "out")]) == 2
        assert "cannot be made" in capsys.readouterr().err

    @pytest.mark.slow
    def test_it_begins_with_an_earlier_one_for_other_hardware(self, tmp_path, capsys):
        strong, normal = tmp_path / "strong", tmp_path / "normal"
        assert run([*SMALL, "--out", str(strong)]) == 0
        start = ["--start", str(strong / "checkpoint.pt")]
        asked = [*SMALL, "--arch", "emt-normal", *start, "--out", str(normal)]
        capsys.readouterr()
        assert run(asked) == 0
        found = json.loads(capsys.readouterr().out)
        assert run([*asked, "--resume"]) == 0
        assert json.loads(capsys.readouterr().out) == found
        # Not with itself: nothing is lost by asking.
        before = (strong / "checkpoint.pt").read_bytes()
        assert run([*SMALL, *start, "--out", str(strong)]) == 2
        assert "expected another folder's checkpoint" in capsys.readouterr().err
        assert (strong / "checkpoint.pt").read_bytes() == before

    @pytest.mark.parametrize(
        ("hardware", "message"),
        [
            ({"tile": {"encoding": "offset"}}, "slice_scales: expected none with encoding"),
            (
                {
                    "device": {
                        "fluctuation": {
                            "law": "table",
                            "amplitude": 0,
                            "table": [0.1, 0.1, 0.1, 0.1],
                        }
                    }
                },
                "recipe: slice_scales: expected false for a fluctuation of law 'table'",
            ),
        ],
    )
    def test_windows_by_slice_are_trained_only_where_they_can_be(
        self, tmp_path, capsys, hardware, message
    ):
        arch, recipe = tmp_path / "arch.yaml", tmp_path / "recipe.yaml"
        arch.write_text(yaml.safe_dump({"extends": "emt-strong", "name": "own", **hardware}))
        recipe.write_text("slice_scales: true\n")
        more = ["--arch", str(arch), "--recipe", str(recipe)]
        assert run([*SMALL, *more, "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not Path(tmp_path / "out").exists()
        # Without technique B the key has no say.
        assert run([*SMALL, *more, "--techniques", "C", "--out", str(tmp_path / "out")]) == 0

    @pytest.mark.slow
    def test_trained_windows_by_slice_are_simulated(self, tmp_path, capsys):
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text("slice_scales: true\n")
        asked = [*SMALL, "--recipe", str(recipe), "--out", str(tmp_path / "out")]
        assert run(asked) == 0
        found = json.loads(capsys.readouterr().out)
        design = yaml.safe_load((tmp_path / "out" / "design.yaml").read_text())
        written = {name: knobs["slice_scales"] for name, knobs in design["layers"].items()}
        assert written == {name: pytest.approx(s) for name, s in found["slice_scales"].items()}
        assert all(scales[0] < scales[-1] == 1 for scales in written.values())
        assert run([word for word in asked if word != "--json"] + ["--resume"]) == 0
        assert "slices: parts of that window" in capsys.readouterr().out
