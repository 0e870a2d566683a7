"""What every priced plan rests on, in sentences for the report."""

from codesign.report.result import Assumption
from hwsim.chip.spec import Arch
from hwsim.cost import Technology, figures, power_switch
from hwsim.cost.adc import ROOM_K
from hwsim.device.spec import States
from mapping.counts import Activity
from mapping.plan import Plan

_STATES = {
    States.INDEPENDENT: "fresh at every read",
    States.MARKOV: "correlated from read to read",
    States.FROZEN: "frozen",
}

_ALWAYS = (
    Assumption(
        text="A cell takes the energy of what cells of its level conduct on average over devices, "
        "in the scenario; stuck cells of a fault map change results, not energy.",
        source="hwsim.tile.held",
    ),
    Assumption(
        text="Latency is that of one inference on an idle chip whose layers begin as soon as the "
        "rows they need are there. Throughput is that of a full pipeline, set by the busiest "
        "resource: the tiles of a layer, or a bus, router port or digital unit.",
        source="docs/model/timing.md",
    ),
    Assumption(
        text="Area is that of whole clusters in use; energy and area of off-chip links and of "
        "programming the cells are not included.",
        source="hwsim.cost.area",
    ),
    Assumption(
        text="Traffic between buffers, registers, bus and routers follows a stated model, not a "
        "cycle-accurate one; network inputs lie in the buffers when an inference begins.",
        source="mapping.counts, mapping.digital",
    ),
    Assumption(
        text="TOPS/W counts two operations per multiply-accumulate of the network, whatever its "
        "precision, over the energy of everything listed here.",
        source="codesign.assemble",
    ),
)


def stated_assumptions(plan: Plan, arch: Arch, technology: Technology) -> tuple[Assumption, ...]:
    """Those of the architecture, the device, the technology, and of every report."""
    about = [
        Assumption(text=f"Architecture {arch.name}. {arch.description}", source=arch.source),
        Assumption(text=f"Cell {arch.device.name}.", source=arch.device.source),
        *_disturbances(arch),
        Assumption(text=f"Technology {technology.name}. {technology.description}"),
        *_about_converters(technology),
        *_from_synthesis(technology),
        *_warm(arch, technology),
        _leakage(arch, technology),
    ]
    source = "fit" if technology.adc.survey else "table"
    bits = {layer.knobs.adc_bits or arch.tile.adc.bits for layer in plan.layers}
    for outside in sorted(b for b in bits if not technology.adc.covers(b)):
        about.append(
            Assumption(
                text=f"A converter of {outside} bits lies outside the sourced {source}; its energy "
                "and area are extrapolated.",
                source=technology.adc.extrapolation,
            )
        )
    return (*about, *_ALWAYS)


def _about_converters(technology: Technology) -> list[Assumption]:
    said = technology.adc.assumption
    return [Assumption(text=said, source="hwsim.cost.adc")] if said else []


def _warm(arch: Arch, technology: Technology) -> list[Assumption]:
    """How leakage depends on temperature, where the chip is not at 300 K."""
    kelvin, growth = arch.scenario.temperature_K, technology.leakage_growth
    if kelvin == ROOM_K:
        return []
    if growth is None:
        return [Assumption(text=f"At {kelvin:g} K the chip leaks as at {ROOM_K:g} K.")]
    times = technology.leakage_factor(kelvin)
    said = f"At {kelvin:g} K the chip leaks {times:.3g} times as much as at {ROOM_K:g} K."
    return [Assumption(text=said, source=growth.source)]


def _leakage(arch: Arch, technology: Technology) -> Assumption:
    """How long the chip leaks for an inference, and what of it is switched off."""
    said = (
        "Leakage is the static power of all clusters in use over the interval between two "
        "inferences of a full pipeline, given to layers by their tiles."
    )
    if switch := power_switch(arch, technology):
        said += (
            " Drivers, converters, shift-adders and registers of a tile are switched off between "
            f"its products where that saves energy: {switch.off_share.value:.0%} of their leakage "
            "is left, and switching on takes the dynamic energy of "
            f"{switch.wake_cycles.value:g} cycles of full activity, and no time."
        )
    return Assumption(text=said, source="hwsim.cost.leakage")


def _from_synthesis(technology: Technology) -> list[Assumption]:
    """One sentence per component whose price comes from this project's own RTL."""
    return [
        Assumption(
            text=f"{key.removesuffix('.energy')}: {figure.value:.3g} J {figure.conditions}.",
            source=figure.source,
        )
        for key, figure in figures(technology).items()
        if key.endswith(".energy") and figure.source.startswith("synthesis of ")
    ]


def activity_assumption(activity: Activity) -> Assumption:
    """The sentence for pulses that were assumed, not measured."""
    return Assumption(
        text=f"Nothing was simulated: word lines are driven at {activity.density:.0%} of the "
        f"highest digit on average, cells that hold a weight at {activity.level:.0%} of the "
        "highest level.",
        source="mapping.counts.Activity",
    )


def _disturbances(arch: Arch) -> list[Assumption]:
    found = []
    fluctuation, programming = arch.device.fluctuation, arch.device.programming
    if fluctuation:
        states = _STATES[fluctuation.states]
        size = (
            f"table {list(fluctuation.table)}"
            if fluctuation.table
            else f"amplitude {fluctuation.amplitude:g}"
        )
        found.append(
            Assumption(
                text=f"Read fluctuation: law {fluctuation.law.value}, {size} (of G_max), "
                f"states {states}.",
                source=fluctuation.source,
            )
        )
    if programming:
        found.append(
            Assumption(
                text=f"Programming error: {programming.sigma_absolute:g} of G_max and "
                f"{programming.sigma_relative:g} of G (standard deviations).",
                source=programming.source,
            )
        )
    return found
