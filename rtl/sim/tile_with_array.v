// SPDX-License-Identifier: Apache-2.0
//
// tile_with_array: a tile and the behavioural twin of its array.  NOT SYNTHESIZABLE.
//
// The ports of tile without those of the analog array, and the disturbance of every line.
// Parameters are those of tile and crossbar_array; derived ones are given, not computed
// (hwsim.cosim.parameters.array_parameters).

`default_nettype none

module tile_with_array #(
    parameter ROWS            = 64,
    parameter COLS            = 64,
    parameter CELL_BITS       = 2,
    parameter DAC_BITS        = 1,
    parameter ENCODING        = 0,
    parameter SUBTRACT_ANALOG = 0,
    parameter REDUNDANCY      = 1,
    parameter ADC_FLASH       = 0,
    parameter ADC_BITS        = 8,
    parameter COLUMNS_PER_ADC = 8,
    parameter READ_CYCLES     = 1,
    parameter WEIGHT_BITS     = 8,
    parameter NARROW_WEIGHTS  = 1,
    parameter INPUT_BITS      = 8,
    parameter INPUTS          = 64,
    parameter LINES           = 64,
    parameter ADCS            = 8,
    parameter COMPARATORS     = 1,
    parameter INDEX_W         = 3,
    parameter ROW_W           = 8,
    parameter LSB_W           = 4,
    parameter SUM_W           = 38,
    parameter DISTURBANCE_W   = 32
) (
    input  wire                           clk_i,
    input  wire                           rst_ni,

    input  wire                           cfg_valid_i,
    output wire                           cfg_ready_o,
    input  wire [INDEX_W+3:0]             cfg_address_i,
    input  wire [SUM_W-1:0]               cfg_i,
    output wire [SUM_W-1:0]               cfg_o,

    input  wire                           level_valid_i,
    output wire                           level_ready_o,
    input  wire [ROW_W-1:0]               level_row_i,
    input  wire [COLS*CELL_BITS-1:0]      level_i,

    input  wire                           x_valid_i,
    output wire                           x_ready_o,
    input  wire [INPUTS*INPUT_BITS-1:0]   x_i,

    input  wire                           partial_valid_i,
    output wire                           partial_ready_o,
    input  wire signed [SUM_W-1:0]        partial_i,

    output wire                           y_valid_o,
    input  wire                           y_ready_i,
    output wire signed [SUM_W-1:0]        y_o,
    output wire                           y_last_o,

    // one step of a level: 2^8
    input  wire [LINES*DISTURBANCE_W-1:0] disturbance_i,
    output wire                           sample_o,
    output wire                           busy_o
);

    wire                       program_array;
    wire [ROW_W-1:0]           program_row;
    wire [COLS*CELL_BITS-1:0]  program_level;
    wire [DAC_BITS*ROWS-1:0]   wordline;
    wire [COLUMNS_PER_ADC-1:0] select;
    wire [LSB_W-1:0]           lsb_shift;
    wire [ADCS*ADC_BITS-1:0]   trial;
    wire [ADCS*COMPARATORS-1:0] above;

    tile #(
        .ROWS(ROWS), .COLS(COLS), .CELL_BITS(CELL_BITS), .DAC_BITS(DAC_BITS),
        .ENCODING(ENCODING), .SUBTRACT_ANALOG(SUBTRACT_ANALOG), .REDUNDANCY(REDUNDANCY),
        .ADC_FLASH(ADC_FLASH), .ADC_BITS(ADC_BITS), .COLUMNS_PER_ADC(COLUMNS_PER_ADC),
        .READ_CYCLES(READ_CYCLES), .WEIGHT_BITS(WEIGHT_BITS),
        .NARROW_WEIGHTS(NARROW_WEIGHTS), .INPUT_BITS(INPUT_BITS)
    ) u_tile (
        .clk_i(clk_i), .rst_ni(rst_ni),
        .cfg_valid_i(cfg_valid_i), .cfg_ready_o(cfg_ready_o), .cfg_address_i(cfg_address_i),
        .cfg_i(cfg_i), .cfg_o(cfg_o),
        .level_valid_i(level_valid_i), .level_ready_o(level_ready_o),
        .level_row_i(level_row_i), .level_i(level_i),
        .x_valid_i(x_valid_i), .x_ready_o(x_ready_o), .x_i(x_i),
        .partial_valid_i(partial_valid_i), .partial_ready_o(partial_ready_o),
        .partial_i(partial_i),
        .y_valid_o(y_valid_o), .y_ready_i(y_ready_i), .y_o(y_o), .y_last_o(y_last_o),
        .program_o(program_array), .program_row_o(program_row),
        .program_level_o(program_level), .wordline_o(wordline), .sample_o(sample_o),
        .select_o(select), .lsb_shift_o(lsb_shift), .trial_o(trial), .above_i(above),
        .busy_o(busy_o)
    );

    crossbar_array #(
        .ROWS(ROWS), .COLS(COLS), .CELL_BITS(CELL_BITS), .DAC_BITS(DAC_BITS),
        .SUBTRACT_ANALOG(SUBTRACT_ANALOG), .REDUNDANCY(REDUNDANCY), .ADC_FLASH(ADC_FLASH),
        .ADC_BITS(ADC_BITS), .COLUMNS_PER_ADC(COLUMNS_PER_ADC), .LINES(LINES), .ADCS(ADCS),
        .COMPARATORS(COMPARATORS), .ROW_W(ROW_W), .LSB_W(LSB_W),
        .DISTURBANCE_W(DISTURBANCE_W)
    ) u_crossbar_array (
        .clk_i(clk_i),
        .program_i(program_array), .program_row_i(program_row),
        .program_level_i(program_level), .wordline_i(wordline), .sample_i(sample_o),
        .disturbance_i(disturbance_i), .select_i(select), .lsb_shift_i(lsb_shift),
        .trial_i(trial), .above_o(above)
    );

endmodule

`default_nettype wire
