// SPDX-License-Identifier: Apache-2.0
//
// accumulator: adds, beat by beat, the partial sums of another tile to this tile's own.
//
//   total_o = sum_i + (chain_i ? partial_i : 0)
//
// Tiles in a chain add the row blocks of a matrix and its redundant copies; the first tile of
// a chain has chain_i = 0, and its partial stream is never ready.
// Latency one cycle, throughput one beat per cycle; both inputs of a beat are taken together.
// SUM_W bits do not overflow while |total| < 2^(SUM_W-1) (hwsim.peripherals.accumulator).
// Golden model: hwsim.peripherals.accumulator.

`default_nettype none

module accumulator #(
    parameter SUM_W   = 38,  // bits of a sum, 2 to 64
    parameter INDEX_W = 8    // bits of an output's number
) (
    input  wire                    clk_i,
    input  wire                    rst_ni,           // async assert, sync release
    input  wire                    chain_i,          // 1: add the partial stream

    // own sums
    input  wire                    sum_valid_i,
    output wire                    sum_ready_o,
    input  wire signed [SUM_W-1:0] sum_i,
    input  wire [INDEX_W-1:0]      sum_index_i,
    input  wire                    sum_last_i,

    // the sums of the tile before
    input  wire                    partial_valid_i,
    output wire                    partial_ready_o,
    input  wire signed [SUM_W-1:0] partial_i,

    output wire                    total_valid_o,
    input  wire                    total_ready_i,
    output wire signed [SUM_W-1:0] total_o,
    output wire [INDEX_W-1:0]      total_index_o,
    output wire                    total_last_o
);

    reg                     total_valid_q;
    reg                     total_valid_d;
    reg  signed [SUM_W-1:0] total_q;
    reg  signed [SUM_W-1:0] total_d;
    reg  [INDEX_W-1:0]      index_q;
    reg  [INDEX_W-1:0]      index_d;
    reg                     last_q;
    reg                     last_d;

    wire                    free  = ~total_valid_q | total_ready_i;
    wire                    fire  = sum_valid_i & sum_ready_o;
    wire signed [SUM_W-1:0] other = chain_i ? partial_i : {SUM_W{1'b0}};

    assign sum_ready_o     = free & (~chain_i | partial_valid_i);
    assign partial_ready_o = free & chain_i & sum_valid_i;
    assign total_valid_o   = total_valid_q;
    assign total_o         = total_q;
    assign total_index_o   = index_q;
    assign total_last_o    = last_q;

    always @(*) begin : p_next
        total_valid_d = fire | (total_valid_q & ~total_ready_i);
        total_d       = fire ? sum_i + other : total_q;
        index_d       = fire ? sum_index_i : index_q;
        last_d        = fire ? sum_last_i : last_q;
    end

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            total_valid_q <= 1'b0;
            total_q       <= {SUM_W{1'b0}};
            index_q       <= {INDEX_W{1'b0}};
            last_q        <= 1'b0;
        end else begin
            total_valid_q <= total_valid_d;
            total_q       <= total_d;
            index_q       <= index_d;
            last_q        <= last_d;
        end
    end

    initial begin : p_check
        if (SUM_W < 2 || SUM_W > 64) begin
            $display("accumulator %m: SUM_W must be 2 to 64, got %0d", SUM_W);
            $finish;
        end
    end

endmodule

`default_nettype wire
