"""What is proved, at which parameters, in words; and the table of it."""

from collections.abc import Iterator, Sequence

from hwsim.cosim.proofs import Outcome, Proof
from hwsim.cosim.yosys import PINNED

CLAIMS = {
    "row_driver": "The digits of every input add up to it, in order and number; no vector and "
    "no digit is lost or repeated.",
    "tile_controller": "Every digit is driven and converted once, with the meaning of its own "
    "phase; the sums of every product are offered exactly once; steady digits are sampled "
    "exactly one phase apart; when nothing more comes the controller is idle within the cycles "
    "of one conversion of all columns and one more.",
    "column_mux": "Exactly the named line is connected; none while disabled.",
    "sar_adc": "The code is clip(floor(sample/lsb + 1/2)) for every sample, after ADC_BITS + 1 "
    "cycles; it is held until taken.",
    "flash_adc": "The code is the lowest one plus the number of comparators that say `above`; "
    "none is lost.",
    "shift_add": "At the end of every phase the sums are those of the formula, for all codes, "
    "gaps, phases and flips.",
    "input_sum": "The sum handed over is that of the digits' values.",
    "output_register": "Of the sums taken together each leaves once, in order, scaled and "
    "corrected; nothing is overwritten.",
    "accumulator": "Every sum leaves once, in order, with its own partial added; both are taken "
    "in the same cycle.",
    "requantizer": "Every sum leaves once, in order, as its code: rounded half to even, clipped. "
    "The shifts of the table are samples.",
    "config_registers": "A word that was written is what is read and what the tile sees, and no "
    "other write changes it; CYCLES counts the busy cycles.",
}

#: Of each row: bits of a cell, slices, the last one's shift and sign, lines per slice, the
#: converter's columns, those in use, the first line's number, outputs, sign of the codes.
_SHIFT_ADD = (
    (2, 2, 3, 1, 1, 6, 5, 1, 3, 0),
    (2, 2, 2, 0, 2, 6, 5, 3, 2, 0),
    (1, 3, 2, 0, 1, 4, 3, 0, 1, 1),
    (4, 1, 0, 0, 1, 4, 4, 0, 4, 0),
    (4, 1, 0, 0, 1, 4, 2, 0, 2, 0),
    (1, 4, 3, 1, 1, 2, 2, 3, 2, 0),
)
_SHIFT_ADD_NAMES = (
    *("CELL_BITS", "SLICES", "TOP_SHIFT", "TOP_NEGATIVE", "CONVERTED"),
    *("COLS_PER_ADC", "LINES", "FIRST", "BANK", "CODE_SIGNED"),
)


def _front() -> Iterator[Proof]:
    """Drivers and control."""
    for bits, dac in ((2, 1), (2, 3), (4, 1), (5, 2), (8, 3), (8, 4)):
        parameters = {"INPUTS": 2 if bits < 8 else 1, "INPUT_BITS": bits, "DAC_BITS": dac}
        digits = -(-bits // dac)
        yield Proof("row_driver", parameters, min(digits + 3, 7), bits + 4)
    for read, columns, conversion in ((3, 2, 2), (1, 1, 1), (1, 2, 3), (7, 1, 2), (4, 4, 1)):
        parameters = {
            "READ_CYCLES": read,
            "COLS_PER_ADC": columns,
            "CONVERSION_CYCLES": conversion,
            "COLUMN_W": 2,
            "COUNT_W": 4,
        }
        cycles = read + columns * conversion
        yield Proof("tile_controller", parameters, cycles + 5, 3 * cycles + 15)
    for columns in (1, 6, 8):
        yield Proof("column_mux", {"COLS_PER_ADC": columns, "COLUMN_W": 3}, 2, 2)
    for inputs, dac in ((2, 2), (3, 1), (1, 4)):
        parameters = {"INPUTS": inputs, "DAC_BITS": dac, "TOTAL_W": 14}
        yield Proof("input_sum", parameters, 4, 6)


def _converters() -> Iterator[Proof]:
    for bits in (1, 2, 3, 4, 6, 8, 10, 12):
        for signed in (0, 1):
            parameters = {"ADC_BITS": bits, "CODE_SIGNED": signed}
            yield Proof("sar_adc", parameters, bits + 4, bits + 5)
    for bits, signed in ((1, 0), (3, 1), (5, 0), (8, 1)):
        yield Proof("flash_adc", {"ADC_BITS": bits, "CODE_SIGNED": signed}, 6, 6)


def _sums() -> Iterator[Proof]:
    for row in _SHIFT_ADD:
        widths = {"CODE_W": 3, "COLUMN_W": 3, "ACC_W": 12}
        parameters = {**widths, **dict(zip(_SHIFT_ADD_NAMES, row, strict=True))}
        yield Proof("shift_add", parameters, parameters["LINES"] + 3, 14)
    for outputs, width in ((1, 1), (2, 1), (3, 2)):
        parameters = {"OUTPUTS": outputs, "INDEX_W": width, "ACC_W": 6, "LSB_W": 2}
        small = {"COEFFICIENT_W": 3, "TOTAL_W": 3, "SUM_W": 10}
        yield Proof("output_register", parameters | small, outputs + 4, outputs + 5)
    for width in (8, 38):
        yield Proof("accumulator", {"SUM_W": width, "INDEX_W": 2}, 5, 6)
    for mantissa, shift in ((2, 1), (2, 2), (4, 6), (2, 17), (2, 40), (2, 63)):
        parameters = {"SUM_W": 16, "MANTISSA_W": mantissa, "CODE_W": 4}
        yield Proof("requantizer", parameters, 5, 7, {"F_SHIFT": shift})
    for outputs, width in ((2, 1), (3, 2)):
        parameters = {"OUTPUTS": outputs, "SLICES": 2, "INDEX_W": width, "LSB_W": 2}
        small = {"CODE_W": 6, "MANTISSA_W": 6, "SUM_W": 33}
        yield Proof("config_registers", parameters | small, 5, 6)


CATALOGUE = (*_front(), *_converters(), *_sums())


def report(outcomes: Sequence[Outcome]) -> str:
    """The table as Markdown."""
    lines = [
        "# Proofs",
        "",
        "Written by `make rtl-proofs`; what is assumed and asserted stands in `rtl/formal/`.",
        "Every assertion is checked from reset for the cycles given (base), then by induction;",
        "every cover is reached. Inputs are free but for the assumptions stated in `rtl/formal/`.",
        f"Times are those of one shared two-core machine. Yosys {PINNED}, z3.",
        "",
    ]
    for module, claim in CLAIMS.items():
        mine = [outcome for outcome in outcomes if outcome.proof.module == module]
        if not mine:
            continue
        lines += [f"## {module}", "", claim, ""]
        lines += ["| parameters | cycles of the base | verdict | time |", "|---|---:|---|---:|"]
        lines += [_row(outcome) for outcome in mine]
        lines.append("")
    return "\n".join(lines)


def _row(outcome: Outcome) -> str:
    proof = outcome.proof
    bound = {**proof.parameters, **{k.removeprefix("F_"): v for k, v in proof.defines.items()}}
    text = ", ".join(f"{name} {value}" for name, value in bound.items())
    verdict = outcome.verdict.value + (f" (`{outcome.detail}`)" if outcome.detail else "")
    return f"| {text} | {proof.cycles} | {verdict} | {outcome.seconds:.0f} s |"
