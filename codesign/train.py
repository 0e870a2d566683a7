"""From files to a network trained for its hardware: what `hwsim train` does, as a function."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from codesign.datasets import Split, load_dataset, read_description
from codesign.flow import Case, prepare, simulate
from codesign.report.files import keep_inputs, make_folder, write_whole
from codesign.report.result import Result
from codesign.simulation import Progress, Simulation, silent
from hwsim.cost import Component
from hwsim.errors import DataError, MappingError
from hwsim.tile.sliced import check_slices
from hwsim.tile.spec import Engine, Knobs
from mapping.design import Design
from mapping.execute_tiles import calibrate
from mapping.network import Network, QuantizedNetwork
from mapping.onnx_export import export_network, onnx_model
from mapping.plan import plan
from mapping.shapes import layer_shapes
from optim.problem import Examples, graph_digest
from optim.rho import design_of, has_windows
from optim.train.loop import Epoch, Training
from optim.train.network import CodedNetwork
from optim.train.recipe import Recipe, Technique

CHECKPOINT = "checkpoint.pt"
WRITTEN = ("network.onnx", "design.yaml", "before.yaml", "history.csv", "history.json")
RECORD = "training.json"
#: Longest digit that word-line drivers make as one pulse.
LONGEST_DIGIT_BITS = 4


@final
@dataclass(frozen=True)
class TrainingRequest:
    """What is asked of a training.

    network, data, arch, scheme, samples, device_samples, seed: as of a simulation, which judges
        the network before and after;
    train_images: the first so many training images (None: all);
    start: checkpoint of an earlier training to begin with, for example for other hardware;
    resume: go on from the folder's checkpoint; otherwise it is replaced.
    """

    network: Path
    data: str
    out: Path
    recipe: Recipe
    arch: str = "emt"
    scheme: Path | None = None
    train_images: int | None = None
    samples: int | None = 1000
    device_samples: int = 3
    start: Path | None = None
    resume: bool = False
    seed: int = 0

    @property
    def checkpoint(self) -> Path:
        """The file that a training goes on from."""
        return self.out / CHECKPOINT


@final
@dataclass(frozen=True)
class Trained:
    """Simulations before and after, the epochs between, and what every layer has of rho.

    after: None as long as it is not simulated, or where the trained design cannot be;
    slice_scales: of the layers whose slices use different parts of the window.
    """

    before: Result
    after: Result | None
    history: list[Epoch]
    rho: Mapping[str, float]
    slice_scales: Mapping[str, tuple[float, ...]]
    files: tuple[Path, ...]


def train(asked: TrainingRequest, *, command: str = "", progress: Progress = silent) -> Trained:
    """Train a network for its hardware and simulate it before and after.

    What no epoch can change, the form of the network's file and a design whose rho is not
    trained, is tried before the first one; all that there is, is written before the simulation
    after training, which may find that the trained design does not fit the chip.

    Raises:
        HwsimError: a file is wrong, or network, data and hardware do not fit together.
    """
    _check_files(asked)
    case = prepare(_simulation(asked, asked.network), progress)
    untrained = Design(default=Knobs(dac_bits=digit_bits(case, asked.recipe)))
    training = _training(asked, case, untrained)
    make_folder(asked.out)
    history = training.run(lambda done, steps: progress("training", done, steps))
    network = training.network
    files = _write_network(asked.out, network, _design(case, untrained, network), untrained)
    files += _write_history(asked.out, history)

    def simulated(own: Path, design: Path) -> Result:
        engine = Engine.fitting(case.arch.device)
        judged = replace(_simulation(asked, own, design), engine=engine)
        return simulate(judged, command=command, progress=progress)

    before, written = simulated(asked.network, files[2]), (*files, asked.out / RECORD)
    rho, scales = network.rho(), network.slice_scales()
    done = Trained(before, None, history, rho, scales, (*written, asked.checkpoint))
    _write_record(asked, done)
    done = replace(done, after=simulated(files[0], files[1]))
    _write_record(asked, done)
    return done


def _check_files(asked: TrainingRequest) -> None:
    """Refuse what is missing to go on from, and what would be written over."""
    if asked.resume and not asked.checkpoint.is_file():
        raise DataError(f"{asked.checkpoint}: expected a checkpoint to resume from, found no file")
    if asked.start is not None and asked.start.resolve() == asked.checkpoint.resolve():
        raise DataError(f"{asked.start}: expected another folder's checkpoint to start from")
    keep_inputs((asked.out / name for name in WRITTEN), (asked.network, asked.scheme))


def _training(asked: TrainingRequest, case: Case, untrained: Design) -> Training:
    """The training as it begins or goes on, once all is tried that no epoch can change."""
    _check_slices(case, asked.recipe)
    onnx_model(case.network)
    examples = training_examples(asked.data, case.imported.network, asked.train_images)
    network = coded_network(case, untrained)
    training = Training(
        network,
        examples,
        asked.recipe,
        asked.checkpoint,
        asked.start,
        belongs=_belongs(asked, case),
        calibrate=lambda own: _shifts(case, _design(case, untrained, network), own),
        teacher=case.imported.network,
        resume=asked.resume,
    )
    if Technique.ENERGY not in asked.recipe.techniques:
        plan(layer_shapes(case.network), case.arch, _design(case, untrained, network))
    return training


def _write_network(
    out: Path, network: CodedNetwork, design: Design, untrained: Design
) -> tuple[Path, ...]:
    """The trained integers, their design, and that of the network before."""
    files = tuple(out / name for name in WRITTEN[:3])
    export_network(network.integers(), files[0])
    write_whole(files[1], design.to_yaml())
    write_whole(files[2], untrained.to_yaml())
    return files


def _write_history(out: Path, history: list[Epoch]) -> tuple[Path, ...]:
    """The epochs as a table and as JSON."""
    files = tuple(out / name for name in WRITTEN[3:])
    write_whole(files[0], _table(history))
    write_whole(files[1], json.dumps([vars(epoch) for epoch in history], indent=2) + "\n")
    return files


def _design(case: Case, untrained: Design, network: CodedNetwork) -> Design:
    """The design that a network in codes stands for as it is now."""
    scales = network.slice_scales()
    return design_of(
        network.rho(), untrained.default, windows=has_windows(case.arch.device), scales=scales
    )


def _write_record(asked: TrainingRequest, done: Trained) -> None:
    write_whole(asked.out / RECORD, json.dumps(record(asked, done), indent=2) + "\n")


def _belongs(asked: TrainingRequest, case: Case) -> dict[str, Any]:
    """What a checkpoint belongs to; hardware has a say only with a technique."""
    hardware = case.arch.model_dump(mode="json", exclude={"name", "technology"})
    return {
        "network": graph_digest(case.imported.network),
        "scheme": asked.scheme and asked.scheme.read_text(encoding="utf-8"),
        "hardware": hardware if asked.recipe.techniques else None,
    }


def digit_bits(case: Case, recipe: Recipe) -> int:
    """Bits of an input digit: one with technique C, else as many as one pulse can carry."""
    if Technique.DECOMPOSITION in recipe.techniques:
        return 1
    return min(LONGEST_DIGIT_BITS, max(layer.precision.input_bits for layer in case.plan.layers))


def _check_slices(case: Case, recipe: Recipe) -> None:
    """Refuse to train windows by slice where the hardware cannot have them."""
    if not recipe.slice_scales or Technique.ENERGY not in recipe.techniques:
        return
    if not has_windows(case.arch.device):
        raise MappingError(
            "recipe: slice_scales: expected false for a fluctuation of law 'table', found true"
        )
    for layer in case.plan.layers:
        geometry = layer.geometry(case.arch.tile)
        check_slices(geometry, geometry.slices.count)


def coded_network(case: Case, design: Design) -> CodedNetwork:
    """The case's network in codes, with the noise of its tiles under a design."""
    placed = plan(layer_shapes(case.network), case.arch, design)
    return CodedNetwork(case.network, placed, case.arch, _shifts(case, design, case.network))


