"""`hwsim device`: the memory cells that can be modelled, and one fitted from measured reads."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import FILE, OUT_FILE, common_options, emit, note


@click.group(
    epilog="Example: hwsim device fit reads.csv --out mine.yaml --figure mine.svg",
    short_help="Memory cells: list, show, fit from measured reads.",
)
def device() -> None:
    """Memory cells: the presets, one in full, a new one from measured reads."""


@device.command("list", epilog="Example: hwsim device list --json")
@common_options
def list_presets(as_json: bool, seed: int) -> None:
    """List the presets: window, fluctuation, programming error, drift."""
    from codesign.device_table import summary, table  # noqa: PLC0415
    from hwsim.chip.load import device_presets, load_device  # noqa: PLC0415

    presets = [load_device(name) for name in device_presets()]
    if as_json:
        emit([summary(preset) for preset in presets])
    else:
        click.echo(table(presets))


@device.command(epilog="Example: hwsim device show pcm > mine.yaml")
@click.argument("device_name", metavar="DEVICE")
@common_options
def show(device_name: str, as_json: bool, seed: int) -> None:
    """Print DEVICE (a preset or a YAML file) in full, nothing inherited: YAML that loads again."""
    from hwsim.chip.load import load_device  # noqa: PLC0415

    loaded = load_device(device_name)
    if as_json:
        emit(loaded.model_dump(mode="json"))
    else:
        click.echo(loaded.to_yaml(), nl=False)


@device.command(epilog="Example: hwsim device fit reads.csv --out mine.yaml --figure mine.svg")
@click.argument("file", type=FILE)
@click.option("--out", required=True, type=OUT_FILE, help="Device file to write (YAML).")
@click.option("--figure", type=OUT_FILE, help="Picture of data and fit (.svg or .png).")
@click.option("--name", help="Name of the device; else that of the file it is written to.")
@common_options
def fit(
    file: Path, out: Path, figure: Path | None, name: str | None, as_json: bool, seed: int
) -> None:
    """Fit a device to measured reads.

    FILE is a CSV file with the columns cell, level (0, 1, ...), time_s (since programming) and
    conductance_S; further columns are passed over.
    """
    from codesign.device_table import fit_table  # noqa: PLC0415
    from codesign.report.files import keep_inputs, make_folder, write_whole  # noqa: PLC0415
    from hwsim.device.fit import fit_device  # noqa: PLC0415
    from hwsim.device.reads import load_reads  # noqa: PLC0415
    from hwsim.errors import SpecError  # noqa: PLC0415

    if out.suffix not in (".yaml", ".yml"):
        raise SpecError(f"--out: expected a name that ends in .yaml, found {str(out)!r}")
    keep_inputs([path for path in (out, figure) if path], [file])
    if figure is not None:
        from codesign.device_figure import check_suffix  # noqa: PLC0415

        check_suffix(figure)
    fitted = fit_device(load_reads(file), name or out.stem)
    report = fitted.report
    if figure is not None:
        _draw(fitted, figure)
    make_folder(out.parent)
    write_whole(out, report.device.to_yaml())
    if as_json:
        emit({**report.model_dump(mode="json"), "out": str(out)})
        return
    click.echo(fit_table(report))
    for text in report.notes:
        note(text)


def _draw(fitted: Any, figure: Path) -> None:
    from codesign.device_figure import write_figure  # noqa: PLC0415

    figure.parent.mkdir(parents=True, exist_ok=True)
    write_figure(fitted, figure)
