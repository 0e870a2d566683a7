"""`hwsim train`: a network that learns to live with its hardware."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from codesign.cli.console import (
    FILE,
    OUT_FOLDER,
    arch_option,
    command_line,
    common_options,
    emit,
    progress_bar,
)


@click.command(
    epilog="Example: hwsim train net.onnx --data fashion-mnist:DIR --arch emt-strong --out trained",
    short_help="Training under the hardware's noise, with energy in the loss.",
)
@click.argument("network", type=FILE)
@click.option("--data", required=True, help="digits, NAME:PATH or a YAML file; see the README.")
@arch_option
@click.option("--out", type=OUT_FOLDER, required=True, help="Folder for all that is written.")
@click.option(
    "--techniques",
    help="Some of A (device states), B (energy in the loss), C (bit-serial reads). [default: "
    "A,B,C]",
)
@click.option("--recipe", "recipe_file", type=FILE, help="YAML file: epochs, rates, augmentation.")
@click.option("--scheme", type=FILE, help="YAML file: bits and ranges of quantisation.")
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the recipe's.")
@click.option("--energy-weight", type=click.FloatRange(min=0), help="Instead of the recipe's.")
@click.option("--train-images", type=click.IntRange(min=1), help="All if not given.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Test images that show the accuracy before and after.",
)
@click.option("--device-samples", type=click.IntRange(1, 10_000), default=3, show_default=True)
@click.option(
    "--start", type=FILE, help="checkpoint.pt of an earlier training of the network to begin with."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
@common_options
def train(
    as_json: bool,
    arch_name: str,
    techniques: str | None,
    recipe_file: Path | None,
    epochs: int | None,
    energy_weight: float | None,
    **asked: Any,
) -> None:
    """Fine-tune NETWORK (an ONNX file) for its hardware; needs the [torch] extra.

    Writes network.onnx (integers) and design.yaml, which `hwsim simulate` takes, before.yaml (the
    design before), the history, training.json (all that is shown) and, after every epoch,
    checkpoint.pt.  --seed stands instead of the recipe's.
    """
    from codesign.train import TrainingRequest, record  # noqa: PLC0415
    from codesign.train import train as run  # noqa: PLC0415
    from optim.train.recipe import load_recipe  # noqa: PLC0415

    source = click.get_current_context().get_parameter_source("seed")
    changes = {
        "techniques": None if techniques is None else techniques.split(","),
        "epochs": epochs,
        "energy_weight": energy_weight,
        "seed": None if source is ParameterSource.DEFAULT else asked["seed"],
    }
    given = {name: value for name, value in changes.items() if value is not None}
    recipe = load_recipe(recipe_file, given)
    request = TrainingRequest(arch=arch_name, recipe=recipe, **asked)
    with progress_bar("step") as progress:
        done = run(request, command=command_line(), progress=progress)
    if as_json:
        emit(record(request, done))
    else:
        click.echo(summary(done))


def summary(done: Any) -> str:
    """Accuracy and energy before and after, and rho of every layer."""
    from codesign.report.quantities import si  # noqa: PLC0415
    from codesign.train import cells_J  # noqa: PLC0415

    lines = [f"{'':8}{'accuracy':>10}{'95 % interval':>20}{'cells':>10}{'whole tiles':>13}"]
    for name, result in (("before", done.before), ("after", done.after)):
        low, high = result.accuracy.ci95
        lines.append(
            f"{name:8}{result.accuracy.mean:>10.2%}{f'{low:.2%} to {high:.2%}':>20}"
            f"{si(cells_J(result), 'J'):>10}{si(result.energy_J.total, 'J'):>13}"
        )
    width = max(map(len, done.rho))
    lines += ["", "rho: energy of a cell's reads against one cell in the whole window"]
    lines += [f"  {name:{width}}  {rho:.2f}" for name, rho in done.rho.items()]
    if done.slice_scales:
        lines += ["", "slices: parts of that window, the least significant slice first"]
    for name, scales in done.slice_scales.items():
        lines.append(f"  {name:{width}}  {' '.join(f'{scale:.2f}' for scale in scales)}")
    return "\n".join([*lines, "", *(f"wrote {file}" for file in done.files)])
