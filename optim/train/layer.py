"""One conv or linear layer in codes, its cells disturbed as those of the modelled tile."""

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.peripherals.requantizer import real_multiplier
from hwsim.tile.spec import Averaging
from mapping.lower import window
from mapping.network import LayerIntegers, Node, QuantParams
from optim.product_noise import ProductNoise
from optim.train._torch import Tensor, nn, torch
from optim.train.straight import looked_up, rounded

#: Shares of a cell's energy that training may choose: copies above one, less window below.
RHO_LIMITS = (0.25, 8.0)
#: Tables that depend on how much of the window is in use.
_TABLES = ("mean", "variance", "lasting", "current")
_RIPPLES = 2  # terms of the series of rounded noise: to 0.01 of a squared step
_TINY = 1e-12  # keeps the slope of a square root finite


@final
@dataclass(frozen=True)
class CellEnergy:
    """Energy of one unit pulse on a cell in J: at the lowest conductance, and per level."""

    lowest_J: float
    level_J: float
    columns: int  # cells of a weight
    neighbours: NDArray[np.int64]  # (groups,) groups whose columns a word line crosses


@final
@dataclass(frozen=True)
class LayerHardware:
    """What disturbs a layer and what its cells take, with one cell per weight digit.

    whole: noise with the whole window in use; part: with the share `lowest`, the least that rho
    may take.  Between them variances are interpolated as powers of rho, which is exact for
    fluctuation that does not depend on the level.
    """

    whole: ProductNoise
    part: ProductNoise
    lowest: float
    energy: CellEnergy
    fill: float  # rows of a product with one copy, in arrays
    averaging: Averaging


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
        hardware: LayerHardware,
    ) -> None:
        """A layer that starts from `weight`, the real ones of the node's own layout."""
        super().__init__()
        self.node, self.output, self.hardware = node, output, hardware
        self.top = (1 << (integers.weight_bits - 1)) - 1
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
        for name in ("pulses", "squares", "lengths", "levels"):
            self._keep(name, _float32(getattr(hardware.whole, name)))
        for name in _TABLES:
            self._keep(name, _float32(getattr(hardware.whole, name)))
            self._keep(f"{name}_part", _float32(getattr(hardware.part, name)))
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
        low, high = math.log(self.hardware.lowest), math.log(RHO_LIMITS[1])
        return self.log_rho.clamp(low, high).exp()

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
            acc = acc + strength * self.noise(codes.detach(), weight.detach())
        acc = acc + self._along(bias.to(acc.dtype))
        real = acc * self._along(self.multiplier.to(acc.dtype))
        out = real if self.output is None else self._saturated(rounded(real))
        return out, self._energy(codes, weight)

    def noise(self, codes: Tensor, weight: Tensor) -> Tensor:
        """What one read of fresh device states adds; gradients go to rho alone."""
        inputs = codes.long() % self.squares.numel()
        values = weight.long() % self.variance.numel()
        copies = self.rho.clamp(min=1.0)
        variance = self._summed(self.squares[inputs], self._table("variance"), values)
        if self.current.any():
            lengths = self.lengths[inputs]
            variance = variance + self._summed(lengths, self._table("current"), values)
        variance = self._converted(variance.clamp(min=0), copies)
        noise = torch.sqrt(variance + _TINY)
        noise = noise * torch.randn_like(variance.expand(self._out_shape(variance, weight)))
        if not (self.mean.any() or self.lasting.any()):
            return noise
        shift = self._table("mean")[values]
        if self.lasting.any():
            spread = torch.sqrt(self._table("lasting")[values] / copies + _TINY)
            shift = shift + spread * torch.randn_like(weight)
        return noise + self.product(codes, shift)

    def _table(self, name: str) -> Tensor:
        """A table at the share of the window in use."""
        whole, part = getattr(self, name), getattr(self, f"{name}_part")
        return whole * (part / torch.where(whole == 0, 1.0, whole)) ** self._narrowed()

    def _converter(self) -> Tensor:
        """Variance of the converters' noise; an unused window makes it larger against a level."""
        whole, part = self.hardware.whole.converter, self.hardware.part.converter
        return whole * torch.as_tensor(part / whole if whole else 1.0) ** self._narrowed()

    def _converted(self, variance: Tensor, copies: Tensor) -> Tensor:
        """The mean of copies behind converters, from the cells' variance with one copy.

        Analog copies share a conversion and need as many more rows.
        """
        analog = self.hardware.averaging is Averaging.ANALOG
        shared = copies if analog else torch.ones(())
        arrays = (self.hardware.fill * shared.detach()).ceil()
        one = variance / shared / arrays + self._converter() / shared**2
        total = arrays * (one + self._rounding(one))
        return total if analog else total / copies

    def _rounding(self, variance: Tensor) -> Tensor:
        """What rounding adds to a variance from one array, as if its conversions were alike."""
        whole = self.hardware.whole
        if whole.shift:
            return torch.full((), whole.conversions * 4.0**whole.shift / 12)
        each = variance / whole.conversions  # in level steps
        added = torch.full_like(each, 1 / 12)
        for n in range(1, _RIPPLES + 1):
            ripple = torch.exp(-2 * (math.pi * n) ** 2 * each) * (4 * each + (math.pi * n) ** -2)
            added = added + (-1) ** n * ripple
        return whole.conversions * torch.maximum(added, -each)

    def _narrowed(self) -> Tensor:
        """0 with the whole window in use, 1 with the least share."""
        lowest = self.hardware.lowest
        if lowest >= 1:
            return torch.zeros(())
        return self.rho.clamp(max=1.0).log() / math.log(lowest)

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
        energy = self.hardware.energy
        pulses, levels = looked_up(self.pulses, codes), looked_up(self.levels, weight)
        outputs = 0 if self.node.op == "conv" else -1
        if self.node.attributes.get("group", 1) == 1:
            levels = levels.sum(dim=outputs, keepdim=True)
            rows = torch.full_like(levels, weight.shape[outputs] * energy.columns)
        else:
            crossed = torch.from_numpy(energy.neighbours).repeat_interleave(
                len(weight) // len(energy.neighbours)
            )
            rows = (energy.columns * crossed).reshape(-1, *[1] * (levels.dim() - 1))
            rows = rows.expand_as(levels)
        rho = self.rho
        lowest = energy.lowest_J * rho.clamp(min=1.0)
        cells = lowest * rows + energy.level_J * rho * levels
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


def _float32(table: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(table.astype(np.float32))
