"""Imports point one way: an AST scan of every module against the layers of the house."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("hwsim", "mapping", "optim", "codesign")

HARDWARE = {
    "hwsim",
    "hwsim.device",
    "hwsim.peripherals",
    "hwsim.tile",
    "hwsim.chip",
    "hwsim.cost",
}
#: Layer (the longest prefix of a module's name) -> the layers it may import besides its own.
LAYERS: dict[str, set[str]] = {
    "hwsim": set(),  # foundation: errors, units, spec, rng, events, _jit
    "hwsim.device": {"hwsim"},
    "hwsim.peripherals": {"hwsim"},
    "hwsim.tile": {"hwsim", "hwsim.device", "hwsim.peripherals"},
    "hwsim.chip": {"hwsim", "hwsim.device", "hwsim.peripherals", "hwsim.tile"},
    "hwsim.cost": HARDWARE,
    "hwsim.cosim": HARDWARE,
    "mapping": HARDWARE,
    "mapping.execute_rtl": HARDWARE | {"hwsim.cosim", "mapping"},
    "optim": HARDWARE | {"mapping"},
    "codesign": HARDWARE | {"hwsim.cosim", "mapping", "mapping.execute_rtl", "optim"},
}
#: Packages that are slow to import or optional -> the modules (by prefix) that may name them.
CONFINED: dict[str, tuple[str, ...]] = {
    "altair": ("codesign.report", "codesign.device_figure", "codesign.sweep.charts"),
    "click": ("codesign.cli",),
    "distributed": ("codesign.sweep.cluster",),
    "jinja2": ("codesign.report",),
    "onnx": ("mapping.onnx", "codesign.demo.train_digits"),
    "cocotb": (),  # benches only
    "onnxruntime": (),  # the reference in tests, never a part of the product
    "pyverilog": ("hwsim.cosim",),
    "sklearn": ("codesign.demo.write_digits",),
    "torch": ("codesign.demo.train_digits", "optim.train"),
    "tqdm": ("codesign.cli",),
    "vl_convert": ("codesign.report", "codesign.device_figure"),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = list(path.relative_to(ROOT).with_suffix("").parts)
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def layer(module: str) -> str:
    return max((name for name in LAYERS if f"{module}.".startswith(f"{name}.")), key=len)


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a module imports, at any depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def violations(module: str, source: str) -> list[str]:
    """Lines of `module` that import what its layer must not know."""
    wrong = []
    for line, name in imported(source):
        top = name.split(".")[0]
        if top in PACKAGES:
            own, other = layer(module), layer(name)
            if other != own and other not in LAYERS[own]:
                wrong.append(f"{module}:{line}: layer {own} must not import {name}")
        elif top in CONFINED and not module.startswith(CONFINED[top] or "-"):
            wrong.append(f"{module}:{line}: {top} is imported only in {CONFINED[top]}")
    return wrong


def test_imports_point_only_up_the_house() -> None:
    wrong = [
        line
        for module, path in modules()
        for line in violations(module, path.read_text(encoding="utf-8"))
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("hwsim.device.spec", "from hwsim.peripherals.spec import Adc"),
        ("hwsim.peripherals.spec", "import hwsim.tile"),
        ("hwsim.tile.tile", "from hwsim.cost import energy"),
        ("hwsim.chip.spec", "def f():\n    from mapping import plan"),
        ("mapping.plan", "import codesign.flow"),
        ("mapping.execute", "from hwsim import cosim"),
        ("mapping.plan", "import onnx"),
        ("optim.knobs", "import onnxruntime"),
    ],
)
def test_the_scan_sees_a_forbidden_import(module: str, line: str) -> None:
    assert violations(module, line)


def test_every_package_has_modules_in_the_scan() -> None:
    seen = {name.split(".")[0] for name, _ in modules()}
    assert seen == set(PACKAGES)
