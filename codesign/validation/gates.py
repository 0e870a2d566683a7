"""Our figures for SRAM macros by their gates: the ZigZag-IMC set."""

from dataclasses import dataclass

from codesign.validation.hardware import priced, swing_J
from codesign.validation.published import Case
from hwsim.cost import total_J
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs


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
        row_swings=macro.gate_inputs,
        shift_adds=macro.full_adders,
        input_register_bits=macro.register_bits,
        conversions=macro.conversions,
    )
    joules = total_J(priced(events, "sram-macro", macro.gates, knobs))
    if macro.dac:
        joules += swing_J("sram-macro", macro.dac, macro.volt, macro.dac_inputs)
    return macro.operations / joules
