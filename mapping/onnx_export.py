"""Networks in integers as ONNX files in QDQ form, which import again to the same integers.

Every tensor that is held as codes becomes QuantizeLinear and DequantizeLinear behind its node;
weights are int8 (or int4) with one scale per output, biases int32 in units of input scale times
weight scale.  Codes of 4 bits are UINT4 or INT4 (ONNX opset 21); ONNX has no codes of other
widths below 8.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hwsim.errors import NetworkError
from mapping.network import (
    LINEAR_OPS,
    LayerIntegers,
    Node,
    QuantizedNetwork,
    QuantParams,
    new_name,
)

OPSET, IR_VERSION = 21, 10
#: Bits and sign of codes -> ONNX data type.
CODE_TYPES = {
    (8, False): TensorProto.UINT8,
    (8, True): TensorProto.INT8,
    (4, False): TensorProto.UINT4,
    (4, True): TensorProto.INT4,
}


def export_network(network: QuantizedNetwork, path: Path) -> None:
    """Write the file whole or not at all.

    Raises:
        NetworkError: bits, biases or an operator that ONNX's quantised form does not have.
    """
    model = onnx_model(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(path.name + ".part")
    whole.write_bytes(model.SerializeToString())
    whole.replace(path)


def onnx_model(network: QuantizedNetwork) -> Any:
    """What `export_network` writes, checked.

    Raises:
        NetworkError: bits, biases or an operator that ONNX's quantised form does not have.
    """
    model = _Writer(network).model()
    onnx.checker.check_model(model, full_check=True)
    return model


class _Writer:
    """Nodes and constants of the file so far."""

    def __init__(self, network: QuantizedNetwork) -> None:
        self._network = network
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._real: dict[str, str] = {}  # tensor -> what holds its real values in the file
        plain = network.network
        self._taken = {*plain.shapes, *plain.constants, *(node.name for node in plain.nodes)}

    def model(self) -> Any:
        plain = self._network.network
        for name in plain.inputs:
            self._real[name] = name
            if name in self._network.tensors:
                self._real[name] = self._coded(name, name, self._new(f"{name}/real"))
        for node in plain.nodes:
            self._node(node)
        graph = helper.make_graph(
            self._nodes,
            Path(plain.name).stem,
            [_value(name, plain.shapes[name]) for name in plain.inputs],
            [_value(self._real[name], plain.shapes[name]) for name in plain.outputs],
            list(self._constants.values()),
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )

    def _node(self, node: Node) -> None:
        coded = node.output in self._network.tensors
        raw = self._new(f"{node.output}/raw") if coded else node.output
        if node.op in LINEAR_OPS:
            self._linear(node, raw)
        elif node.op in OPERATORS:
            OPERATORS[node.op](self, node, raw)
        else:
            raise NetworkError(f"node {node.name!r}: operator {node.op!r} has no ONNX form here")
        self._real[node.output] = self._coded(node.output, raw, node.output) if coded else raw

    def _coded(self, tensor: str, source: str, target: str) -> str:
        """Real values of `source` as codes, and as real values `target` again."""
        params = self._network.tensors[tensor]
        scale = self.constant(f"{tensor}/scale", np.float32(params.scale))
        zero = self._codes(f"{tensor}/zero_point", np.array(params.zero_point), params)
        codes = self._new(f"{tensor}/codes")
        for op, inputs, output in (
            ("QuantizeLinear", [source, scale, zero], codes),
            ("DequantizeLinear", [codes, scale, zero], target),
        ):
            self.emit(op, self._new(f"{tensor}/{op}"), inputs, output)
        return target

    def _codes(self, name: str, values: NDArray[Any], params: QuantParams | LayerIntegers) -> str:
        if isinstance(params, QuantParams):
            kind = (params.bits, params.signed)
        else:
            kind = (params.weight_bits, True)
        if kind not in CODE_TYPES:
            raise NetworkError(f"{name}: expected codes of 4 or 8 bits, found {kind[0]}")
        return self.constant(name, values.astype(_numpy_type(CODE_TYPES[kind])))

    def constant(self, wanted: str, value: Any) -> str:
        """A new initialiser; its name."""
        return self._initialise(self._new(wanted), value)

    def _initialise(self, name: str, value: Any) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _new(self, wanted: str) -> str:
        """A name that nothing else in the file has."""
        return new_name(wanted, self._taken)

    def emit(self, op: str, name: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """One node of the file."""
        self._nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))

    def operand(self, name: str) -> str:
        """The real values of a tensor or constant of the network."""
        if name in self._real:
            return self._real[name]
        value = np.asarray(self._network.network.constants[name], np.float32)
        return self._initialise(name, value)

    def _linear(self, node: Node, output: str) -> None:
        held = self._network.layers[node.name]
        axis = 0 if node.op == "conv" else 1
        scale = self.constant(f"{node.name}/weight_scale", held.weight_scale.astype(np.float32))
        integers = self._codes(f"{node.name}/weight_codes", held.weight, held)
        weight = self._dequantised(f"{node.name}/weight", integers, scale, axis)
        inputs = [self.operand(node.inputs[0]), weight]
        bias = [self._bias(node, held)] if held.bias.any() else []
        if node.op == "conv":
            self.emit("Conv", node.name, inputs + bias, output, **_conv_attributes(node, held))
        elif len(self._network.network.shapes[node.output]) == 2:
            self.emit("Gemm", node.name, inputs + bias, output)
        elif bias:  # MatMul has none, and Gemm no input of this rank
            product = self._new(f"{node.output}/product")
            self.emit("MatMul", node.name, inputs, product)
            self.emit("Add", self._new(f"{node.name}/add_bias"), [product, *bias], output)
        else:
            self.emit("MatMul", node.name, inputs, output)

    def _bias(self, node: Node, held: LayerIntegers) -> str:
        largest = np.abs(held.bias).max()
        if largest > np.iinfo(np.int32).max:
            raise NetworkError(
                f"node {node.name!r}: expected biases of 32 bits in units of input scale times "
                f"weight scale, found {largest}"
            )
        codes = self.constant(f"{node.name}/bias_codes", held.bias.astype(np.int32))
        unit = self._network.tensors[node.inputs[0]].scale * held.weight_scale
        scale = self.constant(f"{node.name}/bias_scale", unit.astype(np.float32))
        return self._dequantised(f"{node.name}/bias", codes, scale, 0)

    def _dequantised(self, wanted: str, codes: str, scale: str, axis: int) -> str:
        """The real values of codes, one scale per entry of `axis`; their name."""
        name = self._new(wanted)
        self.emit("DequantizeLinear", self._new(f"{wanted}/DQ"), [codes, scale], name, axis=axis)
        return name


def _numpy_type(kind: int) -> Any:
    return helper.tensor_dtype_to_np_dtype(kind)


def _value(name: str, shape: tuple[int, ...]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape[1:]])


def _conv_attributes(node: Node, held: LayerIntegers) -> dict[str, Any]:
    given = node.attributes
    return {
        "kernel_shape": list(held.weight.shape[2:]),
        **_stated(given),
        "group": int(given.get("group", 1)),
    }


def _stated(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a window states; the rest is ONNX's default."""
    return {name: list(given[name]) for name in ("strides", "pads", "dilations") if name in given}


