"""Numbers as people read them: three digits and an SI prefix."""

import math

_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}
_PREFIXES |= {9: "G", 12: "T", 15: "P"}
NOT_SIMULATED = "not simulated"


def si(value: float, unit: str, digits: int = 3) -> str:
    """`value` with `digits` significant digits and an SI prefix: 1.25e-8, "J" -> "12.5 nJ"."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    exponent = min(max(3 * math.floor(math.log10(abs(value)) / 3), -18), 15)
    scaled = float(f"{value / 10.0**exponent:.{digits}g}")
    if abs(scaled) >= 1000 and exponent < 15:
        exponent += 3
        scaled /= 1000
    places = max(0, digits - 1 - math.floor(math.log10(abs(scaled))))
    return f"{scaled:.{places}f} {_PREFIXES[exponent]}{unit}"


def square_mm(area_m2: float) -> str:
    """An area in square millimetres (a prefix would be squared)."""
    return f"{area_m2 * 1e6:.3g} mm²"


def percent(share: float | None, places: int = 2) -> str:
    """A share as a percentage; None is what nobody simulated."""
    return NOT_SIMULATED if share is None else f"{100 * share:.{places}f} %"


def grouped(count: int) -> str:
    """An integer with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")
