"""A device of which only a part of the conductance window is used.

The levels then lie between G_min and G_min + rho * (G_max - G_min).  Disturbances are functions
of the conductance: the same functions, but Device states them as shares of G_max, so that they
are restated for the new G_max' = G_min + rho * (G_max - G_min).  Fluctuation that does not shrink
with G weighs 1 / rho as much against a level step, the cells take rho of the energy.
"""

from typing import Any

from hwsim.device.spec import AmplitudeLaw, Device, Fluctuation, Points, ProgrammingError
from hwsim.errors import SpecError


def scaled(device: Device, share: float) -> Device:
    """`device` with levels in the lowest `share` of its window.

    Args:
        share: rho, in (0, 1].
    Raises:
        SpecError: the amplitudes are a table by level, which says nothing of other conductances;
            or a disturbance would exceed the window.
    """
    if share == 1.0:
        return device
    low, high = device.conductance_min_S, device.conductance_max_S
    top = low + share * (high - low)
    changes: dict[str, Any] = {"conductance_max_S": top}
    if device.fluctuation is not None:
        changes["fluctuation"] = _fluctuation(device.fluctuation, high / top).model_dump()
    if device.programming is not None:
        changes["programming"] = _programming(device.programming, high / top).model_dump()
    return device.replace(**changes)


def _fluctuation(law: Fluctuation, ratio: float) -> Fluctuation:
    """`law` with amplitudes as shares of G_max / ratio."""
    match law.law:
        case AmplitudeLaw.ABSOLUTE:
            return law.replace(amplitude=law.amplitude * ratio)
        case AmplitudeLaw.SQRT:
            return law.replace(amplitude=law.amplitude * ratio**0.5)
        case AmplitudeLaw.RELATIVE:
            return law
        case AmplitudeLaw.POINTS:
            return law.replace(points=_points(law.points, ratio))
        case AmplitudeLaw.TABLE:
            raise SpecError(
                "conductance_scale: expected 1 for a fluctuation of law 'table', whose amplitudes "
                "belong to levels of the whole window, found a part"
            )


def _programming(error: ProgrammingError, ratio: float) -> ProgrammingError:
    """`error` with its laws as shares of G_max / ratio."""
    return error.replace(
        sigma_absolute=error.sigma_absolute * ratio,
        polynomial=tuple(c * ratio ** (1 - i) for i, c in enumerate(error.polynomial)),
        points=_points(error.points, ratio),
    )


def _points(points: Points, ratio: float) -> Points:
    return tuple((place * ratio, figure * ratio) for place, figure in points)
