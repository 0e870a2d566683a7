// SPDX-License-Identifier: Apache-2.0
//
// tile: the whole digital periphery of one analog array.
//
//   y[n] = sum_i W[i, n] * x[i], as the array and its converters see it, plus the partial sums
//   of the tile before when CONTROL says so, as a sum or requantized to a code.
//
// Column (n * SLICES + s) * PAIR + p of the array holds slice s (least significant first) of
// output n, positive (p = 0) or negative (p = 1); line = column, or the difference of a pair
// when SUBTRACT_ANALOG = 1.  Converter a serves lines a*COLS_PER_ADC and on.  Word line
// c * INPUTS + i belongs to input i, copy c.
// Products overlap: latency and interval are those of tile_controller; a result leaves per
// cycle, 5 cycles after the sums are complete the first one.
// Golden model: hwsim.tile.matrix.ProgrammedMatrix, hwsim.tile.schedule.

`default_nettype none

module tile #(
    parameter ROWS            = 64,  // word lines, 1 to 256
    parameter COLS            = 64,  // bit lines, those of one weight to 256
    parameter CELL_BITS       = 2,   // bits of a cell, 1 to 4
    parameter DAC_BITS        = 1,   // bits of a digit, 1 to 4
    parameter ENCODING        = 0,   // 0 differential, 1 offset, 2 two's complement
    parameter SUBTRACT_ANALOG = 0,   // differential: 1 in the array, 0 after conversion
    parameter REDUNDANCY      = 1,   // copies of an input's word line, 1 to 8
    parameter ADC_FLASH       = 0,   // 0 SAR, 1 flash
    parameter ADC_BITS        = 8,   // 1 to 12, flash 1 to 8
    parameter COLUMNS_PER_ADC = 8,   // lines of one converter, 1 to 256
    parameter READ_CYCLES     = 1,   // cycles of drive per phase, 1 to 4095
    parameter WEIGHT_BITS     = 8,   // 2 to 8
    parameter NARROW_WEIGHTS  = 1,   // 1: no weight is -2^(WEIGHT_BITS-1)
    parameter INPUT_BITS      = 8,   // 2 to 8

    // derived; not to be set
    parameter PAIR            = (ENCODING == 0) ? 2 : 1,
    parameter CONVERTED       = (ENCODING == 0 && SUBTRACT_ANALOG == 0) ? 2 : 1,
    parameter MAGNITUDE_BITS  = (ENCODING == 2 || (ENCODING == 0 && NARROW_WEIGHTS != 0))
                              ? WEIGHT_BITS - 1 : WEIGHT_BITS,
    parameter MAGNITUDES      = (MAGNITUDE_BITS + CELL_BITS - 1) / CELL_BITS,
    parameter SLICES          = (ENCODING == 2) ? MAGNITUDES + 1 : MAGNITUDES,
    parameter OUTPUTS         = COLS / (SLICES * PAIR),
    parameter INPUTS          = ROWS / REDUNDANCY,
    parameter GROUP           = SLICES * CONVERTED,
    parameter LINES           = OUTPUTS * GROUP,
    parameter ADCS            = (LINES + COLUMNS_PER_ADC - 1) / COLUMNS_PER_ADC,
    parameter COMPARATORS     = (ADC_FLASH != 0) ? (1 << ADC_BITS) - 1 : 1,
    parameter COLUMN_W        = (COLUMNS_PER_ADC > 128) ? 8 : (COLUMNS_PER_ADC > 64) ? 7
                              : (COLUMNS_PER_ADC > 32) ? 6 : (COLUMNS_PER_ADC > 16) ? 5
                              : (COLUMNS_PER_ADC > 8) ? 4 : (COLUMNS_PER_ADC > 4) ? 3
                              : (COLUMNS_PER_ADC > 2) ? 2 : 1,
    parameter INDEX_W         = (OUTPUTS > 128) ? 8 : (OUTPUTS > 64) ? 7 : (OUTPUTS > 32) ? 6
                              : (OUTPUTS > 16) ? 5 : (OUTPUTS > 8) ? 4 : (OUTPUTS > 4) ? 3
                              : (OUTPUTS > 2) ? 2 : 1,
    parameter ROW_W           = 8,
    parameter LSB_W           = 4,
    parameter SUM_W           = 38
) (
    input  wire                             clk_i,
    input  wire                             rst_ni,           // async assert, sync release

    // configuration, accepted while the tile is idle
    input  wire                             cfg_valid_i,
    output wire                             cfg_ready_o,
    input  wire [INDEX_W+3:0]               cfg_address_i,
    input  wire [SUM_W-1:0]                 cfg_i,
    output wire [SUM_W-1:0]                 cfg_o,

    // levels of one word line, column 0 lowest; accepted while the tile is idle
    input  wire                             level_valid_i,
    output wire                             level_ready_o,
    input  wire [ROW_W-1:0]                 level_row_i,
    input  wire [COLS*CELL_BITS-1:0]        level_i,

    // input vectors
    input  wire                             x_valid_i,
    output wire                             x_ready_o,
    input  wire [INPUTS*INPUT_BITS-1:0]     x_i,

    // partial sums of the tile before, output 0 first
    input  wire                             partial_valid_i,
    output wire                             partial_ready_o,
    input  wire signed [SUM_W-1:0]          partial_i,

    // results, output 0 first
    output wire                             y_valid_o,
    input  wire                             y_ready_i,
    output wire signed [SUM_W-1:0]          y_o,
    output wire                             y_last_o,

    // the analog array: bit b of word line r's digit in wordline_o[b*ROWS + r]
    output wire                             program_o,
    output wire [ROW_W-1:0]                 program_row_o,
    output wire [COLS*CELL_BITS-1:0]        program_level_o,
    output wire [DAC_BITS*ROWS-1:0]         wordline_o,
    output wire                             sample_o,
    output wire [COLUMNS_PER_ADC-1:0]       select_o,
    output wire [LSB_W-1:0]                 lsb_shift_o,
    output wire [ADCS*ADC_BITS-1:0]         trial_o,
    input  wire [ADCS*COMPARATORS-1:0]      above_i,

    output wire                             busy_o
);

    localparam CODE_SIGNED       = (ENCODING == 0 && SUBTRACT_ANALOG != 0) ? 1 : 0;
    localparam CONVERSION_CYCLES = (ADC_FLASH != 0) ? 1 : ADC_BITS + 1;
    localparam TOP_NEGATIVE      = (ENCODING == 2) ? 1 : 0;
    localparam TOP_SHIFT         = (ENCODING == 2) ? WEIGHT_BITS - 1 : (SLICES - 1) * CELL_BITS;
    localparam ACC_W             = ADC_BITS + INPUT_BITS + WEIGHT_BITS + 1;
    localparam COEFFICIENT_W     = SLICES * CELL_BITS + 2;
    localparam TOTAL_W           = INPUT_BITS + 9;
    localparam COUNT_W           = 13;
    localparam CODE_W            = 16;
    localparam MANTISSA_W        = 24;
    localparam WEIGHT_OFFSET     = 1 << (WEIGHT_BITS - 1);
    localparam UNUSED_ROWS       = ROWS - INPUTS * REDUNDANCY;

    wire                       input_signed;
    wire                       chain;
    wire                       requantize;
    wire signed [CODE_W-1:0]   zero_point;
    wire signed [CODE_W-1:0]   low;
    wire signed [CODE_W-1:0]   high;
    wire [OUTPUTS*SLICES-1:0]  flips;
    wire [MANTISSA_W-1:0]      mantissa;
    wire [5:0]                 shift;
    wire signed [SUM_W-1:0]    offset;

    wire                       digits_valid;
    wire                       digits_ready;
    wire [DAC_BITS*INPUTS-1:0] digits;
    wire [2:0]                 digits_shift;
    wire                       digits_negative;
    wire                       digits_first;
    wire                       digits_last;

    wire                       drive;
    wire                       convert;
    wire [COLUMN_W-1:0]        column;
    wire                       start;
    wire                       last_phase;
    wire                       code_restart;
    wire                       code_first;
    wire                       code_negative;
    wire [2:0]                 code_shift;
    wire                       controller_busy;

    wire                       sums_valid;
    wire                       sums_ready;
    wire [OUTPUTS*ACC_W-1:0]   sums;
    wire signed [TOTAL_W-1:0]  input_total;

    wire [SLICES-1:0]                result_flips;
    wire [SLICES*CELL_BITS-1:0]      restored;
    wire signed [COEFFICIENT_W-1:0]  coefficient;

    wire                       result_valid;
    wire                       result_ready;
    wire signed [SUM_W-1:0]    result;
    wire [INDEX_W-1:0]         result_index;
    wire                       result_last;

    wire                       total_valid;
    wire                       total_ready;
    wire signed [SUM_W-1:0]    total;
    wire [INDEX_W-1:0]         total_index;
    wire                       total_last;
    wire                       requantizer_busy;

    wire idle = ~(controller_busy | digits_valid | result_valid | total_valid | requantizer_busy);

    assign busy_o          = ~idle;
    assign level_ready_o   = idle;
    assign program_o       = level_valid_i & level_ready_o;
    assign program_row_o   = level_row_i;
    assign program_level_o = level_i;

    config_registers #(
        .OUTPUTS(OUTPUTS), .SLICES(SLICES), .INDEX_W(INDEX_W), .LSB_W(LSB_W),
        .CODE_W(CODE_W), .MANTISSA_W(MANTISSA_W), .SUM_W(SUM_W)
    ) u_config_registers (
        .clk_i(clk_i), .rst_ni(rst_ni), .idle_i(idle), .busy_i(controller_busy),
        .cfg_valid_i(cfg_valid_i), .cfg_ready_o(cfg_ready_o), .cfg_address_i(cfg_address_i),
        .cfg_i(cfg_i), .cfg_o(cfg_o),
        .input_signed_o(input_signed), .chain_o(chain), .requantize_o(requantize),
        .lsb_shift_o(lsb_shift_o), .zero_point_o(zero_point), .low_o(low), .high_o(high),
        .flips_o(flips), .flip_index_i(result_index), .flip_o(result_flips),
        .constants_index_i(total_index), .mantissa_o(mantissa), .shift_o(shift),
        .offset_o(offset)
    );

    row_driver #(
        .INPUTS(INPUTS), .INPUT_BITS(INPUT_BITS), .DAC_BITS(DAC_BITS)
    ) u_row_driver (
        .clk_i(clk_i), .rst_ni(rst_ni), .input_signed_i(input_signed),
        .x_valid_i(x_valid_i), .x_ready_o(x_ready_o), .x_i(x_i),
        .digits_valid_o(digits_valid), .digits_ready_i(digits_ready), .digits_o(digits),
        .digits_shift_o(digits_shift), .digits_negative_o(digits_negative),
        .digits_first_o(digits_first), .digits_last_o(digits_last)
    );

    tile_controller #(
        .READ_CYCLES(READ_CYCLES), .COLS_PER_ADC(COLUMNS_PER_ADC),
        .CONVERSION_CYCLES(CONVERSION_CYCLES), .COLUMN_W(COLUMN_W), .COUNT_W(COUNT_W)
    ) u_tile_controller (
        .clk_i(clk_i), .rst_ni(rst_ni),
        .digits_valid_i(digits_valid), .digits_ready_o(digits_ready),
        .digits_shift_i(digits_shift), .digits_negative_i(digits_negative),
        .digits_first_i(digits_first), .digits_last_i(digits_last),
        .drive_o(drive), .sample_o(sample_o), .convert_o(convert), .column_o(column),
        .start_o(start), .last_phase_o(last_phase),
        .code_restart_o(code_restart), .code_first_o(code_first),
        .code_negative_o(code_negative), .code_shift_o(code_shift),
        .sums_valid_o(sums_valid), .sums_ready_i(sums_ready), .busy_o(controller_busy)
    );

    column_mux #(
        .COLS_PER_ADC(COLUMNS_PER_ADC), .COLUMN_W(COLUMN_W)
    ) u_column_mux (
        .enable_i(convert), .column_i(column), .select_o(select_o)
    );

    genvar b;
    genvar a;
    genvar n;
    genvar k;
    generate
        // Word lines: every copy of an input sees its digit; the rest are never driven.
        for (b = 0; b < DAC_BITS; b = b + 1) begin : g_wordline
            assign wordline_o[b*ROWS+INPUTS*REDUNDANCY-1:b*ROWS] =
                drive ? {REDUNDANCY{digits[(b+1)*INPUTS-1:b*INPUTS]}}
                      : {(INPUTS*REDUNDANCY){1'b0}};
            if (UNUSED_ROWS > 0) begin : g_unused
                assign wordline_o[(b+1)*ROWS-1:b*ROWS+INPUTS*REDUNDANCY] = {UNUSED_ROWS{1'b0}};
            end
        end
    endgenerate

    generate
        for (a = 0; a < ADCS; a = a + 1) begin : g_adc
            localparam FIRST_LINE   = a * COLUMNS_PER_ADC;
            localparam END_LINE     = (FIRST_LINE + COLUMNS_PER_ADC < LINES)
                                    ? FIRST_LINE + COLUMNS_PER_ADC : LINES;
            localparam FIRST_OUTPUT = FIRST_LINE / GROUP;
            localparam BANK         = (END_LINE - 1) / GROUP - FIRST_OUTPUT + 1;

            wire                       code_valid;
            wire [ADC_BITS-1:0]        code;
            wire [COLUMNS_PER_ADC-1:0] line_flips;
            wire [BANK*ACC_W-1:0]      partials;

            if (ADC_FLASH != 0) begin : g_flash
                assign trial_o[(a+1)*ADC_BITS-1:a*ADC_BITS] = {ADC_BITS{1'b0}};
                flash_adc #(.ADC_BITS(ADC_BITS), .CODE_SIGNED(CODE_SIGNED)) u_flash_adc (
                    .clk_i(clk_i), .rst_ni(rst_ni),
                    .start_valid_i(start), .start_ready_o(),
                    .above_i(above_i[(a+1)*COMPARATORS-1:a*COMPARATORS]),
                    .code_valid_o(code_valid), .code_ready_i(1'b1), .code_o(code)
                );
            end else begin : g_sar
                sar_adc #(.ADC_BITS(ADC_BITS), .CODE_SIGNED(CODE_SIGNED)) u_sar_adc (
                    .clk_i(clk_i), .rst_ni(rst_ni),
                    .start_valid_i(start), .start_ready_o(),
                    .trial_o(trial_o[(a+1)*ADC_BITS-1:a*ADC_BITS]), .above_i(above_i[a]),
                    .code_valid_o(code_valid), .code_ready_i(1'b1), .code_o(code)
                );
            end

            for (k = 0; k < COLUMNS_PER_ADC; k = k + 1) begin : g_flip
                if (FIRST_LINE + k < LINES) begin : g_line
                    // Only the offset encoding flips; there a line is a slice.
                    assign line_flips[k] = flips[(FIRST_LINE+k)/CONVERTED] & (ENCODING == 1);
                end else begin : g_none
                    assign line_flips[k] = 1'b0;
                end
            end

            shift_add #(
                .CODE_W(ADC_BITS), .CODE_SIGNED(CODE_SIGNED), .CELL_BITS(CELL_BITS),
                .SLICES(SLICES), .TOP_SHIFT(TOP_SHIFT), .TOP_NEGATIVE(TOP_NEGATIVE),
                .CONVERTED(CONVERTED), .COLS_PER_ADC(COLUMNS_PER_ADC), .COLUMN_W(COLUMN_W),
                .LINES(END_LINE - FIRST_LINE), .FIRST(FIRST_LINE - FIRST_OUTPUT * GROUP),
                .BANK(BANK), .ACC_W(ACC_W)
            ) u_shift_add (
                .clk_i(clk_i), .rst_ni(rst_ni),
                .code_valid_i(code_valid), .code_i(code), .code_restart_i(code_restart),
                .phase_first_i(code_first), .phase_negative_i(code_negative),
                .phase_shift_i(code_shift), .flips_i(line_flips), .sums_o(partials)
            );
        end
    endgenerate

    generate
        // An output whose lines lie on several converters is the sum of their parts.
        for (n = 0; n < OUTPUTS; n = n + 1) begin : g_output
            localparam FIRST_ADC = n * GROUP / COLUMNS_PER_ADC;
            localparam PARTS     = ((n + 1) * GROUP - 1) / COLUMNS_PER_ADC - FIRST_ADC + 1;
            localparam PLACE     = n - FIRST_ADC * COLUMNS_PER_ADC / GROUP;
            for (k = 0; k < PARTS; k = k + 1) begin : g_part
                wire [ACC_W-1:0] sum;
                if (k == 0) begin : g_first
                    assign sum = g_adc[FIRST_ADC].partials[(PLACE+1)*ACC_W-1:PLACE*ACC_W];
                end else begin : g_more
                    assign sum = g_output[n].g_part[k-1].sum
                               + g_adc[FIRST_ADC+k].partials[ACC_W-1:0];
                end
            end
            assign sums[(n+1)*ACC_W-1:n*ACC_W] = g_part[PARTS-1].sum;
        end
    endgenerate

    generate
        for (k = 0; k < SLICES; k = k + 1) begin : g_slice
            assign restored[(k+1)*CELL_BITS-1:k*CELL_BITS] = {CELL_BITS{result_flips[k]}};
        end
    endgenerate

    // Offset encoding: W + 2^(WEIGHT_BITS-1) is stored; a flipped slice s holds its complement,
    // so that its full level, (2^CELL_BITS - 1) << s*CELL_BITS, goes back.
    assign coefficient = (ENCODING == 1) ? {2'b00, restored} - WEIGHT_OFFSET[COEFFICIENT_W-1:0]
                                         : {COEFFICIENT_W{1'b0}};

    input_sum #(
        .INPUTS(INPUTS), .DAC_BITS(DAC_BITS), .TOTAL_W(TOTAL_W)
    ) u_input_sum (
        .clk_i(clk_i), .rst_ni(rst_ni),
        .digits_fire_i(digits_valid & digits_ready & (ENCODING == 1)), .digits_i(digits),
        .digits_shift_i(digits_shift), .digits_negative_i(digits_negative),
        .digits_first_i(digits_first), .finish_i(last_phase), .sum_o(input_total)
    );

    output_register #(
        .OUTPUTS(OUTPUTS), .ACC_W(ACC_W), .LSB_W(LSB_W), .COEFFICIENT_W(COEFFICIENT_W),
        .TOTAL_W(TOTAL_W), .SUM_W(SUM_W), .INDEX_W(INDEX_W)
    ) u_output_register (
        .clk_i(clk_i), .rst_ni(rst_ni),
        .lsb_shift_i(lsb_shift_o), .coefficient_i(coefficient),
        .sums_valid_i(sums_valid), .sums_ready_o(sums_ready), .sums_i(sums),
        .input_sum_i(input_total),
        .result_valid_o(result_valid), .result_ready_i(result_ready), .result_o(result),
        .result_index_o(result_index), .result_last_o(result_last)
    );

    accumulator #(.SUM_W(SUM_W), .INDEX_W(INDEX_W)) u_accumulator (
        .clk_i(clk_i), .rst_ni(rst_ni), .chain_i(chain),
        .sum_valid_i(result_valid), .sum_ready_o(result_ready), .sum_i(result),
        .sum_index_i(result_index), .sum_last_i(result_last),
        .partial_valid_i(partial_valid_i), .partial_ready_o(partial_ready_o),
        .partial_i(partial_i),
        .total_valid_o(total_valid), .total_ready_i(total_ready), .total_o(total),
        .total_index_o(total_index), .total_last_o(total_last)
    );

    requantizer #(.SUM_W(SUM_W), .MANTISSA_W(MANTISSA_W), .CODE_W(CODE_W)) u_requantizer (
        .clk_i(clk_i), .rst_ni(rst_ni), .bypass_i(~requantize),
        .zero_point_i(zero_point), .low_i(low), .high_i(high),
        .acc_valid_i(total_valid), .acc_ready_o(total_ready), .acc_i(total),
        .acc_last_i(total_last), .offset_i(offset), .mantissa_i(mantissa), .shift_i(shift),
        .code_valid_o(y_valid_o), .code_ready_i(y_ready_i), .code_o(y_o),
        .code_last_o(y_last_o), .busy_o(requantizer_busy)
    );

    initial begin : p_check
        if (ROWS < 1 || ROWS > 256 || COLS < 1 || COLS > 256) begin
            $display("tile %m: ROWS and COLS must be 1 to 256, got %0d and %0d", ROWS, COLS);
            $finish;
        end
        if (ENCODING < 0 || ENCODING > 2) begin
            $display("tile %m: ENCODING must be 0 to 2, got %0d", ENCODING);
            $finish;
        end
        if (REDUNDANCY < 1 || REDUNDANCY > 8 || REDUNDANCY > ROWS) begin
            $display("tile %m: REDUNDANCY must be 1 to 8 and at most ROWS, got %0d", REDUNDANCY);
            $finish;
        end
        if (WEIGHT_BITS < 2 || WEIGHT_BITS > 8) begin
            $display("tile %m: WEIGHT_BITS must be 2 to 8, got %0d", WEIGHT_BITS);
            $finish;
        end
    end

endmodule

`default_nettype wire