Emit = Callable[[_Writer, Node, str], None]


def _plain(op: str, *attributes: str) -> Emit:
    """An operator that takes its inputs as they are."""

    def emit(writer: _Writer, node: Node, output: str) -> None:
        inputs = [writer.operand(name) for name in node.inputs]
        given = {name: node.attributes[name] for name in attributes}
        writer.emit(op, node.name, inputs, output, **given)

    return emit


def _with_constants(op: str, names: Mapping[str, Any]) -> Emit:
    """An operator that takes attributes of ours as further inputs, of the given types."""

    def emit(writer: _Writer, node: Node, output: str) -> None:
        inputs = [writer.operand(node.inputs[0])]
        for name, kind in names.items():
            value = np.asarray(node.attributes[name], kind)
            infinite = kind is np.float32 and not np.isfinite(value).all()
            inputs.append("" if infinite else writer.constant(f"{node.name}/{name}", value))
        writer.emit(op, node.name, inputs, output)

    return emit


def _pool(op: str) -> Emit:
    def emit(writer: _Writer, node: Node, output: str) -> None:
        given = node.attributes
        attributes = {"kernel_shape": list(given["kernel"]), **_stated(given)}
        attributes["ceil_mode"] = int(given.get("ceil", False))
        if op == "AveragePool":
            attributes["count_include_pad"] = int(given.get("count_include_pad", False))
        writer.emit(op, node.name, [writer.operand(node.inputs[0])], output, **attributes)

    return emit


def _mean(writer: _Writer, node: Node, output: str) -> None:
    axes = writer.constant(f"{node.name}/axes", np.asarray(node.attributes["axes"], np.int64))
    keep = int(node.attributes.get("keepdims", 1))
    inputs = [writer.operand(node.inputs[0]), axes]
    writer.emit("ReduceMean", node.name, inputs, output, keepdims=keep)


#: Operator of `mapping.network` -> how it is written; conv and linear by the writer itself.
OPERATORS: Mapping[str, Emit] = {
    "add": _plain("Add"),
    "average_pool": _pool("AveragePool"),
    "clip": _with_constants("Clip", {"min": np.float32, "max": np.float32}),
    "concat": _plain("Concat", "axis"),
    "div": _plain("Div"),
    "hard_swish": _plain("HardSwish"),
    "leaky_relu": _plain("LeakyRelu", "alpha"),
    "matmul": _plain("MatMul"),
    "max_pool": _pool("MaxPool"),
    "mean": _mean,
    "mul": _plain("Mul"),
    "pad": _with_constants("Pad", {"pads": np.int64, "value": np.float32}),
    "prelu": _plain("PRelu"),
    "relu": _plain("Relu"),
    "reshape": _with_constants("Reshape", {"shape": np.int64}),
    "sigmoid": _plain("Sigmoid"),
    "slice": _with_constants("Slice", dict.fromkeys(("starts", "ends", "axes", "steps"), np.int64)),
    "softmax": _plain("Softmax", "axis"),
    "sub": _plain("Sub"),
    "tanh": _plain("Tanh"),
    "transpose": _plain("Transpose", "perm"),
}