def _shifts(case: Case, design: Design, network: QuantizedNetwork) -> dict[str, int]:
    """Ranges of the converters that `simulate` would read these layers with, however many tiles."""
    arch = case.arch.unbounded
    placed = plan(layer_shapes(network), arch, design)
    return calibrate(network, placed, arch, case.images.calibration)


def training_examples(data: str, network: Network, count: int | None) -> Examples:
    """Training images in the shape of a network's input.

    Raises:
        DataError: the set has no training images, or they do not fit.
    """
    name = network.inputs[0]
    found = load_dataset(read_description(data), Split.TRAIN, count)
    fitted = found.fitted(network.shapes[name], network.shapes[network.outputs[0]][1], name)
    return Examples(fitted.images, fitted.labels)


def cells_J(result: Result) -> float:
    """Energy of the cells, of one inference."""
    return result.energy_J.by_component.get(Component.ARRAY.value, 0.0)


def record(asked: TrainingRequest, done: Trained) -> dict[str, Any]:
    """A training as JSON."""
    return {
        "network": done.before.network,
        "arch": done.before.arch,
        "seed": asked.seed,
        "recipe": asked.recipe.model_dump(mode="json")
        | {"techniques": sorted(t.value for t in asked.recipe.techniques)},
        "before": _summary(done.before),
        "after": done.after and _summary(done.after),
        "rho": dict(done.rho),
        "slice_scales": dict(done.slice_scales),
        "history": [vars(epoch) for epoch in done.history],
        "files": [str(file) for file in done.files],
    }


def _summary(result: Result) -> dict[str, Any]:
    assert result.accuracy is not None
    return {
        "accuracy": result.accuracy.model_dump(mode="json", by_alias=True),
        "cells_J": cells_J(result),
        "energy_J": result.energy_J.total,
    }


def _simulation(asked: TrainingRequest, network: Path, design: Path | None = None) -> Simulation:
    own = network == asked.network
    return Simulation(
        network,
        asked.data,
        arch=asked.arch,
        design=design,
        scheme=asked.scheme if own else None,
        samples=asked.samples,
        device_samples=asked.device_samples,
        seed=asked.seed,
    )


def _table(history: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["epoch", "task_nats", "right", "cells_J"], lineterminator="\n")
    writer.writeheader()
    for number, epoch in enumerate(history, 1):
        row = {"epoch": number, "task_nats": epoch.task, "right": epoch.right}
        writer.writerow(row | {"cells_J": epoch.energy_J})
    return text.getvalue()
