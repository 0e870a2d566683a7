"""Our figures for published macros: events counted here, priced by `hwsim.cost`."""

from dataclasses import dataclass

from codesign.validation.hardware import (
    LINES,
    Joules,
    arch,
    at_supply_J,
    priced,
    swing_J,
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
            row_pulses=_SIZE * bits,
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
    once = EventCounts(row_pulses=1, shift_adds=1, conversions=1)
    return at_supply_J(once, "macro", f"jia-{case['block']}", case)


def jia_efficiency(case: Case) -> float:
    """Operations per joule of one-bit products: column and converter, as its authors count."""
    blocks = ({**case, "law": LINES, "block": name} for name in ("column", "converter"))
    return 2 * _JIA_ROWS / sum(jia_block(block) for block in blocks)


_SINANGIL_COLS = 16
_SINANGIL_OPERATIONS = 2048  # per product: 64 rows, 16 outputs


def sinangil_energy(case: Case) -> float:
    """Joules per product at a supply voltage, highest outputs."""
    once = EventCounts(row_pulses=1, shift_adds=1)
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
    pulses = _COLONNADE_SIZE * int(case["input bits"])
    rows = EventCounts(row_pulses=pulses, shift_adds=pulses)
    spent = at_supply_J(rows, "colonnade", "colonnade-65nm", case)
    return spent / (_COLONNADE_SIZE * weights_per_row)


# --- SRAM macros by their gates: the ZigZag-IMC set ------------------------------------------


@dataclass(frozen=True)
class GateMacro:
    """What one full product of a macro does; activity is included in the counts."""

    gates: str  # a technology
    volt: float
    operations: int
    gate_inputs: float = 0  # that switch
    full_adders: float = 0
    register_bits: float = 0
    conversions: float = 0
    adc_bits: int = 5
    dac: str | None = None  # a technology
    dac_inputs: float = 0


def tree_adders(inputs: int, bits: int) -> int:
    """Full adders of a tree that adds `inputs` numbers of `bits` bits, ripple carry."""
    total, width = 0, bits
    while inputs > 1:
        inputs //= 2
        total += inputs * width
        width += 1
    return total


#: Parameters: KULeuven-MICAS/zigzag-imc, validation of analog and digital macros.
MACROS = {
    # 1024 inputs of 7 bits, 512 outputs of 2-bit weights, one cycle; per weight two bit lines,
    # one enable line (each one gate input) and a two-bit product.
    "CICC 2021": GateMacro(
        gates="gates-22nm",
        volt=0.8,
        operations=2 * 1024 * 512,
        gate_inputs=1024 * 512 * (2 + 1 + 2),
        conversions=512,
        adc_bits=6,
        dac="dac-22nm",
        dac_inputs=1024,
    ),
    # Four banks of 16 inputs and 12 outputs, two transfers; per output 16 converters, adders of
    # 8x7, 4x9, 2x12 and 1x15 bits, a 20-bit accumulator and 100 register bits; per input and
    # output 16 word line halves, 2 enables and two 2-bit products.
    "JSSC 2023": GateMacro(
        gates="gates-28nm",
        volt=0.9,
        operations=2 * 4 * 12 * 16,
        gate_inputs=2 * 4 * 12 * 16 * (16 + 2 + 4),
        full_adders=2 * 4 * 12 * (8 * 7 + 4 * 9 + 2 * 12 + 15 + 20),
        register_bits=2 * 4 * 12 * 100,
        conversions=2 * 4 * 12 * 16,
        adc_bits=5,
        dac="dac-28nm",
        dac_inputs=2 * 4 * 32,
    ),
    # Eight banks of 8 inputs and 256 outputs, eight cycles; weights half zero, 37.5 % of inputs
    # toggle; per output 64 bit line halves, 16 products, a 6-bit adder, a 3-bit converter.
    "ISSCC 2023 7.8": GateMacro(
        gates="gates-22nm",
        volt=0.8,
        operations=2 * 8 * 256 * 8,
        gate_inputs=8 * 8 * 256 * 0.5 * (8 * 8 + 16 * 0.375),
        full_adders=8 * 8 * 256 * 0.5 * 6,
        conversions=8 * 8 * 256 * 0.5,
        adc_bits=3,
    ),
    # Digital: 64 banks of 32 inputs and 6 outputs, Booth, four cycles, a quarter active; per
    # output 32 products of 8 bits, a tree of 32 9-bit numbers, accumulator and register of 32.
    "ISSCC 2022 15.5": GateMacro(
        gates="gates-28nm",
        volt=0.9,
        operations=2 * 64 * 6 * 32,
        gate_inputs=4 * 64 * 6 * 0.25 * 32 * 8,
        full_adders=4 * 64 * 6 * (0.25 * tree_adders(32, 9) + 32),
        register_bits=4 * 64 * 6 * 32,
    ),
    # Digital: eight banks of 128 inputs and 8 one-bit columns, which make one 8-bit output,
    # four cycles, a quarter active; per column 256 products and a tree of 128 2-bit numbers;
    # per bank a tree of eight 16-bit numbers, accumulator and register of 23.
    "ISSCC 2023 7.2": GateMacro(
        gates="gates-28nm",
        volt=0.9,
        operations=2 * 8 * 128,
        gate_inputs=4 * 8 * 8 * 0.25 * 256,
        full_adders=4 * 8 * (8 * 0.25 * tree_adders(128, 2) + tree_adders(8, 16) + 23),
        register_bits=4 * 8 * 23,
    ),
}


def gate_efficiency(case: Case) -> float:
    """Operations per joule of a macro in `MACROS`."""
    macro = MACROS[str(case["chip"])]
    knobs = Knobs(read_voltage_V=macro.volt, adc_bits=macro.adc_bits)
    events = EventCounts(
        row_pulses=macro.gate_inputs,
        shift_adds=macro.full_adders,
        input_register_bits=macro.register_bits,
        conversions=macro.conversions,
    )
    joules = total_J(priced(events, "sram-macro", macro.gates, knobs))
    if macro.dac:
        joules += swing_J("sram-macro", macro.dac, macro.volt, macro.dac_inputs)
    return macro.operations / joules


def survey_conversion(case: Case) -> float:
    """Joules per conversion by the survey's fit, nominal bits taken as effective ones."""
    base = technology("converters-32nm")
    at_node = scaled(base, float(case["nm"]) * 1e-9, float(case["V"]))
    return at_node.adc.conversion_J(int(case["bits"]), float(case["MS/s"]) * 1e6)
