// SPDX-License-Identifier: Apache-2.0
//
// output_register: takes the sums of all outputs at once, lets them leave one by one.
//
//   result_o = (sum[n] << lsb_shift_i) + coefficient_i * input_sum,  n = result_index_o
//
// lsb_shift_i: log2 of the converters' least significant bit.  coefficient_i belongs to output
// result_index_o: what one unit of the sum of the inputs adds (offset encoding, else 0).
// Results leave from the cycle after the sums were taken, one per cycle; the next sums may be
// taken as the last result leaves.
// Golden model: hwsim.peripherals.shift_add.scaled_sums.

`default_nettype none

module output_register #(
    parameter OUTPUTS       = 8,   // outputs of one tile, 1 to 256
    parameter ACC_W         = 25,  // bits of a sum
    parameter LSB_W         = 4,   // bits of the shift
    parameter COEFFICIENT_W = 10,  // bits of a coefficient
    parameter TOTAL_W       = 17,  // bits of the sum of the inputs
    parameter SUM_W         = 38,  // bits of a result: > ACC_W + largest shift
    parameter INDEX_W       = 8    // 2^INDEX_W >= OUTPUTS
) (
    input  wire                            clk_i,
    input  wire                            rst_ni,           // async assert, sync release

    input  wire [LSB_W-1:0]                lsb_shift_i,
    input  wire signed [COEFFICIENT_W-1:0] coefficient_i,

    input  wire                            sums_valid_i,
    output wire                            sums_ready_o,
    input  wire [OUTPUTS*ACC_W-1:0]        sums_i,
    input  wire signed [TOTAL_W-1:0]       input_sum_i,

    output wire                            result_valid_o,
    input  wire                            result_ready_i,
    output wire signed [SUM_W-1:0]         result_o,
    output wire [INDEX_W-1:0]              result_index_o,
    output wire                            result_last_o
);

    localparam LAST = OUTPUTS - 1;

    reg         [OUTPUTS*ACC_W-1:0] sums_q;
    reg  signed [TOTAL_W-1:0]       input_sum_q;
    reg         [INDEX_W-1:0]       index_q;
    reg                             full_q;

    wire                    sums_fire   = sums_valid_i & sums_ready_o;
    wire                    result_fire = full_q & result_ready_i;
    wire                    last        = (index_q == LAST[INDEX_W-1:0]);
    wire signed [SUM_W-1:0] sum         = {{(SUM_W-ACC_W){sums_q[ACC_W-1]}}, sums_q[ACC_W-1:0]};
    wire signed [SUM_W-1:0] coefficient = {{(SUM_W-COEFFICIENT_W){coefficient_i[COEFFICIENT_W-1]}},
                                           coefficient_i};
    wire signed [SUM_W-1:0] total       = {{(SUM_W-TOTAL_W){input_sum_q[TOTAL_W-1]}}, input_sum_q};

    assign sums_ready_o   = ~full_q | (result_ready_i & last);
    assign result_valid_o = full_q;
    assign result_o       = (sum << lsb_shift_i) + coefficient * total;
    assign result_index_o = index_q;
    assign result_last_o  = last;

    // Wide registers load under a condition, not through `_d`: see row_driver.
    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            sums_q      <= {(OUTPUTS*ACC_W){1'b0}};
            input_sum_q <= {TOTAL_W{1'b0}};
            index_q     <= {INDEX_W{1'b0}};
            full_q      <= 1'b0;
        end else if (sums_fire) begin
            sums_q      <= sums_i;
            input_sum_q <= input_sum_i;
            index_q     <= {INDEX_W{1'b0}};
            full_q      <= 1'b1;
        end else if (result_fire) begin
            sums_q  <= sums_q >> ACC_W;
            index_q <= index_q + 1'b1;
            full_q  <= ~last;
        end
    end

    initial begin : p_check
        if (OUTPUTS < 1 || OUTPUTS > (1 << INDEX_W)) begin
            $display("output_register %m: OUTPUTS must be 1 to 2^INDEX_W, got %0d", OUTPUTS);
            $finish;
        end
        if (SUM_W <= ACC_W || SUM_W <= COEFFICIENT_W || SUM_W <= TOTAL_W) begin
            $display("output_register %m: SUM_W must exceed what is added, got %0d", SUM_W);
            $finish;
        end
    end

endmodule

`default_nettype wire
