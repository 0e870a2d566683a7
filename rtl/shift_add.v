// SPDX-License-Identifier: Apache-2.0
//
// shift_add: folds the codes of one converter, phase after phase, into sums of outputs.
//
//   sum[n] = sum_k s_k * code_k << (phase_shift_k + slice_shift_k)  over the codes of output n;
//   s_k = -1 for each of: the phase of an input's sign bit, the negative column of a pair, the
//   slice of a weight's sign bit, a flipped column; they multiply.
//
// The converter's lines are numbered output by output, slice by slice (least significant
// first), positive column before negative; its first line is number FIRST within an output, so
// the first and the last output may be shared with its neighbours.  Codes beyond its LINES are
// ignored.
// Throughput: one code per cycle, always accepted; sums_o includes the code of this cycle.
// ACC_W bits cannot overflow: |code| <= 2^CODE_W, and the shifts of all phases and slices add
// to less than 2^(input bits + weight bits).
// Golden model: hwsim.peripherals.shift_add.

`default_nettype none

module shift_add #(
    parameter CODE_W       = 8,   // bits of a code
    parameter CODE_SIGNED  = 0,   // 1: codes are two's complement
    parameter CELL_BITS    = 2,   // bits of one slice, 1 to 4
    parameter SLICES       = 4,   // slices of one weight, 1 to 8
    parameter TOP_SHIFT    = 6,   // shift of the last slice, 0 to 7
    parameter TOP_NEGATIVE = 0,   // 1: the last slice is the sign bit
    parameter CONVERTED    = 1,   // lines per slice: 2 for a pair subtracted here, else 1
    parameter COLS_PER_ADC = 8,   // codes per phase
    parameter LINES        = 8,   // of them, from the first one, lines in use
    parameter COLUMN_W     = 3,   // 2^COLUMN_W >= COLS_PER_ADC
    parameter FIRST        = 0,   // number of the first line within its output
    parameter BANK         = 2,   // outputs that have a line here, from FIRST and LINES
    parameter ACC_W        = 25   // CODE_W + input bits + weight bits + 1
) (
    input  wire                    clk_i,
    input  wire                    rst_ni,            // async assert, sync release

    input  wire                    code_valid_i,
    input  wire [CODE_W-1:0]       code_i,
    input  wire                    code_restart_i,    // the code is of the first line
    input  wire                    phase_first_i,     // a new product begins
    input  wire                    phase_negative_i,  // phase of the inputs' sign bit
    input  wire [2:0]              phase_shift_i,
    input  wire [COLS_PER_ADC-1:0] flips_i,           // lines whose cells hold the complement

    output wire [BANK*ACC_W-1:0]   sums_o
);

    localparam FIRST_SLICE = FIRST / CONVERTED;
    localparam FIRST_PAIR  = FIRST - FIRST_SLICE * CONVERTED;
    localparam LAST_SLICE  = SLICES - 1;
    localparam LAST_LINE   = LINES - 1;
    localparam PAIR        = (CONVERTED == 2) ? 1 : 0;
    localparam IS_SIGNED   = (CODE_SIGNED != 0) ? 1 : 0;
    localparam IS_NEGATIVE = (TOP_NEGATIVE != 0) ? 1 : 0;

    // The line of the next code, and of this one.
    reg  [COLUMN_W-1:0] column_q;
    reg  [3:0]          slice_q;
    reg                 pair_q;
    reg                 in_use_q;
    wire [COLUMN_W-1:0] column = code_restart_i ? {COLUMN_W{1'b0}} : column_q;
    wire [3:0]          slice  = code_restart_i ? FIRST_SLICE[3:0] : slice_q;
    wire                pair   = code_restart_i ? FIRST_PAIR[0] : pair_q;
    wire                in_use = code_restart_i | in_use_q;

    wire top      = (slice == LAST_SLICE[3:0]);
    wire pair_end = (pair == PAIR[0]);
    wire begins   = code_restart_i | ((slice == 4'd0) & ~pair);
    wire line_end = (column == LAST_LINE[COLUMN_W-1:0]);
    wire ends     = (top & pair_end) | line_end;
    wire fold     = code_valid_i & in_use;

    // The sums of this converter's outputs, the current one lowest; they rotate as it ends,
    // once around per phase.  The current sum is worked on apart.
    reg         [BANK*ACC_W-1:0] bank_q;
    wire        [BANK*ACC_W-1:0] rotated;
    reg  signed [ACC_W-1:0]      acc_q;

    wire        [3:0]       slice_shift = top ? TOP_SHIFT[3:0] : slice * CELL_BITS[3:0];
    wire        [3:0]       shift       = slice_shift + {1'b0, phase_shift_i};
    wire                    subtract    = phase_negative_i ^ pair ^ (top & IS_NEGATIVE[0])
                                        ^ flips_i[column];
    wire                    sign        = code_i[CODE_W-1] & IS_SIGNED[0];
    wire signed [ACC_W-1:0] code        = {{(ACC_W-CODE_W){sign}}, code_i};
    wire signed [ACC_W-1:0] term        = code << shift;
    wire signed [ACC_W-1:0] held        = phase_first_i ? {ACC_W{1'b0}} : bank_q[ACC_W-1:0];
    wire signed [ACC_W-1:0] base        = begins ? held : acc_q;
    wire signed [ACC_W-1:0] folded      = subtract ? base - term : base + term;

    generate
        if (BANK > 1) begin : g_rotate
            assign rotated = {folded, bank_q[BANK*ACC_W-1:ACC_W]};
        end else begin : g_single
            assign rotated = folded;
        end
    endgenerate

    assign sums_o = (fold & ends) ? rotated : bank_q;

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            column_q <= {COLUMN_W{1'b0}};
            slice_q  <= 4'd0;
            pair_q   <= 1'b0;
            in_use_q <= 1'b0;
            bank_q   <= {(BANK*ACC_W){1'b0}};
            acc_q    <= {ACC_W{1'b0}};
        end else if (fold) begin
            column_q <= column + 1'b1;
            in_use_q <= ~line_end;
            pair_q   <= ~pair_end;
            if (pair_end) begin
                slice_q <= top ? 4'd0 : slice + 4'd1;
            end else begin
                slice_q <= slice;
            end
            bank_q <= sums_o;
            acc_q  <= folded;
        end
    end

    initial begin : p_check
        if (CODE_W < 1 || CODE_W > 12) begin
            $display("shift_add %m: CODE_W must be 1 to 12, got %0d", CODE_W);
            $finish;
        end
        if (CELL_BITS < 1 || CELL_BITS > 4) begin
            $display("shift_add %m: CELL_BITS must be 1 to 4, got %0d", CELL_BITS);
            $finish;
        end
        if (SLICES < 1 || SLICES > 8) begin
            $display("shift_add %m: SLICES must be 1 to 8, got %0d", SLICES);
            $finish;
        end
        if (TOP_SHIFT < 0 || TOP_SHIFT > 7) begin
            $display("shift_add %m: TOP_SHIFT must be 0 to 7, got %0d", TOP_SHIFT);
            $finish;
        end
        if (CONVERTED < 1 || CONVERTED > 2) begin
            $display("shift_add %m: CONVERTED must be 1 or 2, got %0d", CONVERTED);
            $finish;
        end
        if (COLS_PER_ADC < 1 || COLS_PER_ADC > (1 << COLUMN_W)) begin
            $display("shift_add %m: COLS_PER_ADC must be 1 to 2^COLUMN_W, got %0d", COLS_PER_ADC);
            $finish;
        end
        if (LINES < 1 || LINES > COLS_PER_ADC) begin
            $display("shift_add %m: LINES must be 1 to COLS_PER_ADC, got %0d", LINES);
            $finish;
        end
        if (FIRST < 0 || FIRST >= SLICES * CONVERTED) begin
            $display("shift_add %m: FIRST must be a line of one output, got %0d", FIRST);
            $finish;
        end
        if (BANK != (FIRST + LINES - 1) / (SLICES * CONVERTED) + 1) begin
            $display("shift_add %m: BANK must be the outputs that have a line here, got %0d", BANK);
            $finish;
        end
    end

endmodule

`default_nettype wire
