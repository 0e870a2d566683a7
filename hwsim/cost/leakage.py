"""Static energy, where tiles may be switched off between products (`chip: {power_gating: true}`).

A tile's own supply feeds its drivers, converters, shift-adders and registers; the buffer, the bus
and the rest of a cluster stay on.  With P the static power of that part of one tile, T the time
between two inferences, b the time a tile works in it, w how often it is switched on, s the share
of P left when it is off and E_w what switching it on takes:

    E = P b + min(P (T - b), s P (T - b) + w E_w)

so that a tile whose pauses are too short stays on.  Cells keep their states without a supply, and
registers are empty between products.  That pauses are equally long is an upper bound (the minimum
is concave); tiles are switched on in time, while their inputs are on the bus: no latency, and the
few cycles of that transfer are not counted.

E_w is the dynamic energy of some clock cycles of full activity: charging the part's own nodes
again, after the break-even analysis of Hu et al., "Microarchitectural techniques for power gating
of execution units", ISLPED 2004.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hwsim.chip.spec import Arch
from hwsim.cost.activity import full_activity, static_power
from hwsim.cost.components import Component
from hwsim.cost.energy import energy, total_J
from hwsim.cost.switch import SWITCHED, power_switch
from hwsim.cost.technology import Technology


@dataclass(frozen=True)
class Duty:
    """What `tiles` tiles do in an inference: each works for `busy_s`, in `wakes` stretches."""

    tiles: int
    busy_s: float
    wakes: int


def leakage_J(
    arch: Arch,
    technology: Technology,
    clusters: float,
    time_s: float,
    duties: Iterable[Duty] = (),
) -> float:
    """Static energy of `clusters` clusters over `time_s`, in joules.

    Args:
        duties: of the tiles that work; all others are off where the chip can switch them off.

    Raises:
        SpecError: tiles are to be switched off, and the technology has no price for it.
    """
    working = sum(working_J(arch, technology, duty, time_s) for duty in duties)
    return standby_J(arch, technology, clusters, time_s) + working


def standby_J(arch: Arch, technology: Technology, clusters: float, time_s: float) -> float:
    """Static energy while no tile works: all of it where tiles cannot be switched off."""
    watts = static_power(arch, technology, clusters)
    switch = power_switch(arch, technology)
    kept = switch.off_share.value if switch else 1.0
    return time_s * sum(w * (kept if c in SWITCHED else 1.0) for c, w in watts.items())


def working_J(arch: Arch, technology: Technology, duty: Duty, time_s: float) -> float:
    """What tiles add to the standby energy by their work; 0 where they are on all the time."""
    switch = power_switch(arch, technology)
    if switch is None:
        return 0.0
    static_W = _of_a_tile(static_power(arch, technology), arch)
    dynamic_W = _of_a_tile(energy(full_activity(arch), arch, technology), arch)
    wake_J = switch.wake_cycles.value / arch.tile.clock_Hz * dynamic_W
    saved_W = static_W * (1 - switch.off_share.value)
    pauses_J = min(saved_W * max(time_s - duty.busy_s, 0.0), duty.wakes * wake_J)
    return duty.tiles * (saved_W * duty.busy_s + pauses_J)


def _of_a_tile(watts: dict[Component, float], arch: Arch) -> float:
    """A tile's part of what its switch feeds, of a cluster's power by component."""
    return total_J({c: w for c, w in watts.items() if c in SWITCHED}) / arch.chip.tiles_per_cluster
