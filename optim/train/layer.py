"""One conv or linear layer in codes, its cells disturbed as those of the modelled tile."""

import functools
import math
from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.peripherals.requantizer import real_multiplier
from hwsim.tile.spec import Averaging
from mapping.counts import crossed_groups
from mapping.network import LayerIntegers, Node, QuantParams
from mapping.quantize import BIAS_LIMIT
from optim.train._torch import Tensor, nn, torch
from optim.train.flipped import Flips, every_way, ways
from optim.train.hardware import RHO_LIMITS, LayerHardware
from optim.train.layout import at, normal
from optim.train.products import between, framed, groups_of, packed, product
from optim.train.straight import looked_up, places, rounded, saturated
from optim.train.windows import at_windows

#: Part of a layer's window below which no slice of a weight goes, in logarithms.
LOG_LEAST_SCALE = math.log(0.25)
#: Tables that depend on how much of the window is in use.
_TABLES = ("mean", "variance", "lasting", "current", "converter")
_RIPPLES = 2  # terms of the series of rounded noise: to 0.01 of a squared step
_TINY = 1e-12  # keeps the slope of a square root finite
_DECAYED = -60.0  # exponents below lead to denormal numbers, which took four fifths of a step


@final
class CodedLayer(nn.Module):
    """acc = codes * integers + noise; then codes again, or reals.

    Trained are the real weights (on the fixed scale of each output, which keeps the gauge: the
    largest integer of a layer cannot move), biases, rho, and the parts of the window that slices
    use, the most significant one all of it.
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
        self.node, self.output = node, output
        self.zero_point = source.zero_point
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
        self.equip(hardware)
        self.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)))
        # In float64: biases of 24 bits and more must survive as integers.
        bias = integers.bias * source.scale * integers.weight_scale
        self.bias = nn.Parameter(torch.from_numpy(bias))
        self.log_rho = nn.Parameter(torch.zeros(()))
        self.log_scales = nn.Parameter(torch.zeros(len(self.levels) - 1), requires_grad=False)

    def equip(self, hardware: LayerHardware) -> None:
        """Lie on this hardware from now on."""
        self.hardware = hardware
        for name in ("pulses", "squares", "lengths", "levels"):
            self._keep(name, _float32(getattr(hardware.whole, name)))
        for name in _TABLES:
            tables = np.stack([getattr(noise, name) for noise in hardware.noises])
            self._keep(name, _float32(tables))

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    @property
    def rho(self) -> Tensor:
        """Energy of a cell's reads against one cell in the whole window."""
        return self.log_rho.clamp(*self.log_limits).exp()

    @property
    def log_limits(self) -> tuple[float, float]:
        """Of the logarithm of rho."""
        return math.log(self.hardware.lowest), math.log(RHO_LIMITS[1])

    @property
    def slice_scales(self) -> Tensor:
        """(slices,) parts of the window in use against that of the most significant slice."""
        scales = self.log_scales.clamp(LOG_LEAST_SCALE, 0.0).exp()
        return torch.cat([scales, scales.new_ones(1)])

    @property
    def pack(self) -> int:
        """Groups that share an array at the number of copies that rho takes."""
        return self.hardware.packs[self._copies - 1]

    @property
    def flips(self) -> Flips | None:
        """Of arrays that groups do not share."""
        return self.hardware.flips if self.pack == 1 else None

    @property
    def _copies(self) -> int:
        """Whole copies that rho takes."""
        return min(math.ceil(float(self.rho.detach()) - 1e-6), len(self.hardware.packs))

    @property
    def parts(self) -> Tensor:
        """(slices,) parts of the whole window in use."""
        return self.rho.clamp(max=1.0) * self.slice_scales

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights of the node's layout and biases (out,), in units of the accumulator."""
        weight = (self.weight / self.scale).clamp(-self.top, self.top)  # in float64, as quantised
        bias = (self.bias / self.bias_scale).clamp(-BIAS_LIMIT, BIAS_LIMIT)
        return rounded(weight).float(), rounded(bias)

    def exact(self, codes: Tensor) -> Tensor:
        """The undisturbed layer on integer codes, equal to the simulator's; no gradient."""
        weight, bias = self.integers()
        acc = self.product(self.framed(codes.double()), weight.double())
        acc = acc + self._along(bias - self._offset(weight.double()))
        real = acc * self._along(self.multiplier)
        return (real if self.output is None else saturated(real, self.output)).float()

    def forward(self, codes: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """Output codes (or reals) and the cells' energy per image in J.

        Args:
            codes: (images, ...) integers as floats.
            strength: share of the noise's standard deviation that is drawn; 0: none.
        """
        weight, bias = self.integers()
        codes = self.framed(codes)
        acc = self.product(codes, weight)
        if strength > 0:
            acc = acc.add(self.noise(codes.detach(), weight.detach()), alpha=strength)
        acc = acc + self._along((bias - self._offset(weight)).to(acc.dtype))
        real = acc * self._along(self.multiplier.to(acc.dtype))
        out = real if self.output is None else saturated(real, self.output)
        return out, self._energy(codes, weight)

    def noise(self, codes: Tensor, weight: Tensor) -> Tensor:
        """What one read of fresh device states adds; gradients go to rho alone.

        Args:
            codes: with what lies around an image.
        """
        moving = self._moving()
        deviation, slopes = self._deviation(codes, weight, [slices for slices, _ in moving])
        for slope, (_, size) in zip(slopes, moving, strict=True):
            deviation = deviation + slope * (size - size.detach())
        noise = deviation * normal(self._out_shape(deviation, weight), deviation)
        if not (self.mean.any() or self.lasting.any()):
            return noise
        values = self._places(weight)
        mean, lasting = self._table("mean", -1), self._table("lasting") / self.rho.clamp(min=1.0)
        shift = at(mean, values)
        if self.lasting.any():
            shift = shift + torch.sqrt(at(lasting, values) + _TINY) * torch.randn_like(weight)
        noise = noise + self.product(codes, shift)
        if self.pack == 1:
            return noise
        cells = between(self.node, weight, self.pack, len(weight) // groups_of(self.node))
        cells = cells * (mean[0] + torch.sqrt(lasting[0] + _TINY) * torch.randn_like(cells))
        return noise + packed(self.node, codes, cells, self.pack)[:, : len(weight)]

    def _moving(self) -> list[tuple[Tensor | None, Tensor]]:
        """What noise depends on and is trained: slices (slices,) and the log of their window.

        None: the log of the number of copies.  Beyond its limits nothing moves.
        """
        moving: list[tuple[Tensor | None, Tensor]] = []
        log_rho, windows = self.rho.log(), self.hardware.lowest < 1
        if self.log_rho.requires_grad and self.rho > 1:
            moving.append((None, log_rho))
            log_rho = log_rho.detach()
        if self.log_scales.requires_grad and windows:
            each = torch.eye(len(self.levels))
            moving += zip(each, log_rho.clamp(max=0.0) + self.slice_scales.log(), strict=True)
        elif self.log_rho.requires_grad and windows and self.rho <= 1:
            moving.append((torch.ones(len(self.levels)), log_rho))
        return moving

    @torch.no_grad()
    def _deviation(
        self, codes: Tensor, weight: Tensor, moving: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor]]:
        """Standard deviation of every output, and its slopes in the logs of what is `moving`.

        The mean of copies behind converters; analog copies share a conversion and need as many
        more rows.  By hand: a tape of these sums would take most of the time of a step.
        """
        analog = self.hardware.averaging is Averaging.ANALOG
        copies = self.rho.clamp(min=1.0)
        shared = copies if analog else torch.ones(())
        arrays = (self.hardware.fill * shared).ceil()
        slices = [each for each in moving if each is not None]
        cells, *narrowing = self._cells(codes, weight, slices)
        converter, fading = self._at_windows("converter")
        floors, fading = converter / shared**2, self._per_log(fading)
        one = cells / (shared * arrays) + floors.sum()
        rounding, tilt = self._rounding(one)
        power = arrays * (one + rounding) * (shared / copies)
        deviation = torch.sqrt(power + _TINY)
        steep = arrays * (1 + tilt) * (shared / copies) / (2 * deviation)
        slopes = [
            steep * (narrow / (shared * arrays) + (each * floors * fading).sum())
            for narrow, each in zip(narrowing, slices, strict=True)
        ]
        if len(slices) == len(moving):
            return deviation, slopes
        if not analog:
            return deviation, [-deviation / 2, *slopes]
        return deviation, [-steep * (cells / (shared * arrays) + 2 * floors.sum()), *slopes]

    def _cells(self, codes: Tensor, weight: Tensor, slices: list[Tensor]) -> list[Tensor]:
        """Variance of the products of one copy's cells; its slopes in the logs of windows."""
        inputs, values = places(codes, self.squares), self._places(weight)
        digits = {"variance": at(self.squares, inputs)}
        if self.current.any():
            digits["current"] = at(self.lengths, inputs)
        sums = []
        for name, each in digits.items():
            table, slopes = self._at_windows(name)
            steep = self._per_log(slopes) * table
            by_slice = [table, *(chosen[:, None] * steep for chosen in slices)]
            tables = [self._over_slices(one) for one in by_slice]
            sums.append(self._summed(each, tables, values))
        variance, *moved = [functools.reduce(torch.add, parts) for parts in zip(*sums, strict=True)]
        return [variance.clamp(min=0), *moved]

    def _table(self, name: str, sign: int = 1) -> Tensor:
        """A table of all slices at the parts of the window in use, over `_places`."""
        return self._over_slices(self._at_windows(name)[0], sign)

    def _over_slices(self, tables: Tensor, sign: int = 1) -> Tensor:
        """The sum of (slices, 2^bits) tables; where columns are flipped, for every way of that."""
        return every_way(tables, sign) if self.flips else tables.sum(dim=0)

    def _places(self, weight: Tensor) -> Tensor:
        """Where weights stand in the tables of all slices."""
        values, flips = places(weight, self.levels[0]), self.flips
        if flips is None:
            return values
        heavy = flips.of(self._levels(weight), self._outputs, self._copies)
        return values + self.levels.shape[1] * ways(heavy)

    def _levels(self, weight: Tensor) -> Tensor:
        """(slices, *weight) levels of cells, but for flips."""
        return torch.stack([looked_up(of, weight) for of in self.levels])

    def _at_windows(self, name: str) -> tuple[Tensor, Tensor]:
        """(slices, ...) a table at the parts of the window in use; slopes against `_narrowed`."""
        return at_windows(getattr(self, name), self._narrowed())

    def _narrowed(self) -> Tensor:
        """(slices,) 0 with the whole window in use, 1 with the least share."""
        if self.hardware.lowest >= 1:
            return torch.zeros(len(self.levels))
        return self._per_log(self.parts.log())

    def _per_log(self, value: Tensor) -> Tensor:
        """Against the logarithm of the least share."""
        return value / math.log(self.hardware.lowest) if self.hardware.lowest < 1 else 0 * value

    def _rounding(self, variance: Tensor) -> tuple[Tensor, Tensor]:
        """What rounding adds to a variance from one array, as if its conversions were alike.

        And the slope of that.
        """
        whole = self.hardware.whole
        if whole.shift:
            return torch.full((), whole.conversions * 4.0**whole.shift / 12), torch.zeros(())
        each = variance / whole.conversions  # in level steps
        added, slope = torch.full_like(each, 1 / 12), torch.zeros_like(each)
        for n in range(1, _RIPPLES + 1):
            rate = 2 * (math.pi * n) ** 2
            decay = (-1) ** n * torch.exp((-rate * each).clamp(min=_DECAYED))
            added += decay * (4 * each + 2 / rate)
            slope += decay * (2 - 4 * rate * each)
        lost = added < -each  # of the series that is cut off
        return whole.conversions * added.maximum(-each), slope.masked_fill(lost, -1.0)

    def _summed(self, inputs: Tensor, tables: list[Tensor], values: Tensor) -> list[Tensor]:
        """sum_i inputs_i table[w_ij] for every table; of one column where all entries are equal.

        Cells between groups that share an array hold nothing, and are read with them.
        """
        groups = groups_of(self.node)
        even = all(bool((table == table[0]).all()) for table in tables)
        if even and groups == 1:
            column = self.product(inputs, inputs.new_ones(self._one_output(values)))
            return [table[0] * column for table in tables]
        sums = [self.product(inputs, at(table, values)) for table in tables]
        if self.pack == 1:
            return sums
        others = packed(self.node, inputs, between(self.node, values, self.pack, 1), self.pack)
        each = others[:, :groups].repeat_interleave(len(values) // groups, dim=1)
        return [one + table[0] * each for one, table in zip(sums, tables, strict=True)]

    def _one_output(self, values: Tensor) -> tuple[int, ...]:
        shape = list(values.shape)
        shape[self._outputs] = 1
        return tuple(shape)

    def _out_shape(self, like: Tensor, weight: Tensor) -> tuple[int, ...]:
        shape = list(like.shape)
        shape[1 if self.node.op == "conv" else -1] = weight.shape[self._outputs]
        return tuple(shape)

    def _energy(self, codes: Tensor, weight: Tensor) -> Tensor:
        """Cells' energy per image: V^2 t (lowest G * pulses * cells + step * pulses * levels)."""
        energy = self.hardware.energy
        lowest_J, level_J = self._cell_J()
        pulses, copies = looked_up(self.pulses, codes), self.rho.clamp(min=1.0)
        held, flips = self._levels(weight), self.flips
        if flips is not None:
            held = flips.stored(held, self._outputs, self._copies)
        levels = torch.tensordot(self.slice_scales, held, dims=1)
        outputs, groups = self._outputs, groups_of(self.node)
        if groups == 1:
            levels = levels.sum(dim=outputs, keepdim=True)
            rows = torch.full_like(levels, weight.shape[outputs] * energy.columns)
        else:
            crossed = torch.from_numpy(crossed_groups(groups, self.pack))
            crossed = crossed.repeat_interleave(len(weight) // groups)
            rows = (energy.columns * crossed).reshape(-1, *[1] * (levels.dim() - 1))
            rows = rows.expand_as(levels)
        cells = copies * (lowest_J * rows + level_J * levels)
        return self.product(pulses.mean(dim=0, keepdim=True), cells).sum()

    def _cell_J(self) -> list[Tensor]:
        """Energy of a pulse on a cell in the window in use: at the lowest level, per level."""
        energy, least = self.hardware.energy, self.hardware.lowest
        used = (1 - self.rho.clamp(max=1.0)) / (1 - least) if least < 1 else torch.zeros(())
        pairs = zip(energy.whole_J, energy.part_J, strict=True)
        return [whole + used * (part - whole) for whole, part in pairs]

    @property
    def _outputs(self) -> int:
        """The axis of a weight's outputs."""
        return 0 if self.node.op == "conv" else -1

    def product(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """The node's sums of products of framed inputs, without bias."""
        return product(self.node, inputs, weight)

    def framed(self, codes: Tensor) -> Tensor:
        """Codes with the zero points that lie around an image."""
        return framed(self.node, codes, self.weight.shape[2:], self.zero_point)

    def _offset(self, weight: Tensor) -> Tensor:
        """(out,) what the zero point adds to every product."""
        axes = tuple(range(1, weight.dim())) if self.node.op == "conv" else (0,)
        return self.zero_point * weight.sum(dim=axes)

    def _along(self, values: Tensor) -> Tensor:
        """(out,) along the outputs' axis."""
        if self.node.op == "linear":
            return values
        return values.reshape(-1, *[1] * (self.weight.dim() - 2))


def _float32(table: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(table.astype(np.float32))
