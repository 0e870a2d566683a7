"""`hwsim arch`: the architectures that can be modelled."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import FILE, common_options, emit


@click.group(
    epilog="Example: hwsim arch show isaac > mine.yaml",
    short_help="Architecture presets: list, show, validate, schema.",
)
def arch() -> None:
    """Architectures: the presets, one in full, checking a file, a schema for editors."""


@arch.command("list", epilog="Example: hwsim arch list --json")
@common_options
def list_presets(as_json: bool, seed: int) -> None:
    """List the presets."""
    from hwsim.chip.load import arch_presets, load_arch  # noqa: PLC0415

    presets = [load_arch(name) for name in arch_presets()]
    if as_json:
        emit([_summary(preset) for preset in presets])
        return
    width = max(len(preset.name) for preset in presets)
    for preset in presets:
        click.echo(f"{preset.name:{width}}  {' '.join(preset.description.split())}".rstrip())


def _summary(preset: Any) -> dict[str, Any]:
    return {
        "name": preset.name,
        "description": preset.description,
        "device": preset.device.name,
        "rows": preset.tile.rows,
        "cols": preset.tile.cols,
        "encoding": preset.tile.encoding.value,
        "technology": preset.technology,
    }


@arch.command(epilog="Example: hwsim arch show emt")
@click.argument("arch_name", metavar="ARCH")
@common_options
def show(arch_name: str, as_json: bool, seed: int) -> None:
    """Print ARCH (a preset or a YAML file) in full, nothing inherited: YAML that loads again.

    Its peak power and area, component by component, follow as comments.
    """
    from codesign.peak import peak_json, peak_text  # noqa: PLC0415
    from hwsim.chip.load import load_arch  # noqa: PLC0415

    loaded = load_arch(arch_name)
    if as_json:
        emit({**loaded.model_dump(mode="json"), "peak": peak_json(loaded)})
    else:
        click.echo(loaded.to_yaml() + peak_text(loaded), nl=False)


@arch.command(epilog="Example: hwsim arch validate mine.yaml")
@click.argument("file", type=FILE)
@common_options
def validate(file: Path, as_json: bool, seed: int) -> None:
    """Check an architecture file: its keys, figures, and the technology it names."""
    from hwsim.chip.load import load_arch  # noqa: PLC0415
    from hwsim.cost.load import technology_of  # noqa: PLC0415

    loaded = load_arch(str(file))
    technology_of(loaded)
    if as_json:
        emit({"file": str(file), "name": loaded.name, "valid": True})
    else:
        click.echo(f"{file}: {loaded.name}: valid")


@arch.command(epilog="Example: hwsim arch schema > arch.schema.json")
@common_options
def schema(as_json: bool, seed: int) -> None:
    """Print the JSON Schema of an architecture file, for editors."""
    from hwsim.chip.spec import Arch  # noqa: PLC0415

    document = _without_required(Arch.model_json_schema())
    name_or_file = {"type": "string", "description": "A preset's name or a YAML file."}
    keys = document["properties"]
    keys["extends"] = name_or_file
    keys["device"] = {"anyOf": [name_or_file, keys["device"]]}
    document["$defs"]["Device"]["properties"]["extends"] = name_or_file
    emit(document)


def _without_required(schema: Any) -> Any:
    """No key must stand in the file: `extends` may bring it."""
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if not (k == "required" and isinstance(v, list))}
        return {key: _without_required(value) for key, value in kept.items()}
    return [_without_required(item) for item in schema] if isinstance(schema, list) else schema
