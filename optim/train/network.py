"""A network in codes that can be trained: every tensor as the hardware holds it."""

import math
from collections.abc import Callable, Mapping
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.chip.spec import Arch
from hwsim.errors import NetworkError
from mapping.coded_operators import digital_evaluation
from mapping.codes import encode
from mapping.network import (
    LINEAR_OPS,
    LayerIntegers,
    Network,
    Node,
    QuantizedNetwork,
    QuantParams,
)
from mapping.plan import Plan
from optim.rho import settled, settled_scales
from optim.train._torch import Tensor, nn, torch
from optim.train.hardware import hardware_of
from optim.train.layer import LOG_LEAST_SCALE, CodedLayer
from optim.train.operators import OPERATORS
from optim.train.straight import saturated


@final
class CodedNetwork(nn.Module):
    """Layers in codes with the noise of a plan's tiles; digital operators between them."""

    def __init__(
        self,
        network: QuantizedNetwork,
        plan: Plan,
        arch: Arch,
        shifts: Mapping[str, int] | None = None,
    ) -> None:
        """A network that starts from its own float weights.

        Args:
            network: post-training quantised.
            plan: how its layers lie on the tiles.
            shifts: log2 of the converters' least significant bits, from `calibrate`; without an
                entry a layer's range is full.
        Raises:
            NetworkError: an operator has no gradient here.
        """
        super().__init__()
        _check(network)
        self.network, self._plan, self._arch = network, plan, arch
        self.layers = nn.ModuleDict()
        for layer in plan.layers:
            node = next(n for n in network.network.nodes if n.name == layer.name)
            self.layers[_key(layer.name)] = CodedLayer(
                node,
                network.layers[node.name],
                network.network.constants[node.inputs[1]],
                network.tensors[node.inputs[0]],
                network.tensors.get(node.output),
                hardware_of(layer, arch, shifts or {}),
            )

    def recalibrate(self, shifts: Mapping[str, int]) -> None:
        """Convert with these least significant bits from now on (`shifts` of a new network)."""
        for layer in self._plan.layers:
            self.layer(layer.name).equip(hardware_of(layer, self._arch, shifts))

    def layer(self, name: str) -> CodedLayer:
        """The layer of node `name`."""
        found = self.layers[_key(name)]
        assert isinstance(found, CodedLayer)
        return found

    def rho(self) -> dict[str, float]:
        """Energy of every layer's cells against one cell in the whole window."""
        nodes = self.network.network.linear_nodes()
        return {node.name: float(self.layer(node.name).rho.detach()) for node in nodes}

    def slice_scales(self) -> dict[str, tuple[float, ...]]:
        """Parts of their layer's window that slices use, of the layers where they differ."""
        found = {}
        for name in self.rho():
            scales = tuple(self.layer(name).slice_scales.detach().tolist())
            if min(scales) < 1:
                found[name] = scales
        return found

    @torch.no_grad()
    def start(self, rho: float) -> None:
        """Set rho of every layer."""
        for node in self.network.network.linear_nodes():
            self.layer(node.name).log_rho.fill_(math.log(rho))

    @torch.no_grad()
    def bound(self) -> None:
        """Take what left its limits back to them: beyond, it has no slope to return by."""
        for name in self.rho():
            layer = self.layer(name)
            layer.log_rho.clamp_(*layer.log_limits)
            layer.log_scales.clamp_(LOG_LEAST_SCALE, 0.0)

    @torch.no_grad()
    def settle(self) -> None:
        """Set rho of every layer to the nearest that tiles can make, and keep all windows."""
        for name, rho in self.rho().items():
            layer = self.layer(name)
            if layer.log_rho.requires_grad:
                layer.log_rho.fill_(math.log(settled(rho)))
                layer.log_rho.requires_grad_(False)
            if layer.log_scales.requires_grad:
                parts = settled_scales(layer.slice_scales[:-1].tolist())
                layer.log_scales.copy_(torch.tensor(parts).log())
                layer.log_scales.requires_grad_(False)

    def forward(self, images: Tensor, strength: float = 0.0) -> tuple[Tensor, Tensor]:
        """Logits (images, classes), and energy of the cells per image in J, by layer (layers,)."""
        energies: list[Tensor] = []

        def linear(node: Node, codes: Tensor) -> Tensor:
            out, energy = self.layer(node.name)(codes, strength)
            energies.append(energy)
            return out

        logits = self._walk(images, linear, self._smooth)
        return logits, torch.stack(energies)

    @torch.no_grad()
    def exact(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undisturbed logits, the same numbers as `mapping.execute.run` on ideal tiles."""

        def linear(node: Node, codes: Tensor) -> Tensor:
            return self.layer(node.name).exact(codes)

        found = self._walk(torch.from_numpy(images), linear, self._simulated)
        return np.asarray(found.numpy(), np.float32)

    def integers(self) -> QuantizedNetwork:
        """The network as it is now, in integers and in the reals that they stand for."""
        layers, constants = {}, dict(self.network.network.constants)
        for node in self.network.network.linear_nodes():
            layer = self.layer(node.name)
            weight, bias = (part.detach().numpy() for part in layer.integers())
            before = self.network.layers[node.name]
            layers[node.name] = LayerIntegers(
                weight=weight.astype(np.int32),
                weight_scale=before.weight_scale,
                weight_bits=before.weight_bits,
                bias=bias.astype(np.int64),
            )
            scale = layer.scale.numpy()
            constants[node.inputs[1]] = (weight * scale).astype(np.float32)
            if len(node.inputs) > 2:
                real = bias.astype(np.float64) * layer.bias_scale.numpy()
                constants[node.inputs[2]] = real.astype(np.float32)
        plain = self.network.network
        trained = Network(
            plain.name, plain.inputs, plain.outputs, plain.nodes, plain.shapes, constants
        )
        return QuantizedNetwork(trained, self.network.tensors, layers)

    def _walk(
        self,
        images: Tensor,
        linear: Callable[[Node, Tensor], Tensor],
        digital: Callable[[Node, list[Tensor]], Tensor],
    ) -> Tensor:
        plain, tensors = self.network.network, self.network.tensors
        source = tensors.get(plain.inputs[0])
        values = {plain.inputs[0]: images if source is None else _encoded(images, source)}
        for node in plain.nodes:
            if node.op in LINEAR_OPS:
                values[node.output] = linear(node, values[node.inputs[0]])
                continue
            arrays = [
                values[name] if name in values else torch.tensor(plain.constants[name])
                for name in node.inputs
            ]
            values[node.output] = digital(node, arrays)
        output = plain.outputs[0]
        held = tensors.get(output)
        return values[output] if held is None else _reals(values[output], held)

    def _smooth(self, node: Node, arrays: list[Tensor]) -> Tensor:
        """A digital operator on reals, its output rounded to codes again."""
        tensors = self.network.tensors
        reals = [
            _reals(array, tensors[name]) if name in tensors else array
            for name, array in zip(node.inputs, arrays, strict=True)
        ]
        real = OPERATORS[node.op](node, reals)
        held = tensors.get(node.output)
        if held is None:
            return real
        return saturated(real / held.scale, held)

    def _simulated(self, node: Node, arrays: list[Tensor]) -> Tensor:
        """A digital operator as the simulator computes it."""
        tensors = self.network.tensors
        evaluate = digital_evaluation(node, tensors)
        given = [
            array.numpy().astype(np.int16) if name in tensors else array.numpy()
            for name, array in zip(node.inputs, arrays, strict=True)
        ]
        return torch.from_numpy(np.asarray(evaluate(given)).astype(np.float32))


def _key(name: str) -> str:
    """A layer's name as torch accepts it."""
    return "layer " + name.replace(".", "·")


def _reals(codes: Tensor, held: QuantParams) -> Tensor:
    return (codes - held.zero_point if held.zero_point else codes) * held.scale


def _encoded(images: Tensor, source: QuantParams) -> Tensor:
    codes = encode(images.detach().numpy(), source)
    return torch.from_numpy(codes.astype(np.float32))


def _check(network: QuantizedNetwork) -> None:
    unknown = {
        f"{node.op} ({node.name})"
        for node in network.network.nodes
        if node.op not in OPERATORS and node.op not in LINEAR_OPS
    }
    if unknown:
        raise NetworkError(
            f"training: expected known operators, found {', '.join(sorted(unknown))}"
        )
