"""One conv or linear layer in codes, its cells disturbed as those of the modelled tile."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.peripherals.requantizer import real_multiplier
from mapping.lower import window
from mapping.network import LayerIntegers, Node, QuantParams
from optim.product_noise import ProductNoise
from optim.train._torch import Tensor, nn, torch
from optim.train.straight import looked_up, rounded

#: Shares of a cell's energy that training may choose: copies above one, less window below.
RHO_LIMITS = (0.25, 8.0)


@final
@dataclass(frozen=True)
class CellEnergy:
    """Energy of one unit pulse on a cell in J: at the lowest conductance, and per level."""

    lowest_J: float
    level_J: float
    columns: int  # cells of a weight


@final
class CodedLayer(nn.Module):
    """acc = codes * integers + noise; then codes again, or reals.

    Trained are the real weights (on the fixed scale of each output, which keeps the gauge: the
    largest integer of a layer cannot move), biases, and rho.
    """

    def __init__(
        self,
        node: Node,
        integers: LayerIntegers,
        weight: NDArray[np.float32],
        source: QuantParams,
        output: QuantParams | None,
        noise: ProductNoise,
        energy: CellEnergy,
    ) -> None:
        """A layer that starts from `weight`, the real ones of the node's own layout."""
        super().__init__()
        self.node, self.source, self.output, self.energy = node, source, output, energy
        self.floor, self.top = noise.floor, (1 << (integers.weight_bits - 1)) - 1
        self.weight_bits = integers.weight_bits
        along = [1] * weight.ndim
        along[0 if node.op == "conv" else -1] = -1
        self.scale: Tensor
        self._keep("scale", torch.from_numpy(integers.weight_scale).reshape(along))
        self.bias_scale: Tensor
        self._keep("bias_scale", torch.from_numpy(source.scale * integers.weight_scale))
        self.multiplier: Tensor
        self._keep("multiplier", self.bias_scale)
        if output is not None:
            exact = real_multiplier(source.scale, integers.weight_scale, output.scale)
            self._keep("multiplier", torch.from_numpy(exact.astype(np.float64)))
        for name in ("pulses", "squares", "lengths", "levels", "mean", "variance", "lasting"):
            self._keep(name, torch.from_numpy(getattr(noise, name).astype(np.float32)))
        self._keep("current", torch.from_numpy(noise.current.astype(np.float32)))
        self.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))
        # In float64: biases of 24 bits and more must survive as integers.
        bias = integers.bias * source.scale * integers.weight_scale
        self.bias = nn.Parameter(torch.from_numpy(bias))
        self.log_rho = nn.Parameter(torch.zeros(()))

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    @property
    def rho(self) -> Tensor:
        """Energy of a cell's reads against one cell in the whole window."""
        low, high = np.log(RHO_LIMITS)
        return self.log_rho.clamp(float(low), float(high)).exp()

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights of the node's layout and biases (out,), in units of the accumulator."""
        weight = (self.weight / self.scale).clamp(-self.top, self.top)  # in float64, as quantised
        return rounded(weight).float(), rounded(self.bias / self.bias_scale)

    def exact(self, codes: Tensor) -> Tensor:
        """The undisturbed layer on integer codes, equal to the simulator's; no gradient."""
        weight, bias = self.integers()
        acc = self.product(codes.double(), weight.double()) + self._along(bias)
        if self.output is None:
            return (acc * self._along(self.multiplier)).float()
        return self._saturated((acc * self._along(self.multiplier)).round()).float()

    def forward(self, codes: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """Output codes (or reals) and the cells' energy per image in J.

        Args:
            codes: (images, ...) integers as floats.
            strength: share of the noise's standard deviation that is drawn; 0: none.
        """
        weight, bias = self.integers()
        acc = self.product(codes, weight)
        if strength > 0:
            acc = acc + strength * self._noise(codes.detach(), weight.detach())
        acc = acc + self._along(bias.to(acc.dtype))
        real = acc * self._along(self.multiplier.to(acc.dtype))
        out = real if self.output is None else self._saturated(rounded(real))
        return out, self._energy(codes, weight)

    def _noise(self, codes: Tensor, weight: Tensor) -> Tensor:
        """What one read of fresh device states adds; gradients go to rho alone."""
        share = self._share()
        inputs = codes.long() % self.squares.numel()
        values = weight.long() % self.variance.numel()
        variance = self._summed(self.squares[inputs], self.variance, values)
        if self.current.any():
            variance = variance + self._summed(self.lengths[inputs], self.current, values)
        noise = torch.sqrt(variance.clamp(min=0) * share + self.floor * share * share)
        noise = noise * torch.randn_like(variance.expand(self._out_shape(variance, weight)))
        shift = self.mean[values]
        if self.lasting.any():
            spread = torch.sqrt(self.lasting[values] * share)
            shift = shift + spread * torch.randn_like(weight)
        return noise + self.product(codes, shift) if bool(shift.any()) else noise

    def _share(self) -> Tensor:
        """Noise power against one cell in the whole window: 1 / k, and 1 / c^2 below one."""
        return torch.where(self.rho < 1, self.rho**-2, 1 / self.rho)

    def _summed(self, inputs: Tensor, table: Tensor, values: Tensor) -> Tensor:
        """sum_i inputs_i table[w_ij]; of one column where all entries are equal."""
        if self.node.attributes.get("group", 1) == 1 and bool((table == table[0]).all()):
            column = inputs.new_ones(self._one_output(values))
            return table[0] * self.product(inputs, column)
        return self.product(inputs, table[values])

    def _one_output(self, values: Tensor) -> tuple[int, ...]:
        shape = list(values.shape)
        shape[0 if self.node.op == "conv" else -1] = 1
        return tuple(shape)

    def _out_shape(self, like: Tensor, weight: Tensor) -> tuple[int, ...]:
        shape = list(like.shape)
        conv = self.node.op == "conv"
        shape[1 if conv else -1] = weight.shape[0 if conv else -1]
        return tuple(shape)

    def _energy(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Cells' energy per image: V^2 t (G_min * pulses * cells + step * pulses * levels)."""
        pulses, levels = looked_up(self.pulses, codes), looked_up(self.levels, weight)
        outputs = 0 if self.node.op == "conv" else -1
        if self.node.attributes.get("group", 1) == 1:
            levels = levels.sum(dim=outputs, keepdim=True)
            rows = torch.full_like(levels, weight.shape[outputs] * self.energy.columns)
        else:
            rows = torch.full_like(levels, self.energy.columns)
        rho = self.rho
        lowest = self.energy.lowest_J * rho.clamp(min=1.0)
        cells = lowest * rows + self.energy.level_J * rho * levels
        return self.product(pulses, cells).sum() / len(codes)

    def product(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """The node's sums of products, without bias."""
        if self.node.op == "linear":
            return inputs @ weight
        options: Any = self.node.attributes
        shape = tuple(weight.shape[2:])
        frame = window(self.node, shape)
        flat = len(shape) == 1
        pads = (frame.pads[1], frame.pads[3]) + (() if flat else (frame.pads[0], frame.pads[2]))
        padded = nn.functional.pad(inputs, pads)
        kwargs = {
            "stride": frame.strides[1:] if flat else frame.strides,
            "dilation": frame.dilations[1:] if flat else frame.dilations,
            "groups": int(options.get("group", 1)),
        }
        convolve = nn.functional.conv1d if flat else nn.functional.conv2d
        return convolve(padded, weight, None, **kwargs)

    def _along(self, values: Tensor) -> Tensor:
        """(out,) along the outputs' axis."""
        if self.node.op == "linear":
            return values
        return values.reshape(-1, *[1] * (self.weight.dim() - 2))

    def _saturated(self, codes: Tensor) -> Tensor:
        assert self.output is not None
        return codes.clamp(self.output.low, self.output.high)
