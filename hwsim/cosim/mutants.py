"""Faults written by hand: one wrong line each, as somebody might write it."""

from dataclasses import dataclass
from pathlib import Path

from hwsim.cosim.simulators import RTL


@dataclass(frozen=True)
class Fault:
    """In `module`, `right` (it stands there once) becomes `wrong`."""

    module: str
    what: str
    right: str
    wrong: str


#: Module -> (what, right, wrong).
_FAULTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "row_driver": (
        ("digits leave most significant first", "planes_q >> (DAC_BITS*INPUTS)", "planes_q"),
        ("the sign's digit is not negative", "negative_q <= sign_next;", "negative_q <= 1'b0;"),
        (
            "the last digit comes one early",
            "(shift_next >= INPUT_BITS[4:0])",
            "(shift_next >= SIGN_SHIFT[4:0])",
        ),
        (
            "a vector is accepted while one is held",
            "assign x_ready_o         = ~full_q | (digits_ready_i & last);",
            "assign x_ready_o         = 1'b1;",
        ),
        ("a digit does not wait", "wire       digit_fire = full_q & digits_ready_i;",
         "wire       digit_fire = full_q;"),
    ),
    "tile_controller": (
        ("a drive begins a cycle early", "(left <= READ_CYCLES[COUNT_W-1:0])",
         "(left <= READ_CYCLES[COUNT_W-1:0] + 1'b1)"),
        ("a phase has one cycle too many", "localparam LAST_STEP   = CONVERSION_CYCLES - 1;",
         "localparam LAST_STEP   = CONVERSION_CYCLES;"),
        ("the last column is not converted", "localparam LAST_COLUMN = COLS_PER_ADC - 1;",
         "localparam LAST_COLUMN = COLS_PER_ADC - 2;"),
        ("sums that are not taken are lost", "pending_d = blocked;", "pending_d = 1'b0;"),
        ("the next product does not wait for the sums", "held_q & ~(first_q & blocked)", "held_q"),
        ("stuck busy", "assign busy_o          = drive_o",
         "assign busy_o          = 1'b1 | drive_o"),
        ("the code's phase is that of the next one", "code_shift_q    <= shift_q;",
         "code_shift_q    <= digits_shift_i;"),
    ),
    "column_mux": (
        ("the line after the one meant", "assign select_o[c] = enable_i & (column_i == c)",
         "assign select_o[c] = enable_i & (column_i + 1'b1 == c)"),
        ("connected while disabled", "assign select_o[c] = enable_i &", "assign select_o[c] ="),
    ),
    "sar_adc": (
        ("the comparator's answer is inverted", "above_i ? trial : bits_q",
         "above_i ? bits_q : trial"),
        ("the last bit is not tried", "| mask_q[0];", "| mask_q[ADC_BITS > 1 ? 1 : 0];"),
        ("bits of the code before stay", "bits_d      = {ADC_BITS{1'b0}};",
         "bits_d      = bits_q;"),
        ("codes stay offset binary", "assign code_o        = bits_q ^ TOP_BIT[ADC_BITS-1:0];",
         "assign code_o        = bits_q;"),
        ("a code that is not taken is overwritten",
         "assign start_ready_o = (mask_q == {ADC_BITS{1'b0}}) & (~code_valid_q | code_ready_i);",
         "assign start_ready_o = (mask_q == {ADC_BITS{1'b0}});"),
    ),
    "flash_adc": (
        ("the thermometer is read one off", "rest[(1 << b) - 1]",
         "rest[(b > 0) ? (1 << b) - 2 : 0]"),
        ("the upper half is not shifted down", "bits_d[b] ? rest >> (1 << b) : rest", "rest"),
        ("codes stay offset binary", "assign code_o        = bits_q ^ TOP_BIT[ADC_BITS-1:0];",
         "assign code_o        = bits_q;"),
        ("always ready", "assign start_ready_o = ~code_valid_q | code_ready_i;",
         "assign start_ready_o = 1'b1;"),
    ),
    "shift_add": (
        ("a shift off by one", "slice * CELL_BITS[3:0];", "slice * CELL_BITS[3:0] + 4'd1;"),
        ("the weight's sign is dropped", "^ (top & IS_NEGATIVE[0])", ""),
        ("the negative column is added", "phase_negative_i ^ pair ^", "phase_negative_i ^"),
        ("the phase of the sign is added", "subtract    = phase_negative_i ^", "subtract    ="),
        ("codes are not sign extended", "code_i[CODE_W-1] & IS_SIGNED[0]", "1'b0"),
        ("the sums of the product before stay", "phase_first_i ? {ACC_W{1'b0}} : ", ""),
        ("lines not in use are added", "wire fold     = code_valid_i & in_use;",
         "wire fold     = code_valid_i;"),
        ("the last slice's shift is the regular one", "top ? TOP_SHIFT[3:0] : ", ""),
    ),
    "input_sum": (
        ("negative digits are added", "digits_negative_i ? base - term : base + term",
         "base + term"),
        ("the sum is not begun anew", "digits_first_i ? {TOTAL_W{1'b0}} : running_q",
         "running_q"),
        ("digits are not weighed", "digit_sum << digits_shift_i", "digit_sum"),
        ("the sum moves at once", "if (finish_i) begin", "if (1'b1) begin"),
    ),
    "output_register": (
        ("the least significant bit's shift is off by one", "(sum << lsb_shift_i)",
         "(sum << (lsb_shift_i + 1'b1))"),
        ("sums are not sign extended", "{(SUM_W-ACC_W){sums_q[ACC_W-1]}}",
         "{(SUM_W-ACC_W){1'b0}}"),
        ("no correction by the inputs' sum", " + coefficient * total;", ";"),
        ("new sums overwrite those that wait", "~full_q | (result_ready_i & last)",
         "~full_q | last"),
        ("results come in reverse", "sums_q  <= sums_q >> ACC_W;", "sums_q  <= sums_q << ACC_W;"),
        ("one result too few", "localparam LAST = OUTPUTS - 1;", "localparam LAST = OUTPUTS - 2;"),
    ),
    "accumulator": (
        ("partial sums are subtracted", "sum_i + other", "sum_i - other"),
        ("the partial stream is not waited for", "free & (~chain_i | partial_valid_i)", "free"),
        ("a total that is not taken is overwritten", "~total_valid_q | total_ready_i;", "1'b1;"),
        ("a chain is never added", "chain_i ? partial_i : {SUM_W{1'b0}}", "{SUM_W{1'b0}}"),
    ),
    "requantizer": (
        ("the half is missing", "wire signed [WIDE_W-1:0] rounded = (product2_q + half)",
         "wire signed [WIDE_W-1:0] rounded = product2_q"),
        ("ties go up", "(one << (shift2_q - 6'd1)) - one", "(one << (shift2_q - 6'd1))"),
        ("ties go down", "{{(WIDE_W-1){1'b0}}, odd};", "{WIDE_W{1'b0}};"),
        ("an unsigned shift", ">>> shift2_q", ">> shift2_q"),
        ("clipped at the low limit only", "(shifted > high) ? high_i : shifted",
         "shifted"),
        ("a low limit one too high", "(shifted < low) ? low_i", "(shifted <= low) ? low_i + 1'b1"),
        ("no zero point", "rounded + zero;", "rounded;"),
        ("the constants of the next beat", "shift2_q    <= shift1_q;", "shift2_q    <= shift_i;"),
        ("the pipeline moves while a code waits", "~valid3_q | code_ready_i;", "1'b1;"),
    ),
    "config_registers": (
        ("high and low are swapped", "LOW[3:0]:        low_q         <=",
         "LOW[3:0]:        high_q        <="),
        ("cycles are not cleared by reset", "cycles_q     <= 32'd0;\n            for",
         "for"),
        ("written while the tile is busy", "cfg_valid_i & cfg_ready_o", "cfg_valid_i"),
        ("a table is written in entry 0 only", "shift_q[index]    <=", "shift_q[0]        <="),
        ("the limit is not sign extended", "{(SUM_W-CODE_W){high_q[CODE_W-1]}}",
         "{(SUM_W-CODE_W){1'b0}}"),
    ),
    "tile": (
        ("flips apply to every encoding's first slice", "& (ENCODING == 1);", "| (k == 0);"),
        ("copies of an input are not driven", "{REDUNDANCY{digits", "{1{digits"),
        ("idle although results wait", "| result_valid | total_valid |", "|"),
        ("the offset is half as large", "1 << (WEIGHT_BITS - 1);", "1 << (WEIGHT_BITS - 2);"),
        ("constants of the wrong output", ".constants_index_i(total_index)",
         ".constants_index_i(result_index)"),
        ("an output's second part is dropped", "    + g_adc[FIRST_ADC+k]",
         "    & g_adc[FIRST_ADC+k]"),
    ),
}  # fmt: skip

FAULTS = tuple(Fault(module, *fault) for module, faults in _FAULTS.items() for fault in faults)


def faulty(fault: Fault, folder: Path = RTL) -> str:
    """The module's text with the fault.

    Raises:
        ValueError: what it replaces does not stand in the module exactly once.
    """
    text = (folder / f"{fault.module}.v").read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        count = text.count(fault.right)
        raise ValueError(f"{fault.module}: expected {fault.right!r} once, found it {count} times")
    return text.replace(fault.right, fault.wrong)
