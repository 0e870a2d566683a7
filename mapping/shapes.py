"""Layer shapes: all that mapping needs to know of a network, from the network or from YAML.

    name: two-layer perceptron
    source: where the shapes come from
    layers:
      - {name: hidden, rows: 784, cols: 128}
      - {name: block, repeat: 4, layers: [{name: up, rows: 128, cols: 512, mvms: 16}, ...]}

`rows` is K and `cols` is N of one group; `mvms` are matrix-vector products per inference.
A repeated entry `up` becomes `up.0`, `up.1`, ...; a block puts its name in front.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hwsim.errors import NetworkError, SpecError
from hwsim.spec import Spec, read_yaml, validate
from hwsim.tile.spec import Precision
from mapping.lower import matrix_shape, mvms_per_image, output_shape
from mapping.network import Network, Node, QuantizedNetwork

Count = Annotated[int, Field(ge=1, le=10**9)]
Products = Annotated[int, Field(ge=1, le=10**8)]
MAX_LAYERS = 100_000
MAX_DEPTH = 8  # blocks within blocks; a YAML alias can make them endless


class LayerShape(Spec):
    """One layer that goes onto arrays: `groups` matrices of `rows` (K) x `cols` (N)."""

    name: Annotated[str, Field(min_length=1)]
    op: str = "linear"
    rows: Count
    cols: Count
    groups: Count = 1
    mvms_per_inference: Products = 1
    precision: Precision | None = None  # None: the architecture's own

    @property
    def weights(self) -> int:
        """Weights of the layer."""
        return self.groups * self.rows * self.cols

    @property
    def macs(self) -> int:
        """Multiply-accumulates per inference."""
        return self.weights * self.mvms_per_inference


class _Entry(Spec):
    name: Annotated[str, Field(min_length=1)]
    op: str = "linear"
    rows: Count
    cols: Count
    groups: Count = 1
    mvms: Products = 1
    repeat: Count = 1
    precision: Precision | None = None

    def shape(self, name: str) -> LayerShape:
        return LayerShape(
            name=name,
            op=self.op,
            rows=self.rows,
            cols=self.cols,
            groups=self.groups,
            mvms_per_inference=self.mvms,
            precision=self.precision,
        )


class _Sequence(Spec):
    name: str = ""
    source: str = ""
    repeat: Count = 1
    layers: Annotated[list[dict[str, Any]], Field(min_length=1)]


def load_shapes(path: Path) -> tuple[str, list[LayerShape]]:
    """(name, layers in execution order) of a YAML file of layer shapes.

    Raises:
        SpecError: the file is not as the module states, or a name stands twice.
    """
    top = validate(_Sequence, read_yaml(path), str(path))
    layers: dict[str, LayerShape] = {}
    for layer in _expand(top, f"{path}: layers", ""):
        if layer.name in layers:
            raise SpecError(f"{path}: layers: expected each name once, found {layer.name!r} twice")
        if len(layers) == MAX_LAYERS:
            raise SpecError(f"{path}: layers: expected at most {MAX_LAYERS} layers, found more")
        layers[layer.name] = layer
    return top.name or path.stem, list(layers.values())


def _expand(sequence: _Sequence, where: str, prefix: str, depth: int = 1) -> Iterator[LayerShape]:
    if depth > MAX_DEPTH:
        raise SpecError(f"{where}: expected at most {MAX_DEPTH} nested blocks, found more")
    entries: list[_Entry | _Sequence] = []
    for i, entry in enumerate(sequence.layers):
        if "layers" in entry:
            entries.append(validate(_Sequence, entry, f"{where}[{i}]"))
        else:
            entries.append(validate(_Entry, entry, f"{where}[{i}]"))
    for i, item in enumerate(entries):
        for number in range(item.repeat):
            name = f"{prefix}{item.name}" + (f".{number}" if item.repeat > 1 else "")
            if isinstance(item, _Sequence):
                inner = f"{name}." if item.name else prefix
                yield from _expand(item, f"{where}[{i}].layers", inner, depth + 1)
            else:
                yield item.shape(name)


def layer_shapes(network: Network | QuantizedNetwork) -> list[LayerShape]:
    """The conv and linear nodes of a network, in execution order; needs shapes, not weights.

    Precisions are those of a quantised network and left to the architecture for a float one.

    Raises:
        NetworkError: a node's shapes are unknown or do not fit each other.
    """
    if isinstance(network, QuantizedNetwork):
        return [
            _shape(node, network.network).replace(precision=_precision(node, network))
            for node in network.network.linear_nodes()
        ]
    return [_shape(node, network) for node in network.linear_nodes()]


def _shape(node: Node, network: Network) -> LayerShape:
    for tensor in node.inputs[:2]:
        if tensor not in network.shapes:
            raise NetworkError(
                f"node {node.name!r}: expected the shape of {tensor!r}, found none in the network"
            )
    inputs, weight = (network.shapes[tensor] for tensor in node.inputs[:2])
    count, rows, cols = matrix_shape(node, weight)
    mvms = mvms_per_image(node, output_shape(node, inputs, weight))
    if mvms < 1:
        raise NetworkError(
            f"node {node.name!r}: expected known axes after the batch, found {list(inputs)}"
        )
    return LayerShape(
        name=node.name, op=node.op, rows=rows, cols=cols, groups=count, mvms_per_inference=mvms
    )


def _precision(node: Node, network: QuantizedNetwork) -> Precision:
    layer = network.layers[node.name]
    codes = network.tensors[node.inputs[0]]
    most_negative = -(1 << (layer.weight_bits - 1))
    return Precision(
        weight_bits=layer.weight_bits,
        input_bits=codes.bits,
        input_signed=codes.signed,
        narrow_weights=bool(layer.weight.min() > most_negative),
    )
