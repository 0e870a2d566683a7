// SPDX-License-Identifier: Apache-2.0
//
// flash_adc: encoder behind 2^ADC_BITS - 1 analog comparators.
//
//   code_o = low + number of comparators that say `above`; comparator i (from 0) answers
//   sample + lsb/2 >= (low + 1 + i) * lsb, so that the answers form a thermometer.  Range and
//   meaning of CODE_SIGNED as in sar_adc.  The encoder searches the thermometer by halves.
//
// One conversion takes 1 cycle; a code is held until accepted.
// Golden model: hwsim.peripherals.adc.

`default_nettype none

module flash_adc #(
    parameter ADC_BITS    = 4,  // resolution, 1 to 8
    parameter CODE_SIGNED = 0   // 1: codes are two's complement
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,         // async assert, sync release

    input  wire                     start_valid_i,
    output wire                     start_ready_o,

    // comparators, lowest threshold first
    input  wire [(1<<ADC_BITS)-2:0] above_i,

    output wire                     code_valid_o,
    input  wire                     code_ready_i,
    output wire [ADC_BITS-1:0]      code_o
);

    localparam TOP         = ADC_BITS - 1;
    // Offset binary and two's complement differ in the top bit.
    localparam TOP_BIT = (CODE_SIGNED != 0) ? 1 << TOP : 0;
    localparam COMPARATORS = (1 << ADC_BITS) - 1;

    reg  [COMPARATORS-1:0] rest;  // the half of the thermometer that the code lies in
    reg  [ADC_BITS-1:0]    bits_d;
    reg  [ADC_BITS-1:0]    bits_q;
    reg                    code_valid_q;
    reg                    code_valid_d;

    wire                   start_fire = start_valid_i & start_ready_o;

    assign start_ready_o = ~code_valid_q | code_ready_i;
    assign code_valid_o  = code_valid_q;
    assign code_o        = bits_q ^ TOP_BIT[ADC_BITS-1:0];

    integer b;

    always @(*) begin : p_next
        rest         = above_i;
        bits_d       = bits_q;
        code_valid_d = code_valid_q & ~code_ready_i;
        if (start_fire) begin
            for (b = TOP; b >= 0; b = b - 1) begin
                bits_d[b] = rest[(1 << b) - 1];
                rest      = bits_d[b] ? rest >> (1 << b) : rest;
            end
            code_valid_d = 1'b1;
        end
    end

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            bits_q       <= {ADC_BITS{1'b0}};
            code_valid_q <= 1'b0;
        end else begin
            bits_q       <= bits_d;
            code_valid_q <= code_valid_d;
        end
    end

    initial begin : p_check
        if (ADC_BITS < 1 || ADC_BITS > 8) begin
            $display("flash_adc %m: ADC_BITS must be 1 to 8, got %0d", ADC_BITS);
            $finish;
        end
    end

endmodule

`default_nettype wire
