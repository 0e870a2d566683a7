"""Our figures for published macros: events counted here, priced by `hwsim.cost`."""

from codesign.validation.hardware import (
    LINES,
    Joules,
    arch,
    at_supply_J,
    priced,
    technology,
)
from codesign.validation.published import Case
from hwsim.cost import Component, area, scaled, total_J
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs

_SIZE = 256  # NeuRRAM: rows, columns and neurons of a core
_PHASE_BITS = 3  # NeuRRAM: longer inputs are read in two phases
_NEURON = (Component.SAMPLE_HOLD, Component.ACTIVATION, Component.ADC, Component.SHIFT_ADD)
_CORE_OPERATIONS = 2 * _SIZE * _SIZE // 2  # two cells per weight


# --- NeuRRAM ---------------------------------------------------------------------------------


def neurram_phases(in_bits: int, out_bits: int) -> tuple[tuple[int, int], ...]:
    """(input bits, converter steps) of every phase of one product.

    The sign needs no phase.  More than three magnitude bits are read in two phases; the second
    converts what the first leaves.
    """
    magnitude = max(1, in_bits - 1)
    if magnitude <= _PHASE_BITS:
        return ((magnitude, out_bits),)
    first = (magnitude + 1) // 2
    return (first, out_bits), (magnitude - first, out_bits - first)


def _neurram(case: Case) -> Joules:
    """Energy per operation by component.

    Per phase of m bits: every word line swings and every row is driven m times, a neuron
    samples m times, integrates 2^m - 1 times, and converts once in `steps` steps.
    """
    total: Joules = {}
    for bits, steps in neurram_phases(int(case["in"]), int(case["out"])):
        events = EventCounts(
            row_swings=_SIZE * bits,
            cell_pulses=_SIZE * _SIZE * bits,
            level_pulses=_SIZE * _SIZE * bits,
            samples=_SIZE * bits,
            activation_ops=_SIZE * ((1 << bits) - 1),
            conversions=_SIZE,
            shift_adds=_SIZE * steps,
        )
        phase = priced(events, "neurram", "neurram-130nm", Knobs(adc_bits=steps))
        total = {name: total.get(name, 0.0) + joules for name, joules in phase.items()}
    return {name: joules / _CORE_OPERATIONS for name, joules in total.items()}


def neurram_word_lines(case: Case) -> float:
    """Joules per operation."""
    return _neurram(case)[Component.DRIVER]


def neurram_input_pulses(case: Case) -> float:
    """Joules per operation."""
    return _neurram(case)[Component.ARRAY]


def neurram_neurons(case: Case) -> float:
    """Joules per operation."""
    joules = _neurram(case)
    return sum(joules[name] for name in _NEURON)


def neurram_efficiency(case: Case) -> float:
    """Operations per joule."""
    return 1 / total_J(_neurram(case))


def neurram_area(case: Case) -> float:
    """Square metres of a part of one core."""
    areas = area(arch("neurram"), technology("neurram-130nm"))
    parts = {"neurons": _NEURON, "cells": (Component.ARRAY,)}[str(case["part"])]
    return sum(areas[name] for name in parts)


# --- SRAM with charge or current: Jia, Sinangil ----------------------------------------------

_JIA_ROWS = 2304


def jia_block(case: Case) -> float:
    """Joules of one use of one block of a column at a supply voltage."""
    once = EventCounts(row_swings=1, shift_adds=1, conversions=1)
    return at_supply_J(once, "macro", f"jia-{case['block']}", case)


def jia_efficiency(case: Case) -> float:
    """Operations per joule of one-bit products: column and converter, as its authors count."""
    blocks = ({**case, "law": LINES, "block": name} for name in ("column", "converter"))
    return 2 * _JIA_ROWS / sum(jia_block(block) for block in blocks)


_SINANGIL_COLS = 16
_SINANGIL_OPERATIONS = 2048  # per product: 64 rows, 16 outputs


def sinangil_energy(case: Case) -> float:
    """Joules per product at a supply voltage, highest outputs."""
    once = EventCounts(row_swings=1, shift_adds=1)
    return at_supply_J(once, "sinangil", "sinangil-7nm", case)


def sinangil_output_energy(case: Case) -> float:
    """Joules per product at 0.8 V for a mean output: a fixed part and one per level."""
    events = EventCounts(conversions=_SINANGIL_COLS, level_pulses=float(case["output"]))
    return total_J(priced(events, "sinangil", "sinangil-7nm"))


def sinangil_efficiency(case: Case) -> float:
    """Operations per joule: energy by output at 0.8 V times its rise with the voltage."""
    rise = sinangil_energy(case) / sinangil_energy({**case, "V": 0.8})
    return _SINANGIL_OPERATIONS / (sinangil_output_energy(case) * rise)


# --- digital, in the array: Colonnade --------------------------------------------------------

_COLONNADE_SIZE = 128
_CARRY_BITS = 7  # log2(128): room for the sum of a column


def colonnade_energy(case: Case) -> float:
    """Joules per multiply-accumulate.

    A weight takes its bits and seven columns more; the whole array switches in every cycle, one
    cycle per input bit, whether or not all columns hold a weight.
    """
    weights_per_row = _COLONNADE_SIZE // (int(case["weight bits"]) + _CARRY_BITS)
    swings = _COLONNADE_SIZE * int(case["input bits"])
    rows = EventCounts(row_swings=swings, shift_adds=swings)
    spent = at_supply_J(rows, "colonnade", "colonnade-65nm", case)
    return spent / (_COLONNADE_SIZE * weights_per_row)


# --- converters ------------------------------------------------------------------------------


def survey_conversion(case: Case) -> float:
    """Joules per conversion by the survey's fit, nominal bits taken as effective ones."""
    base = technology("converters-32nm")
    at_node = scaled(base, float(case["nm"]) * 1e-9, float(case["V"]))
    return at_node.adc.conversion_J(int(case["bits"]), float(case["MS/s"]) * 1e6)
