"""Architectures and devices from YAML: presets, `extends`, a device by name or in place."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwsim.chip.spec import Arch
from hwsim.device.spec import Device
from hwsim.errors import SpecError
from hwsim.spec import extends_chain, merge, read_extended, unknown, validate

_ARCH_PRESETS = Path(__file__).parent / "presets"
_DEVICE_PRESETS = Path(__file__).parent.parent / "device" / "presets"


def arch_presets() -> dict[str, Path]:
    """Architecture presets by name."""
    return _presets(_ARCH_PRESETS)


def device_presets() -> dict[str, Path]:
    """Device presets by name."""
    return _presets(_DEVICE_PRESETS)


def load_arch(name_or_path: str | Path) -> Arch:
    """The architecture that a preset's name or a YAML file describes.

    The key `device` is a device preset's name, a device file, a mapping with its own
    `extends`, or (under `extends`) a mapping that overrides keys of the parent's device.
    Files that `device` and `technology` name are relative to the file they stand in.

    Raises:
        SpecError: no such preset or file, or a key is wrong; file and key are named.
    """
    path = find_preset(name_or_path, arch_presets(), "architecture")
    return validate(Arch, _merged(extends_chain(path, arch_presets())), str(path))


def extended_arch(
    name_or_path: str | Path, changes: Sequence[Mapping[str, Any]], file: Path
) -> Arch:
    """The architecture of a chain of files: a parent, and the changes to it one after the other.

    Args:
        file: where the changes stand; names of files in them are relative to it.

    Raises:
        SpecError: no such preset or file, or a key is wrong, as `load_arch`.
    """
    path = find_preset(name_or_path, arch_presets(), "architecture")
    chain = [*extends_chain(path, arch_presets()), *((file, dict(each)) for each in changes)]
    return validate(Arch, _merged(chain), "arch")


def _merged(chain: Iterable[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """Contents of files, each over those before it."""
    merged: dict[str, Any] = {}
    for file, content in chain:
        device = content.pop("device", None)
        merged = merge(merged, content)
        technology = content.get("technology")
        if isinstance(technology, str) and technology.endswith((".yaml", ".yml")):
            merged["technology"] = str(file.parent / technology)
        if device is not None:
            merged["device"] = _device_over(merged.get("device"), device, file)
    return merged


def load_device(name_or_path: str | Path) -> Device:
    """The device that a preset's name or a YAML file describes.

    Raises:
        SpecError: no such preset or file, or a key is wrong; file and key are named.
    """
    path = find_preset(name_or_path, device_presets(), "device")
    return validate(Device, read_extended(path, device_presets()), str(path))


def find_preset(name_or_path: str | Path, presets: Mapping[str, Path], noun: str) -> Path:
    """The file that `name_or_path` means: a preset's name first, else a path.

    Raises:
        SpecError: it is neither a preset nor written like a path.
    """
    if isinstance(name_or_path, str) and name_or_path in presets:
        return presets[name_or_path]
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or path.parent != Path() or path.exists():
        return path
    raise SpecError(f"{noun}: {unknown(str(name_or_path), presets)}, or a YAML file")


def _presets(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _device_over(below: Any, device: Any, file: Path) -> Any:
    """The device a file asks for: whole if it names one, else its keys over those below."""
    if isinstance(device, str):
        return _named_device(device, file)
    if not isinstance(device, dict):
        raise SpecError(f"{file}: device: expected a preset's name or a mapping, found {device!r}")
    keys = dict(device)
    parent = keys.pop("extends", None)
    if parent is None:
        return merge(below, keys) if isinstance(below, dict) else keys
    if not isinstance(parent, str):
        raise SpecError(f"{file}: device.extends: expected a device's name, found {parent!r}")
    return merge(_named_device(parent, file), keys)


def _named_device(name: str, file: Path) -> dict[str, Any]:
    presets = device_presets()
    if name in presets:
        return read_extended(presets[name], presets)
    if name.endswith((".yaml", ".yml")):
        return read_extended(file.parent / name, presets)
    raise SpecError(f"{file}: device: {unknown(name, presets)}")
