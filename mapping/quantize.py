"""Post-training quantisation: a float network, sample images and a scheme give integers.

- A tensor is held as codes if a conv or linear node lies behind it; what only the outputs
  need stays float32.
- Codes are unsigned with zero point 0 where calibration shows no negative value, otherwise
  symmetric signed, or (`asymmetric`) unsigned with a zero point.  Weights are symmetric and
  narrow (never -2^(b-1)), one scale per output channel.  Every scale is a float32 number.
- max_pool, reshape, transpose, slice and pad keep their input's codes.  A pad below 0 that only
  max pools read does so, too: it never wins, and saturates at the lowest code.
- A tensor that only a ReLU reads (perhaps through such nodes) takes the ReLU's codes: the
  requantiser's saturation at 0 is the ReLU, and the ReLU node itself changes nothing.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hwsim.errors import NetworkError, SpecError
from hwsim.spec import Spec, unknown
from hwsim.units import Bit
from mapping.calibrate import RangeMethod, Spread, merged, observe_spreads, weight_thresholds
from mapping.coded_operators import MOVES
from mapping.network import (
    LINEAR_OPS,
    LayerIntegers,
    Network,
    Node,
    QuantizedNetwork,
    QuantParams,
)

Percent = Annotated[float, Field(gt=0, le=100, json_schema_extra={"unit": "%"})]
Bits = Annotated[Bit, Field(ge=2, le=8)]
#: |bias| in accumulator units stays below this, so that bias + products stay below 2^38.
BIAS_LIMIT = 1 << 30
#: Scales stay normal float32 numbers, also after one product and one quotient of them.
SMALLEST_SCALE = 1e-18


class LayerScheme(Spec):
    """What one conv or linear node has of its own; None takes the network's value."""

    weight_bits: Bits | None = None
    input_bits: Bits | None = None


class Scheme(Spec):
    """How a float network becomes integers.

    MSE is the default because it needs no figure chosen by hand and holds at few bits.
    Measured on 10,000 test images, 512 training images for calibration, weights by MSE,
    percentile 99.99 / MSE: ResNet-20 (float 91.73 %) 8 bits 91.71 / 91.74, 6 bits 91.51 /
    91.64, 4 bits 77.67 / 82.13; LeNet (92.32 %) 8 bits 92.39 / 92.33.
    """

    weight_bits: Bits = 8
    activation_bits: Bits = 8
    method: RangeMethod = RangeMethod.MSE  # of activations
    percentile: Percent = 99.99
    #: Values of both signs in unsigned codes with a zero point, as unlike in size as they are:
    #: images whose dark background is normalised to below zero then read as codes of few pulses.
    asymmetric: bool = False
    weight_method: RangeMethod = RangeMethod.MSE
    layers: dict[str, LayerScheme] = Field(default_factory=dict)


def quantize(
    network: Network,
    calibration: NDArray[np.float32],
    scheme: Scheme,
    progress: Callable[[int], None] | None = None,
    where: str = "scheme",
) -> QuantizedNetwork:
    """The network in integers.

    Args:
        calibration: (samples, *input shape) images like those it will see.
        progress: called with the number of samples done so far.
        where: the scheme's file, for messages.

    Raises:
        DataError: the samples do not fit the network's input.
        NetworkError: a node's weights are absent (shapes only) or not finite.
        SpecError: the scheme names an unknown node, or contradicts itself.
    """
    _check(network, scheme, where)
    groups = _Groups.of(network)
    bits = _group_bits(network, groups, scheme, where)
    names = set(groups.leader) - groups.rectified - groups.floored
    spreads = observe_spreads(network, calibration, names, progress)
    by_leader = {
        leader: _activation_params(
            merged([spreads[n] for n in names if groups.leader[n] == leader]), bits[leader], scheme
        )
        for leader in sorted(set(groups.leader.values()))
    }
    tensors = {name: by_leader[leader] for name, leader in groups.leader.items()}
    layers = {
        node.name: _layer_integers(network, node, tensors[node.inputs[0]], scheme)
        for node in network.linear_nodes()
    }
    return QuantizedNetwork(network, tensors, layers)


def coded_tensors(network: Network) -> frozenset[str]:
    """Activation tensors behind which a conv or linear node lies."""
    activations = {*network.inputs, *(node.output for node in network.nodes)}
    found: set[str] = set()
    for node in reversed(network.nodes):
        if node.op in LINEAR_OPS:
            found.add(node.inputs[0])
        elif node.output in found:
            found.update(name for name in node.inputs if name in activations)
    return frozenset(found)


class _Groups:
    """Which tensors share one set of codes.

    leader: coded tensor -> the tensor that names its group;
    rectified: those whose negative values nobody sees;
    floored: those padded with a value that loses in every max pool.
    """

    def __init__(
        self, leader: Mapping[str, str], rectified: frozenset[str], floored: frozenset[str]
    ) -> None:
        self.leader = leader
        self.rectified = rectified
        self.floored = floored

    @classmethod
    def of(cls, network: Network) -> "_Groups":
        coded = coded_tensors(network)
        readers = _readers(network)
        floored = _floored(network, readers)
        rectified = _rectified(network, coded, readers, floored)
        leader = {name: name for name in coded}
        for node in network.nodes:
            source = node.inputs[0]
            if source not in coded or node.output not in coded:
                continue
            if _keeps_codes(node, floored) or (_is_relu(node) and source in rectified):
                leader[node.output] = leader[source]
        return cls(leader, rectified, floored)


