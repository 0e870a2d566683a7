// SPDX-License-Identifier: Apache-2.0
//
// input_sum: the sum of a vector's inputs, which the offset encoding is corrected by.
//
//   sum_o = sum_i x[i] = sum_t s_t * (sum_i digit_t[i]) << shift_t
//
// Digits are added as they are taken from the row driver; finish_i moves the finished sum to
// sum_o, where it stays until the next product's.
// Golden model: hwsim.peripherals.row_driver.input_sum.

`default_nettype none

module input_sum #(
    parameter INPUTS   = 8,  // inputs of one vector, 1 to 256
    parameter DAC_BITS = 1,  // bits of one digit, 1 to 4
    parameter TOTAL_W  = 17  // input bits + ceil(log2(INPUTS)) + 1: cannot overflow
) (
    input  wire                       clk_i,
    input  wire                       rst_ni,             // async assert, sync release

    input  wire                       digits_fire_i,
    input  wire [DAC_BITS*INPUTS-1:0] digits_i,           // layout of row_driver
    input  wire [2:0]                 digits_shift_i,
    input  wire                       digits_negative_i,
    input  wire                       digits_first_i,
    input  wire                       finish_i,

    output wire signed [TOTAL_W-1:0]  sum_o
);

    reg signed [TOTAL_W-1:0] digit_sum;
    reg signed [TOTAL_W-1:0] term;
    reg signed [TOTAL_W-1:0] base;
    reg signed [TOTAL_W-1:0] running_q;
    reg signed [TOTAL_W-1:0] running_d;
    reg signed [TOTAL_W-1:0] sum_q;

    assign sum_o = sum_q;

    integer i;
    integer b;

    always @(*) begin : p_next
        digit_sum = {TOTAL_W{1'b0}};
        running_d = running_q;
        if (digits_fire_i) begin
            for (b = 0; b < DAC_BITS; b = b + 1) begin
                for (i = 0; i < INPUTS; i = i + 1) begin
                    digit_sum = digit_sum + ({{(TOTAL_W-1){1'b0}}, digits_i[b*INPUTS + i]} << b);
                end
            end
        end
        term = digit_sum << digits_shift_i;
        base = digits_first_i ? {TOTAL_W{1'b0}} : running_q;
        if (digits_fire_i) begin
            running_d = digits_negative_i ? base - term : base + term;
        end
    end

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            running_q <= {TOTAL_W{1'b0}};
            sum_q     <= {TOTAL_W{1'b0}};
        end else begin
            running_q <= running_d;
            if (finish_i) begin
                sum_q <= running_q;
            end
        end
    end

    initial begin : p_check
        if (INPUTS < 1 || INPUTS > 256) begin
            $display("input_sum %m: INPUTS must be 1 to 256, got %0d", INPUTS);
            $finish;
        end
        if (DAC_BITS < 1 || DAC_BITS > 4) begin
            $display("input_sum %m: DAC_BITS must be 1 to 4, got %0d", DAC_BITS);
            $finish;
        end
    end

endmodule

`default_nettype wire
