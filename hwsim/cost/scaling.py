"""A technology at another node and supply.

| part | energy | area |
|---|---|---|
| digital blocks, memories, bus, routers, one-bit drivers | Stillmaker and Baas 2017 | the same |
| converters of a survey | the fit at the new node; V^2 against the nominal supplies | the fit |
| converters of a table | the fit's exponent of the node; V^2 likewise | the fit's exponents |
| word lines and gates of cells | capacitance with the length, V^2 | cells F^2, drivers as digital |
| wires of the mesh | V^2 at a constant capacitance per length | - |
| sample and hold | V^2: its capacitor is set by noise, not by the node | unchanged |
| links off the chip | unchanged | unchanged |

Shares of static power, their growth with temperature, power switches and the read voltage stay as
they are, and a figure that names a node of its own is scaled as if it were the technology's:
assumptions.
"""

from functools import cache
from typing import TypeVar

from hwsim.cost.adc import AdcPrice, AdcSurvey
from hwsim.cost.figure import Figure, LengthFigure, VoltageFigure
from hwsim.cost.part import part
from hwsim.cost.scaling_rule import scaling_rule
from hwsim.cost.technology import Block, Driver, Technology
from hwsim.spec import Spec, validate

S = TypeVar("S", bound=Spec)
_DIGITAL = (
    "shift_add",
    "input_register",
    "output_register",
    "cluster_register",
    "buffer",
    "bus",
    "router",
    "activation",
    "pooling",
    "adder",
    "requantizer",
)


def scaled(technology: Technology, feature_size_m: float, supply_V: float) -> Technology:
    """`technology` at another node; each changed figure says by how much and by which rule.

    Raises:
        SpecError: the old or the new node or supply lies outside the published range.
    """
    return _Step(technology, feature_size_m, supply_V).result()


class _Step:
    """From one node to another."""

    def __init__(self, technology: Technology, feature_size_m: float, supply_V: float) -> None:
        rule = scaling_rule()
        old_m, old_V = technology.feature_size.value, technology.supply.value
        self._technology = technology
        self._size_m, self._supply_V = feature_size_m, supply_V
        self._length = feature_size_m / old_m
        self._voltage = supply_V / old_V
        trend = rule.nominal_V(feature_size_m) / rule.nominal_V(old_m)
        # The survey's exponent of the node holds the nominal supplies already.
        self._off_nominal = (self._voltage / trend) ** 2
        self._energy = rule.energy(feature_size_m, supply_V) / rule.energy(old_m, old_V)
        self._area = rule.area(feature_size_m) / rule.area(old_m)
        self._rule = rule.source.split(",", 1)[0] + " 2017"
        self._words = (
            f"from {old_m * 1e9:g} nm, {old_V:g} V to {feature_size_m * 1e9:g} nm, {supply_V:g} V"
        )

    def result(self) -> Technology:
        """The whole technology, checked again."""
        t = self._technology
        changes: dict[str, Spec] = {name: self._digital(getattr(t, name)) for name in _DIGITAL}
        changes |= {"cell": self._changed(t.cell, area=self._length**2)}
        changes |= {"driver": self._driver(t.driver), "adc": self._adc(t.adc)}
        changes |= {"sample_hold": self._changed(t.sample_hold, energy=self._voltage**2)}
        if t.mesh_wire:
            changes["mesh_wire"] = self._changed(t.mesh_wire, energy=self._voltage**2)
        source = f"scaled {self._words}"
        changes["feature_size"] = LengthFigure(value=self._size_m, unit="m", source=source)
        changes["supply"] = VoltageFigure(value=self._supply_V, unit="V", source=source)
        return t.replace(**changes)

    def _digital(self, block: Block) -> Block:
        return self._changed(block, self._rule, energy=self._energy, area=self._area)

    def _driver(self, driver: Driver) -> Driver:
        logic = self._changed(driver, self._rule, energy=self._energy, area=self._area)
        return self._changed(
            logic,
            line_capacitance=self._length,
            select_capacitance=self._length,
            select_voltage=self._voltage,
        )

    def _adc(self, adc: AdcPrice) -> AdcPrice:
        if adc.survey:
            size = self._figure(adc.survey.feature_size, self._length, "length")
            survey = self._changed(adc.survey, "V^2", scale=self._off_nominal)
            survey = survey.model_copy(update={"feature_size": size})
            return adc.model_copy(update={"survey": survey})
        fit = survey_fit()
        energy = self._length**fit.node_exponent.value * self._off_nominal
        area = self._length**fit.area_node_exponent.value * energy**fit.area_energy_exponent.value
        points = tuple(
            self._changed(point, "ADC survey fit", energy=energy, area=area) for point in adc.points
        )
        return adc.model_copy(update={"points": points})

    def _changed(self, at: S, rule: str = "constant field", /, **factors: float) -> S:
        """`at` with figures multiplied; those that are not given stay so."""
        changes = {
            name: self._figure(getattr(at, name), factor, rule)
            for name, factor in factors.items()
            if getattr(at, name) is not None
        }
        return at.model_copy(update=changes)

    def _figure(self, figure: Figure, factor: float, rule: str) -> Figure:
        said = f"times {factor:.4g}: scaled {self._words}, {rule}"
        conditions = f"{figure.conditions}; {said}" if figure.conditions else said
        return figure.model_copy(update={"value": figure.value * factor, "conditions": conditions})


@cache
def survey_fit() -> AdcSurvey:
    """The survey's coefficients, whose exponents also scale the converters of a table."""
    section = part("adc-survey", "survey")["survey"]
    size = {"value": 1.0, "unit": "m", "source": "of no consequence to the exponents"}
    return validate(AdcSurvey, {**section, "feature_size": size}, "adc-survey")
