// SPDX-License-Identifier: Apache-2.0
//
// crossbar_array: behavioural twin of the analog array and its comparators.  NOT SYNTHESIZABLE.
//
//   line = sum over word lines of digit * level, of a pair the difference if SUBTRACT_ANALOG = 1;
//   held = line / REDUNDANCY + disturbance / 2^8, taken at the clock edge that ends sample_i = 1;
//   above(trial) = held + lsb/2 >= trial * lsb, lsb = 2^lsb_shift_i level steps
//
// in exact integers: 8 fractional bits of a level step, everything times REDUNDANCY.
// Golden model: hwsim.tile.matrix.

`default_nettype none

module crossbar_array #(
    parameter ROWS            = 64,  // word lines
    parameter COLS            = 64,  // bit lines
    parameter CELL_BITS       = 2,
    parameter DAC_BITS        = 1,
    parameter SUBTRACT_ANALOG = 0,
    parameter REDUNDANCY      = 1,
    parameter ADC_FLASH       = 0,
    parameter ADC_BITS        = 8,
    parameter COLUMNS_PER_ADC = 8,
    parameter LINES           = 64,
    parameter ADCS            = 8,
    parameter COMPARATORS     = 1,
    parameter ROW_W           = 8,
    parameter LSB_W           = 4,
    parameter DISTURBANCE_W   = 32
) (
    input  wire                           clk_i,

    input  wire                           program_i,
    input  wire [ROW_W-1:0]               program_row_i,
    input  wire [COLS*CELL_BITS-1:0]      program_level_i,

    input  wire [DAC_BITS*ROWS-1:0]       wordline_i,
    input  wire                           sample_i,
    input  wire [LINES*DISTURBANCE_W-1:0] disturbance_i,  // signed, 8 fractional bits

    input  wire [COLUMNS_PER_ADC-1:0]     select_i,
    input  wire [LSB_W-1:0]               lsb_shift_i,
    input  wire [ADCS*ADC_BITS-1:0]       trial_i,
    output wire [ADCS*COMPARATORS-1:0]    above_o
);

    localparam W      = 48;  // of a held line and a threshold
    localparam STEP   = (SUBTRACT_ANALOG != 0) ? 2 : 1;  // columns per line
    localparam LOW    = (SUBTRACT_ANALOG != 0) ? 0 - (1 << (ADC_BITS - 1)) : 0;
    localparam SIGNED = (SUBTRACT_ANALOG != 0) ? 1 : 0;

    reg  [CELL_BITS-1:0] level_q [0:ROWS*COLS-1];
    wire [LINES*W-1:0]   held;

    wire signed [W-1:0] lsb  = REDUNDANCY << (8 + {28'd0, lsb_shift_i});
    wire signed [W-1:0] half = lsb >>> 1;

    integer i;
    integer j;

    always @(posedge clk_i) begin : p_program
        if (program_i) begin
            for (i = 0; i < COLS; i = i + 1) begin
                for (j = 0; j < CELL_BITS; j = j + 1) begin
                    level_q[program_row_i*COLS + i][j] <= program_level_i[i*CELL_BITS + j];
                end
            end
        end
    end

    function [W-1:0] column_sum;
        input [DAC_BITS*ROWS-1:0] wordline;
        input [31:0] column;
        integer r;
        integer b;
        begin
            column_sum = {W{1'b0}};
            for (b = 0; b < DAC_BITS; b = b + 1) begin
                for (r = 0; r < ROWS; r = r + 1) begin
                    if (wordline[b*ROWS + r]) begin
                        column_sum = column_sum
                                   + ({{(W-CELL_BITS){1'b0}}, level_q[r*COLS + column]} << b);
                    end
                end
            end
        end
    endfunction

    genvar l;
    genvar a;
    genvar c;
    generate
        for (l = 0; l < LINES; l = l + 1) begin : g_line
            reg  [W-1:0] held_q;
            wire [W-1:0] disturbance =
                {{(W-DISTURBANCE_W){disturbance_i[(l+1)*DISTURBANCE_W-1]}},
                 disturbance_i[(l+1)*DISTURBANCE_W-1:l*DISTURBANCE_W]};
            if (SUBTRACT_ANALOG != 0) begin : g_difference
                always @(posedge clk_i) begin : p_hold
                    if (sample_i) begin
                        held_q <= disturbance * REDUNDANCY
                                + ((column_sum(wordline_i, l*STEP)
                                    - column_sum(wordline_i, l*STEP + 1)) << 8);
                    end
                end
            end else begin : g_column
                always @(posedge clk_i) begin : p_hold
                    if (sample_i) begin
                        held_q <= disturbance * REDUNDANCY + (column_sum(wordline_i, l) << 8);
                    end
                end
            end
            assign held[(l+1)*W-1:l*W] = held_q;
        end
    endgenerate

    generate
        for (a = 0; a < ADCS; a = a + 1) begin : g_adc
            reg signed [W-1:0] seen;
            integer k;
            integer m;
            always @(*) begin : p_select
                seen = {W{1'b0}};
                for (k = 0; k < COLUMNS_PER_ADC && a*COLUMNS_PER_ADC + k < LINES; k = k + 1) begin
                    if (select_i[k]) begin
                        for (m = 0; m < W; m = m + 1) begin
                            seen[m] = held[(a*COLUMNS_PER_ADC + k)*W + m];
                        end
                    end
                end
            end
            for (c = 0; c < COMPARATORS; c = c + 1) begin : g_comparator
                wire signed [W-1:0] threshold;
                if (ADC_FLASH != 0) begin : g_flash
                    assign threshold = LOW + 1 + c;
                end else begin : g_sar
                    assign threshold =
                        {{(W-ADC_BITS){trial_i[(a+1)*ADC_BITS-1] & SIGNED[0]}},
                         trial_i[(a+1)*ADC_BITS-1:a*ADC_BITS]};
                end
                assign above_o[a*COMPARATORS+c] = (seen + half >= threshold * lsb);
            end
        end
    endgenerate

endmodule

`default_nettype wire
