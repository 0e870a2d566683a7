"""Our figures for laws of nature, of devices, and for exactly solved circuits."""

import math

import numpy as np

from codesign.validation.hardware import arch
from codesign.validation.published import Case
from hwsim.chip.load import load_device
from hwsim.chip.spec import Arch
from hwsim.cost import array_energy_J
from hwsim.device.fluctuation import level_step, programming_sigma
from hwsim.device.spec import Device, Scenario
from hwsim.events import EventCounts
from hwsim.tile.noise import column_noise
from hwsim.tile.spec import ReadNoise, Wires
from hwsim.tile.wires import read, transfer_matrix

_TEMPERATURE_K = 300.0


def _one_cell(case: Case) -> Arch:
    """One cell of a conductance, read at a voltage for ten nanoseconds."""
    base = arch("macro")
    device = Device(
        name="cell",
        conductance_min_S=0.0,
        conductance_max_S=float(case["uS"]) * 1e-6,
        source="the case's conductance",
    )
    tile = base.tile.replace(read_voltage_V=float(case["V"]))
    return base.replace(device=device, tile=tile)


def read_energy(case: Case) -> float:
    """Joules of one read of one cell."""
    cell, events = _one_cell(case), EventCounts(cell_pulses=1, level_pulses=1)
    return array_energy_J(events, cell.device, cell.tile, Scenario())


def read_noise(case: Case) -> float:
    """Standard deviation of one read over its mean, thermal or shot noise alone."""
    cell, kind = _one_cell(case), str(case["noise"])
    only = ReadNoise(thermal=kind == "thermal", shot=kind == "shot", source="one kind at a time")
    noisy = cell.tile.replace(noise=only)
    noise = column_noise(cell.device, noisy, Scenario(temperature_K=_TEMPERATURE_K), copies=1)
    return math.sqrt(noise.per_pulse + noise.per_level)


def drift_exponent(case: Case) -> float:
    """Mean exponent of a device's drift; ours is the same at every level."""
    drift = load_device(str(case["device"])).drift
    return drift.nu_mean if drift else 0.0


def programming_spread(case: Case) -> float:
    """Standard deviation of the programmed conductance in siemens at a level of 4-bit cells."""
    device, level = load_device(str(case["device"])), int(case["level"])
    return float(programming_sigma(device, 4)[level] * level_step(device, 4))


def wire_loss(case: Case) -> float:
    """Mean ratio of the currents of a passive array with wires to those without.

    Cells between 10 and 100 kilo-ohm uniform in conductance, as the published solution drew
    them: NumPy's default generator, seed 0, cells first, then voltages.
    """
    size, ohm = int(case["size"]), float(case["ohm"])
    stream = np.random.default_rng(0)
    cells = stream.uniform(1e-5, 1e-4, (size, size))
    volts = stream.uniform(0, 0.2, (size, 1))[:, 0]
    wires = Wires(word_line_ohm=ohm, bit_line_ohm=ohm, source="the case's resistance")
    currents = read(volts, transfer_matrix(cells, wires))
    return float((currents / (volts @ cells)).mean())
