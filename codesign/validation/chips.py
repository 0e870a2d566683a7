"""Our figures for published chips: ISAAC and PUMA, from their peak tables."""

from functools import cache

from codesign.validation.hardware import arch, technology
from codesign.validation.published import Case
from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.cost import Level, PeakLine, peak_table, technology_of
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import mvm_interval_cycles

#: A 16-bit product is two input halves times two weight halves of 8 bits.
_HALVES = 4


@cache
def _described(name: str) -> tuple[Arch, tuple[PeakLine, ...]]:
    if name == "isaac":
        isaac = load_arch(name)
        return isaac, peak_table(isaac, technology_of(isaac))
    other = arch(name)
    return other, peak_table(other, technology(other.technology))


def _line(case: Case) -> PeakLine:
    wanted = (Level(case["level"]), case["line"])
    _, table = _described(str(case["chip"]))
    return next(line for line in table if (line.level, line.name) == wanted)


def line_power(case: Case) -> float:
    """Watts of one line of a peak table."""
    return _line(case).power_W


def line_area(case: Case) -> float:
    """Square metres of one line of a peak table."""
    return _line(case).area_m2


def peak_operations(case: Case) -> float:
    """16-bit operations per second of a chip whose arrays never wait."""
    chip, _ = _described(str(case["chip"]))
    geometry = Geometry(chip.tile, chip.precision)
    products_Hz = chip.tile.clock_Hz / mvm_interval_cycles(geometry)
    tiles = chip.chip.tiles_per_cluster * (chip.chip.max_clusters or 1)
    return 2 * tiles * chip.tile.rows * geometry.weights_per_row * products_Hz / _HALVES


def peak_efficiency(case: Case) -> float:
    """16-bit operations per joule."""
    return peak_operations(case) / line_power({**case, "level": "chip", "line": "total"})


def peak_density(case: Case) -> float:
    """16-bit operations per second and square metre."""
    return peak_operations(case) / line_area({**case, "level": "chip", "line": "total"})
