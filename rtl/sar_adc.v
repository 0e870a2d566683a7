// SPDX-License-Identifier: Apache-2.0
//
// sar_adc: successive-approximation controller around an analog comparator.
//
//   code_o = the largest code c of the range at which the comparator says `above` (of the
//   lowest it is not asked); with a comparator that answers sample + lsb/2 >= trial_o * lsb
//   that is clip(floor(sample / lsb + 1/2), low, high).  Range: 0 .. 2^B - 1, or two's
//   complement -2^(B-1) .. 2^(B-1) - 1 when CODE_SIGNED = 1; B = ADC_BITS.
//
// One conversion takes ADC_BITS + 1 cycles: the cycle of start (the input settles), then one
// trial per bit.  A code is held until accepted; the next start may come in that cycle.
// Golden model: hwsim.peripherals.adc.

`default_nettype none

module sar_adc #(
    parameter ADC_BITS    = 8,  // resolution, 1 to 12
    parameter CODE_SIGNED = 0   // 1: codes are two's complement
) (
    input  wire                clk_i,
    input  wire                rst_ni,         // async assert, sync release

    input  wire                start_valid_i,
    output wire                start_ready_o,

    // comparator
    output wire [ADC_BITS-1:0] trial_o,
    input  wire                above_i,

    output wire                code_valid_o,
    input  wire                code_ready_i,
    output wire [ADC_BITS-1:0] code_o
);

    localparam TOP = ADC_BITS - 1;
    // Offset binary and two's complement differ in the top bit.
    localparam TOP_BIT = (CODE_SIGNED != 0) ? 1 << TOP : 0;

    reg  [ADC_BITS-1:0] mask_q;  // the bit on trial, one-hot; zero while idle
    reg  [ADC_BITS-1:0] mask_d;
    reg  [ADC_BITS-1:0] bits_q;  // bits decided so far, offset binary
    reg  [ADC_BITS-1:0] bits_d;
    reg                 code_valid_q;
    reg                 code_valid_d;

    wire                start_fire = start_valid_i & start_ready_o;
    wire [ADC_BITS-1:0] trial      = bits_q | mask_q;

    assign start_ready_o = (mask_q == {ADC_BITS{1'b0}}) & (~code_valid_q | code_ready_i);
    assign trial_o       = trial ^ TOP_BIT[ADC_BITS-1:0];
    assign code_valid_o  = code_valid_q;
    assign code_o        = bits_q ^ TOP_BIT[ADC_BITS-1:0];

    always @(*) begin : p_next
        mask_d       = mask_q >> 1;
        bits_d       = bits_q;
        code_valid_d = (code_valid_q & ~code_ready_i) | mask_q[0];
        if (mask_q != {ADC_BITS{1'b0}}) begin
            bits_d = above_i ? trial : bits_q;
        end
        if (start_fire) begin
            mask_d      = {ADC_BITS{1'b0}};
            mask_d[TOP] = 1'b1;
            bits_d      = {ADC_BITS{1'b0}};
        end
    end

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            mask_q       <= {ADC_BITS{1'b0}};
            bits_q       <= {ADC_BITS{1'b0}};
            code_valid_q <= 1'b0;
        end else begin
            mask_q       <= mask_d;
            bits_q       <= bits_d;
            code_valid_q <= code_valid_d;
        end
    end

    initial begin : p_check
        if (ADC_BITS < 1 || ADC_BITS > 12) begin
            $display("sar_adc %m: ADC_BITS must be 1 to 12, got %0d", ADC_BITS);
            $finish;
        end
    end

endmodule

`default_nettype wire
