// SPDX-License-Identifier: Apache-2.0
//
// tile_controller: the schedule of drive, sample, conversion and shift-add.
//
//   phase    = max(READ_CYCLES, COLS_PER_ADC * CONVERSION_CYCLES)
//   latency  = READ_CYCLES + (phases - 1) * phase + COLS_PER_ADC * CONVERSION_CYCLES + 1
//   interval = max(phases * phase, cycles in which the sums of one product leave)
//
// Each phase drives the word lines for READ_CYCLES, the last of which is the first one in
// which every line may be sampled: a drive begins as late as the conversions still running
// allow.  The converters then work through their lines, all in step.  A code is folded in the
// cycle after its conversion; with the fold of a product's last code its sums are offered, and
// the next product's first conversion waits until they are taken.
// Golden model: hwsim.tile.schedule.

`default_nettype none

module tile_controller #(
    parameter READ_CYCLES       = 1,   // cycles of drive per phase, 1 to 4095
    parameter COLS_PER_ADC      = 8,   // conversions per phase, 1 to 256
    parameter CONVERSION_CYCLES = 9,   // cycles of one conversion, 1 to 13
    parameter COLUMN_W          = 3,   // 2^COLUMN_W >= COLS_PER_ADC
    parameter COUNT_W           = 13   // holds COLS_PER_ADC*CONVERSION_CYCLES
) (
    input  wire                clk_i,
    input  wire                rst_ni,             // async assert, sync release

    // digits from the row driver; one is taken as the lines are sampled
    input  wire                digits_valid_i,
    output wire                digits_ready_o,
    input  wire [2:0]          digits_shift_i,
    input  wire                digits_negative_i,
    input  wire                digits_first_i,
    input  wire                digits_last_i,

    // array and converters
    output wire                drive_o,            // word lines carry the digits
    output wire                sample_o,           // last cycle of a drive: hold the lines
    output wire                convert_o,          // a line is connected to its converter
    output wire [COLUMN_W-1:0] column_o,
    output wire                start_o,            // first cycle of a conversion
    output wire                last_phase_o,       // first cycle of a product's last conversions

    // what the code of this cycle means
    output wire                code_restart_o,
    output wire                code_first_o,
    output wire                code_negative_o,
    output wire [2:0]          code_shift_o,

    // the sums of a product are complete at the end of this cycle
    output wire                sums_valid_o,
    input  wire                sums_ready_i,

    output wire                busy_o
);

    localparam CONVERSIONS = COLS_PER_ADC * CONVERSION_CYCLES;  // cycles
    localparam LAST_STEP   = CONVERSION_CYCLES - 1;
    localparam LAST_COLUMN = COLS_PER_ADC - 1;
    localparam MORE_DRIVE  = READ_CYCLES - 1;

    reg  [COUNT_W-1:0]  drive_left_q;  // cycles of drive after this one
    reg  [COUNT_W-1:0]  drive_left_d;
    reg  [COUNT_W-1:0]  left_q;        // cycles of conversion, this one included
    reg  [COUNT_W-1:0]  left_d;
    reg  [3:0]          step_q;
    reg  [3:0]          step_d;
    reg  [COLUMN_W-1:0] column_q;
    reg  [COLUMN_W-1:0] column_d;
    reg                 held_q;        // lines are sampled, their conversion has not begun
    reg                 held_d;
    reg                 pending_q;     // complete sums wait to be taken
    reg                 pending_d;
    // the phase on the sample-and-hold
    reg  [2:0]          shift_q;
    reg                 negative_q;
    reg                 first_q;
    reg                 last_q;
    // the code that is being folded
    reg                 code_q;
    reg                 code_restart_q;
    reg  [2:0]          code_shift_q;
    reg                 code_negative_q;
    reg                 code_first_q;
    reg                 code_last_q;

    wire sums_valid = (code_q & code_last_q) | pending_q;
    wire blocked    = sums_valid & ~sums_ready_i;

    wire                begin_conversion = held_q & ~(first_q & blocked);
    wire [COUNT_W-1:0]  left             = begin_conversion ? CONVERSIONS[COUNT_W-1:0] : left_q;
    wire                converting       = (left != {COUNT_W{1'b0}});
    wire                step_end         = (step_q == LAST_STEP[3:0]);
    wire                column_end       = (column_q == LAST_COLUMN[COLUMN_W-1:0]);
    wire                code_next        = converting & step_end;

    wire                driving     = (drive_left_q != {COUNT_W{1'b0}});
    wire                begin_drive = digits_valid_i & ~driving & (~held_q | begin_conversion)
                                    & (left <= READ_CYCLES[COUNT_W-1:0]);
    wire                sample      = digits_valid_i & (drive_left_d == {COUNT_W{1'b0}})
                                    & (begin_drive | driving);

    assign digits_ready_o  = sample;
    assign drive_o         = begin_drive | driving;
    assign sample_o        = sample;
    assign convert_o       = converting;
    assign column_o        = column_q;
    assign start_o         = converting & (step_q == 4'd0);
    assign last_phase_o    = begin_conversion & last_q;
    assign code_restart_o  = code_restart_q;
    assign code_first_o    = code_first_q;
    assign code_negative_o = code_negative_q;
    assign code_shift_o    = code_shift_q;
    assign sums_valid_o    = sums_valid;
    assign busy_o          = drive_o | held_q | converting | code_q | pending_q;

    always @(*) begin : p_next
        drive_left_d = {COUNT_W{1'b0}};
        if (begin_drive) begin
            drive_left_d = MORE_DRIVE[COUNT_W-1:0];
        end else if (driving) begin
            drive_left_d = drive_left_q - 1'b1;
        end
        left_d    = converting ? left - 1'b1 : {COUNT_W{1'b0}};
        step_d    = step_q;
        column_d  = column_q;
        held_d    = sample | (held_q & ~begin_conversion);
        pending_d = blocked;
        if (converting) begin
            step_d = step_end ? 4'd0 : step_q + 4'd1;
            if (step_end) begin
                column_d = column_end ? {COLUMN_W{1'b0}} : column_q + 1'b1;
            end
        end
    end

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            drive_left_q    <= {COUNT_W{1'b0}};
            left_q          <= {COUNT_W{1'b0}};
            step_q          <= 4'd0;
            column_q        <= {COLUMN_W{1'b0}};
            held_q          <= 1'b0;
            pending_q       <= 1'b0;
            shift_q         <= 3'd0;
            negative_q      <= 1'b0;
            first_q         <= 1'b0;
            last_q          <= 1'b0;
            code_q          <= 1'b0;
            code_restart_q  <= 1'b0;
            code_shift_q    <= 3'd0;
            code_negative_q <= 1'b0;
            code_first_q    <= 1'b0;
            code_last_q     <= 1'b0;
        end else begin
            drive_left_q <= drive_left_d;
            left_q       <= left_d;
            step_q       <= step_d;
            column_q     <= column_d;
            held_q       <= held_d;
            pending_q    <= pending_d;
            if (sample) begin
                shift_q    <= digits_shift_i;
                negative_q <= digits_negative_i;
                first_q    <= digits_first_i;
                last_q     <= digits_last_i;
            end
            code_q <= code_next;
            if (code_next) begin
                code_restart_q  <= (column_q == {COLUMN_W{1'b0}});
                code_shift_q    <= shift_q;
                code_negative_q <= negative_q;
                code_first_q    <= first_q;
                code_last_q     <= last_q & column_end;
            end
        end
    end

    initial begin : p_check
        if (READ_CYCLES < 1 || READ_CYCLES >= (1 << (COUNT_W - 1))) begin
            $display("tile_controller %m: READ_CYCLES must be 1 to 2^(COUNT_W-1) - 1, got %0d",
                     READ_CYCLES);
            $finish;
        end
        if (CONVERSION_CYCLES < 1 || CONVERSION_CYCLES > 13) begin
            $display("tile_controller %m: CONVERSION_CYCLES must be 1 to 13, got %0d",
                     CONVERSION_CYCLES);
            $finish;
        end
        if (COLS_PER_ADC < 1 || COLS_PER_ADC > (1 << COLUMN_W)
            || CONVERSIONS >= (1 << COUNT_W)) begin
            $display("tile_controller %m: COLS_PER_ADC must be 1 to 2^COLUMN_W, got %0d",
                     COLS_PER_ADC);
            $finish;
        end
    end

endmodule

`default_nettype wire
