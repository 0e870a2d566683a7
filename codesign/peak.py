"""The peak table of an architecture as people and programs read it."""

from typing import Any

from hwsim.chip.spec import Arch
from hwsim.cost import PeakLine, peak_table, technology_of

_HEADINGS = ("level", "component", "units", "power", "area")


def peak_text(arch: Arch) -> str:
    """Power at full activity and area, one line per component, as YAML comments.

    Raises:
        SpecError: the technology that `arch` names is unknown or wrong.
    """
    rows = [_HEADINGS, *(_row(line) for line in peak_table(arch, technology_of(arch)))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    title = f"# Peak power and area of {arch.name} with technology {arch.technology}:"
    return "\n".join([title, *(f"#   {_aligned(row, widths)}" for row in rows)]) + "\n"


def peak_json(arch: Arch) -> list[dict[str, Any]]:
    """The same lines with numbers in SI units.

    Raises:
        SpecError: the technology that `arch` names is unknown or wrong.
    """
    return [
        {
            "level": line.level.value,
            "name": line.name,
            "count": line.count,
            "power_W": line.power_W,
            "area_m2": line.area_m2,
        }
        for line in peak_table(arch, technology_of(arch))
    ]


def _row(line: PeakLine) -> tuple[str, ...]:
    return (
        line.level.value,
        line.name,
        f"{line.count:g}" if line.name != "total" else "",
        f"{line.power_W * 1e3:.4g} mW" if line.power_W < 1 else f"{line.power_W:.4g} W",
        f"{line.area_m2 * 1e6:.4g} mm2",
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = zip(row, widths, strict=True)
    return "  ".join(
        cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(cells)
    )
