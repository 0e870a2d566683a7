// SPDX-License-Identifier: Apache-2.0
//
// row_driver: cuts a vector of input codes into the digits that the word lines are driven with.
//
//   x[i] = sum_t s_t * digit_t[i] << shift_t,  t = 0 .. last, least significant digit first;
//   s_t = -1 for the digit of a sign bit, which stands alone (last, one bit wide), else +1.
//
// Throughput: one digit per cycle; a vector is accepted while the last digit of the one before
// leaves.  input_signed_i must not change while a vector is held.
// Golden model: hwsim.peripherals.row_driver.

`default_nettype none

module row_driver #(
    parameter INPUTS     = 8,   // inputs of one vector, 1 to 256
    parameter INPUT_BITS = 8,   // bits of one input, 2 to 8
    parameter DAC_BITS   = 1    // bits of one digit, 1 to 4
) (
    input  wire                         clk_i,
    input  wire                         rst_ni,          // async assert, sync release
    input  wire                         input_signed_i,  // 1: two's complement

    // vectors: input i in bits [(i+1)*INPUT_BITS-1 : i*INPUT_BITS]
    input  wire                         x_valid_i,
    output wire                         x_ready_o,
    input  wire [INPUTS*INPUT_BITS-1:0] x_i,

    // digits: bit b of input i's digit in bit b*INPUTS + i
    output wire                         digits_valid_o,
    input  wire                         digits_ready_i,
    output wire [DAC_BITS*INPUTS-1:0]   digits_o,
    output wire [2:0]                   digits_shift_o,
    output wire                         digits_negative_o,
    output wire                         digits_first_o,
    output wire                         digits_last_o
);

    localparam PLANES     = (INPUT_BITS > DAC_BITS) ? INPUT_BITS : DAC_BITS;
    localparam SIGN_SHIFT = INPUT_BITS - 1;

    // Bit planes: one shift by DAC_BITS planes brings the next digit of every input.
    reg  [PLANES*INPUTS-1:0] planes_q;
    reg  [INPUTS-1:0]        sign_q;
    reg  [2:0]               shift_q;
    reg                      negative_q;
    reg                      first_q;
    reg                      full_q;

    wire [4:0] shift_next = {2'b00, shift_q} + DAC_BITS[4:0];
    wire       sign_next  = input_signed_i & (shift_next >= SIGN_SHIFT[4:0]);
    wire       last       = input_signed_i ? negative_q : (shift_next >= INPUT_BITS[4:0]);
    wire       digit_fire = full_q & digits_ready_i;
    wire       x_fire     = x_valid_i & x_ready_o;

    assign x_ready_o         = ~full_q | (digits_ready_i & last);
    assign digits_valid_o    = full_q;
    assign digits_o          = planes_q[DAC_BITS*INPUTS-1:0];
    assign digits_shift_o    = shift_q;
    assign digits_negative_o = negative_q;
    assign digits_first_o    = first_q;
    assign digits_last_o     = last;

    integer i;
    integer b;

    // The transposition stands in the clocked block, not in a `_d` process: a simulator then
    // does it once per vector and not whenever any input changes.
    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            planes_q   <= {(PLANES*INPUTS){1'b0}};
            sign_q     <= {INPUTS{1'b0}};
            shift_q    <= 3'd0;
            negative_q <= 1'b0;
            first_q    <= 1'b0;
            full_q     <= 1'b0;
        end else if (x_fire) begin
            planes_q <= {(PLANES*INPUTS){1'b0}};
            for (i = 0; i < INPUTS; i = i + 1) begin
                for (b = 0; b < SIGN_SHIFT; b = b + 1) begin
                    planes_q[b*INPUTS + i] <= x_i[i*INPUT_BITS + b];
                end
                planes_q[SIGN_SHIFT*INPUTS + i] <= x_i[i*INPUT_BITS + SIGN_SHIFT] & ~input_signed_i;
                sign_q[i]                       <= x_i[i*INPUT_BITS + SIGN_SHIFT];
            end
            shift_q    <= 3'd0;
            negative_q <= 1'b0;
            first_q    <= 1'b1;
            full_q     <= 1'b1;
        end else if (digit_fire) begin
            planes_q <= planes_q >> (DAC_BITS*INPUTS);
            if (sign_next) begin
                planes_q <= {{((PLANES-1)*INPUTS){1'b0}}, sign_q};
            end
            shift_q    <= sign_next ? SIGN_SHIFT[2:0] : shift_next[2:0];
            negative_q <= sign_next;
            first_q    <= 1'b0;
            full_q     <= ~last;
        end
    end

    initial begin : p_check
        if (INPUTS < 1 || INPUTS > 256) begin
            $display("row_driver %m: INPUTS must be 1 to 256, got %0d", INPUTS);
            $finish;
        end
        if (INPUT_BITS < 2 || INPUT_BITS > 8) begin
            $display("row_driver %m: INPUT_BITS must be 2 to 8, got %0d", INPUT_BITS);
            $finish;
        end
        if (DAC_BITS < 1 || DAC_BITS > 4) begin
            $display("row_driver %m: DAC_BITS must be 1 to 4, got %0d", DAC_BITS);
            $finish;
        end
    end

endmodule

`default_nettype wire
