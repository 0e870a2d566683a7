"""From rho, a layer's share of energy, to knobs that a tile has: copies and part of the window.

Against one cell in the whole window, k copies take k times the energy and leave 1 / k of the
noise power; levels in the part c of the window take c times the energy (of what lies above G_min)
and suffer 1 / c^2 of the noise power of a fluctuation that does not depend on the level.  So rho
below one is the part c = rho, rho above one stands for rho copies, and k > rho copies in the part
c = sqrt(rho / k) leave the noise as it was for sqrt(k / rho) times the energy.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from hwsim.device.spec import AmplitudeLaw, Device
from hwsim.tile.spec import Knobs
from mapping.design import Design

#: Copies that a design may have.
COPIES = (1, 2, 3, 4, 6, 8)
_STEPS = 100  # parts of the window are multiples of 1 / 100, rounded up


def settled(rho: float) -> float:
    """The nearest rho (by ratio) that needs no part of a window when it is above one."""
    if rho <= 1:
        return _rounded_up(rho)
    return float(min(COPIES, key=lambda copies: abs(math.log(copies / rho))))


def settled_scales(scales: Sequence[float]) -> tuple[float, ...]:
    """The parts of a layer's window that slices can use, at least `scales`."""
    return tuple(map(_rounded_up, scales))


def has_windows(device: Device) -> bool:
    """Whether a device's laws hold in a part of its conductance window."""
    law = device.fluctuation
    return law is None or law.law is not AmplitudeLaw.TABLE


def knobs_of(rho: float, base: Knobs, *, windows: bool = True) -> Knobs:
    """Knobs with at most the noise of `rho`: the fewest copies that can have it.

    Args:
        base: the other knobs.
        windows: whether the levels may lie in a part of the window; otherwise all is in use.
    """
    copies = next((k for k in COPIES if k >= rho * (1 - 1e-6)), COPIES[-1])
    part = rho if copies == 1 else math.sqrt(rho / copies)
    scale = _rounded_up(min(1.0, part)) if windows else 1.0
    return base.replace(redundancy=copies, conductance_scale=scale)


def design_of(
    rho: Mapping[str, float],
    base: Knobs,
    *,
    windows: bool = True,
    scales: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> Design:
    """The design of trained layers; arguments as of `knobs_of`, scales: of layers' slices."""
    layers = {name: knobs_of(share, base, windows=windows) for name, share in rho.items()}
    for name, parts in scales.items():
        layers[name] = layers[name].replace(slice_scales=settled_scales(parts))
    return Design(default=base, layers=layers)


def _rounded_up(part: float) -> float:
    return min(1.0, math.ceil(part * _STEPS - 1e-4) / _STEPS)
