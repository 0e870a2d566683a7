// SPDX-License-Identifier: Apache-2.0
//
// requantizer: turns sums into codes, in integers only; a ReLU is low_i = zero_point_i.
//
//   code_o = clip(round_half_even((acc_i + offset_i) * mantissa_i / 2^shift_i) + zero_point_i,
//                 low_i, high_i)                               or acc_i itself when bypass_i = 1
//
// Constants come with their beat, zero point, limits and bypass are stable.  Three stages
// (add, multiply, round and clip), one beat per cycle; a held result stalls all of them.
// No overflow: |acc + offset| <= 2^38, mantissa < 2^24, rounding < 2^62: all below 2^63.
// Golden model: hwsim.peripherals.requantizer.

`default_nettype none

module requantizer #(
    parameter SUM_W      = 38,  // bits of a sum and of an offset, 16 to 38
    parameter MANTISSA_W = 24,  // bits of a mantissa, unsigned, 1 to 24
    parameter CODE_W     = 16   // bits of codes and limits, signed, 2 to 16
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,         // async assert, sync release

    input  wire                     bypass_i,
    input  wire signed [CODE_W-1:0] zero_point_i,
    input  wire signed [CODE_W-1:0] low_i,
    input  wire signed [CODE_W-1:0] high_i,

    input  wire                     acc_valid_i,
    output wire                     acc_ready_o,
    input  wire signed [SUM_W-1:0]  acc_i,
    input  wire                     acc_last_i,
    input  wire signed [SUM_W-1:0]  offset_i,
    input  wire [MANTISSA_W-1:0]    mantissa_i,
    input  wire [5:0]               shift_i,        // 1 to 63

    output wire                     code_valid_o,
    input  wire                     code_ready_i,
    output wire signed [SUM_W-1:0]  code_o,
    output wire                     code_last_o,

    output wire                     busy_o
);

    localparam WIDE_W = 64;

    // stage 1: acc + offset
    reg                          valid1_q;
    reg                          last1_q;
    reg  signed [SUM_W-1:0]      acc1_q;
    reg  signed [SUM_W:0]        biased1_q;
    reg         [MANTISSA_W-1:0] mantissa1_q;
    reg         [5:0]            shift1_q;
    // stage 2: product
    reg                          valid2_q;
    reg                          last2_q;
    reg  signed [SUM_W-1:0]      acc2_q;
    reg  signed [WIDE_W-1:0]     product2_q;
    reg         [5:0]            shift2_q;
    // stage 3: code
    reg                          valid3_q;
    reg                          last3_q;
    reg  signed [SUM_W-1:0]      code3_q;

    wire                     advance = ~valid3_q | code_ready_i;
    wire signed [SUM_W:0]    biased  = {acc_i[SUM_W-1], acc_i} + {offset_i[SUM_W-1], offset_i};

    wire signed [WIDE_W-1:0] factor  = {{(WIDE_W-SUM_W-1){biased1_q[SUM_W]}}, biased1_q};
    wire signed [WIDE_W-1:0] scale   = {{(WIDE_W-MANTISSA_W){1'b0}}, mantissa1_q};
    wire signed [WIDE_W-1:0] product = factor * scale;

    // One less than half rounds ties down; adding the quotient's lowest bit rounds them up
    // where that makes it even.
    wire        [WIDE_W-1:0] one     = {{(WIDE_W-1){1'b0}}, 1'b1};
    wire                     odd     = product2_q[shift2_q];
    wire signed [WIDE_W-1:0] half    = (one << (shift2_q - 6'd1)) - one
                                     + {{(WIDE_W-1){1'b0}}, odd};
    wire signed [WIDE_W-1:0] rounded = (product2_q + half) >>> shift2_q;
    wire signed [WIDE_W-1:0] zero    = {{(WIDE_W-CODE_W){zero_point_i[CODE_W-1]}}, zero_point_i};
    wire signed [WIDE_W-1:0] low     = {{(WIDE_W-CODE_W){low_i[CODE_W-1]}}, low_i};
    wire signed [WIDE_W-1:0] high    = {{(WIDE_W-CODE_W){high_i[CODE_W-1]}}, high_i};
    wire signed [WIDE_W-1:0] shifted = rounded + zero;
    wire signed [CODE_W-1:0] clipped = (shifted < low) ? low_i
                                     : (shifted > high) ? high_i : shifted[CODE_W-1:0];

    assign acc_ready_o  = advance;
    assign code_valid_o = valid3_q;
    assign code_o       = code3_q;
    assign code_last_o  = last3_q;
    assign busy_o       = valid1_q | valid2_q | valid3_q;

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            valid1_q    <= 1'b0;
            last1_q     <= 1'b0;
            acc1_q      <= {SUM_W{1'b0}};
            biased1_q   <= {(SUM_W+1){1'b0}};
            mantissa1_q <= {MANTISSA_W{1'b0}};
            shift1_q    <= 6'd1;
            valid2_q    <= 1'b0;
            last2_q     <= 1'b0;
            acc2_q      <= {SUM_W{1'b0}};
            product2_q  <= {WIDE_W{1'b0}};
            shift2_q    <= 6'd1;
            valid3_q    <= 1'b0;
            last3_q     <= 1'b0;
            code3_q     <= {SUM_W{1'b0}};
        end else if (advance) begin
            valid1_q    <= acc_valid_i;
            last1_q     <= acc_last_i;
            acc1_q      <= acc_i;
            biased1_q   <= biased;
            mantissa1_q <= mantissa_i;
            shift1_q    <= shift_i;
            valid2_q    <= valid1_q;
            last2_q     <= last1_q;
            acc2_q      <= acc1_q;
            product2_q  <= product;
            shift2_q    <= shift1_q;
            valid3_q    <= valid2_q;
            last3_q     <= last2_q;
            code3_q     <= bypass_i ? acc2_q : {{(SUM_W-CODE_W){clipped[CODE_W-1]}}, clipped};
        end
    end

    initial begin : p_check
        if (SUM_W < 16 || SUM_W > 38) begin
            $display("requantizer %m: SUM_W must be 16 to 38, got %0d", SUM_W);
            $finish;
        end
        if (MANTISSA_W < 1 || MANTISSA_W > 24) begin
            $display("requantizer %m: MANTISSA_W must be 1 to 24, got %0d", MANTISSA_W);
            $finish;
        end
        if (CODE_W < 2 || CODE_W >= SUM_W || CODE_W > 16) begin
            $display("requantizer %m: CODE_W must be 2 to 16 and below SUM_W, got %0d", CODE_W);
            $finish;
        end
    end

endmodule

`default_nettype wire
