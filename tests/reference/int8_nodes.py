"""Int8 ONNX files written node by node, and what the importer makes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mapping.network import QuantizedNetwork
from mapping.onnx_import import ImportedNetwork, import_network
from tests.reference.onnx_files import make_model, node, save

RNG = np.random.default_rng(11)


def floats(*shape: int) -> Any:
    """Random constants."""
    return (0.4 * RNG.normal(size=shape)).astype(np.float32)


def integers(*shape: int) -> Any:
    """Random weights in int8."""
    return RNG.integers(-100, 100, size=shape).astype(np.int8)


def pictures(count: int, *shape: int) -> Any:
    """Random inputs."""
    return np.random.default_rng(5).normal(size=(count, *shape)).astype(np.float32)


def integers_of(imported: ImportedNetwork) -> QuantizedNetwork:
    """The quantised network, which must be there."""
    assert imported.quantized is not None
    assert imported.float_layers == ()
    return imported.quantized


#: Scale and zero point of activations.
U8 = (np.float32(0.05), np.uint8(100))
S8 = (np.float32(0.04), np.int8(0))
S8_SHIFTED = (np.float32(0.04), np.int8(-30))
WEIGHT = integers(4, 3, 3, 3)


def pair(source: str, name: str, kind: str) -> list[Any]:
    """Quantise `source` to codes `name_q` and back to `name`."""
    scale = [f"{kind}_s", f"{kind}_z"]
    return [
        node("QuantizeLinear", [source, *scale], f"{name}_q"),
        node("DequantizeLinear", [f"{name}_q", *scale], name),
    ]


def kinds(**given: tuple[Any, Any]) -> dict[str, Any]:
    """Scale and zero point constants by kind."""
    return {
        f"{k}_{part}": v for k, pair in given.items() for part, v in zip("sz", pair, strict=True)
    }


def imported(
    folder: Path,
    nodes: Sequence[Any],
    constants: Mapping[str, Any],
    shape: Sequence[int] = (3, 6, 6),
    outputs: Sequence[str] = ("y",),
) -> tuple[Path, ImportedNetwork]:
    """The file of these nodes, imported."""
    path = save(make_model(nodes, {"x": ["N", *shape]}, outputs, constants), folder / "net.onnx")
    return path, import_network(path)


def dequantised_weight(zero: Any = None, axis: int = 0) -> list[Any]:
    """The weight w from integers wq with scales ws."""
    names = ["wq", "ws"] + ([] if zero is None else ["wz"])
    return [node("DequantizeLinear", names, "w", axis=axis)]


def contributed(op: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    """A node of onnxruntime's own domain."""
    return node(op, inputs, output, domain="com.microsoft", **attributes)