def _readers(network: Network) -> Mapping[str, list[Node]]:
    readers: dict[str, list[Node]] = {}
    for node in network.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return readers


def _pad_value(node: Node) -> float:
    return float(node.attributes.get("value", 0.0)) if node.op == "pad" else 0.0


def _floored(network: Network, readers: Mapping[str, list[Node]]) -> frozenset[str]:
    """Outputs of pads below 0 that only max pools read."""
    return frozenset(
        node.output
        for node in network.nodes
        if _pad_value(node) < 0.0
        and node.output not in network.outputs
        and all(reader.op == "max_pool" for reader in readers.get(node.output, []))
    )


def _keeps_codes(node: Node, floored: frozenset[str]) -> bool:
    return node.op in MOVES and (_pad_value(node) == 0.0 or node.output in floored)


def _is_relu(node: Node) -> bool:
    if node.op == "clip":
        return float(node.attributes.get("min", -np.inf)) == 0.0
    return node.op == "relu"


def _rectified(
    network: Network,
    coded: frozenset[str],
    readers: Mapping[str, list[Node]],
    floored: frozenset[str],
) -> frozenset[str]:
    """Coded tensors that only ReLUs read, directly or through nodes that keep codes."""
    found: set[str] = set()
    made = [*network.inputs, *(node.output for node in network.nodes)]
    for name in reversed(made):
        if name not in coded or name in network.outputs:
            continue
        if all(
            node.output in coded
            and (_is_relu(node) or (_keeps_codes(node, floored) and node.output in found))
            for node in readers[name]
        ):
            found.add(name)
    return frozenset(found)


def _check(network: Network, scheme: Scheme, where: str) -> None:
    for node in network.linear_nodes():
        for name in node.inputs[1:]:
            if not np.isfinite(network.constants.get(name, 0.0)).all():
                raise NetworkError(f"node {node.name!r}: expected finite numbers in {name!r}")
    names = [node.name for node in network.linear_nodes()]
    for name in scheme.layers:
        if name not in names:
            raise SpecError(f"{where}: layers: {unknown(name, names)}")


def _group_bits(network: Network, groups: _Groups, scheme: Scheme, where: str) -> dict[str, int]:
    """Bits of each group; a layer's own `input_bits` hold for the group of its input."""
    bits = dict.fromkeys(groups.leader.values(), scheme.activation_bits)
    asked: dict[str, str] = {}
    for node in network.linear_nodes():
        own = scheme.layers.get(node.name, LayerScheme()).input_bits
        if own is None:
            continue
        leader = groups.leader[node.inputs[0]]
        if leader in asked and bits[leader] != own:
            raise SpecError(
                f"{where}: layers.{node.name}.input_bits: expected {bits[leader]}, as of "
                f"{asked[leader]!r}, which reads the same codes, found {own}"
            )
        bits[leader], asked[leader] = own, node.name
    return bits


def _activation_params(spread: Spread, bits: int, scheme: Scheme) -> QuantParams:
    below, above = max(0.0, -spread.lowest), max(0.0, spread.highest)
    signed = below > 0 and not scheme.asymmetric
    top = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1

    def step(threshold: float) -> float:
        if signed:
            return threshold / top
        return (min(below, threshold) + min(above, threshold)) / top

    threshold = spread.threshold(scheme.method, scheme.percentile, step)
    scale = max(step(threshold), SMALLEST_SCALE) if threshold > 0 else 1.0
    zero_point = 0 if signed else round(min(below, threshold) / scale)
    return QuantParams(float(np.float32(scale)), zero_point, bits, signed)


def _layer_integers(
    network: Network, node: Node, source: QuantParams, scheme: Scheme
) -> LayerIntegers:
    own = scheme.layers.get(node.name, LayerScheme()).weight_bits
    bits = scheme.weight_bits if own is None else own
    weight, bias = _float_constants(network, node)
    by_channel = weight if node.op == "conv" else weight.T
    top = (1 << (bits - 1)) - 1
    reach = weight_thresholds(by_channel, scheme.weight_method, scheme.percentile, top) / top
    # A channel of (nearly) dead weights takes the scale that its bias needs.
    floor = np.maximum(np.abs(bias) / (source.scale * BIAS_LIMIT), SMALLEST_SCALE)
    scale = np.maximum(reach, floor).astype(np.float32).astype(np.float64)
    spread_out = scale.reshape((-1,) + (1,) * (by_channel.ndim - 1))
    integers = np.clip(np.rint(by_channel / spread_out), -top, top).astype(np.int32)
    return LayerIntegers(
        weight=np.ascontiguousarray(integers if node.op == "conv" else integers.T),
        weight_scale=scale,
        weight_bits=bits,
        bias=np.rint(bias / (source.scale * scale)).astype(np.int64),
    )


def _float_constants(
    network: Network, node: Node
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Weight in the node's layout, bias (out,) (zeros where it has none)."""
    weight = network.constants[node.inputs[1]]
    outputs = weight.shape[0] if node.op == "conv" else weight.shape[1]
    if len(node.inputs) < 3:
        return weight, np.zeros(outputs)
    bias = np.asarray(network.constants[node.inputs[2]], dtype=np.float64).reshape(-1)
    return weight, np.broadcast_to(bias, (outputs,))
