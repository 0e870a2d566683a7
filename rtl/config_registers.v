// SPDX-License-Identifier: Apache-2.0
//
// config_registers: what may change at run time, written word by word.
//
// An address is {kind[3:0], output[INDEX_W-1:0]}; registers without an output ignore that part.
//   kind 0 CONTROL     bit 0 inputs are signed, bit 1 add the partial stream, bit 2 requantize
//   kind 1 LSB_SHIFT   log2 of the converters' least significant bit
//   kind 2 ZERO_POINT  kind 3 LOW   kind 4 HIGH     of the requantizer, signed
//   kind 5 MANTISSA[n] kind 6 SHIFT[n]  kind 7 OFFSET[n]  of output n (not reset)
//   kind 8 FLIP[n]     bit s: slice s of output n holds complemented levels (offset encoding)
//   kind 9 CYCLES      busy cycles of the tile, written to any value: cleared
// A word is accepted while idle_i = 1; cfg_data_o answers cfg_address_i in the same cycle.
// Golden model: hwsim.cosim.parameters.Register.

`default_nettype none

module config_registers #(
    parameter OUTPUTS    = 8,   // outputs of one tile, 1 to 256
    parameter SLICES     = 4,   // slices of one weight, 1 to 8
    parameter INDEX_W    = 3,   // 2^INDEX_W >= OUTPUTS
    parameter LSB_W      = 4,   // bits of LSB_SHIFT
    parameter CODE_W     = 16,  // bits of ZERO_POINT, LOW, HIGH
    parameter MANTISSA_W = 24,  // bits of MANTISSA
    parameter SUM_W      = 38   // bits of OFFSET and of a word
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,          // async assert, sync release
    input  wire                      idle_i,
    input  wire                      busy_i,          // counted in CYCLES

    input  wire                      cfg_valid_i,
    output wire                      cfg_ready_o,
    input  wire [INDEX_W+3:0]        cfg_address_i,
    input  wire [SUM_W-1:0]          cfg_i,
    output wire [SUM_W-1:0]          cfg_o,

    output wire                      input_signed_o,
    output wire                      chain_o,
    output wire                      requantize_o,
    output wire [LSB_W-1:0]          lsb_shift_o,
    output wire signed [CODE_W-1:0]  zero_point_o,
    output wire signed [CODE_W-1:0]  low_o,
    output wire signed [CODE_W-1:0]  high_o,
    output wire [OUTPUTS*SLICES-1:0] flips_o,

    // the flip bits of one output
    input  wire [INDEX_W-1:0]        flip_index_i,
    output wire [SLICES-1:0]         flip_o,

    // the requantizer's constants of one output
    input  wire [INDEX_W-1:0]        constants_index_i,
    output wire [MANTISSA_W-1:0]     mantissa_o,
    output wire [5:0]                shift_o,
    output wire signed [SUM_W-1:0]   offset_o
);

    localparam CONTROL    = 0;
    localparam LSB_SHIFT  = 1;
    localparam ZERO_POINT = 2;
    localparam LOW        = 3;
    localparam HIGH       = 4;
    localparam MANTISSA   = 5;
    localparam SHIFT      = 6;
    localparam OFFSET     = 7;
    localparam FLIP       = 8;
    localparam CYCLES     = 9;

    reg        [2:0]            control_q;
    reg        [LSB_W-1:0]      lsb_shift_q;
    reg signed [CODE_W-1:0]     zero_point_q;
    reg signed [CODE_W-1:0]     low_q;
    reg signed [CODE_W-1:0]     high_q;
    reg        [31:0]           cycles_q;
    reg        [SLICES-1:0]     flip_q     [0:OUTPUTS-1];
    reg        [MANTISSA_W-1:0] mantissa_q [0:OUTPUTS-1];
    reg        [5:0]            shift_q    [0:OUTPUTS-1];
    reg signed [SUM_W-1:0]      offset_q   [0:OUTPUTS-1];
    reg        [SUM_W-1:0]      cfg;

    wire               fire  = cfg_valid_i & cfg_ready_o;
    wire [3:0]         kind  = cfg_address_i[INDEX_W+3:INDEX_W];
    wire [INDEX_W-1:0] index = cfg_address_i[INDEX_W-1:0];

    wire        [MANTISSA_W-1:0] mantissa = mantissa_q[index];
    wire        [5:0]            shift    = shift_q[index];
    wire signed [SUM_W-1:0]      offset   = offset_q[index];
    wire        [SLICES-1:0]     flip     = flip_q[index];

    assign cfg_ready_o    = idle_i;
    assign cfg_o          = cfg;
    assign input_signed_o = control_q[0];
    assign chain_o        = control_q[1];
    assign requantize_o   = control_q[2];
    assign lsb_shift_o    = lsb_shift_q;
    assign zero_point_o   = zero_point_q;
    assign low_o          = low_q;
    assign high_o         = high_q;
    assign flip_o         = flip_q[flip_index_i];
    assign mantissa_o     = mantissa_q[constants_index_i];
    assign shift_o        = shift_q[constants_index_i];
    assign offset_o       = offset_q[constants_index_i];

    genvar n;
    generate
        for (n = 0; n < OUTPUTS; n = n + 1) begin : g_flip
            assign flips_o[(n+1)*SLICES-1:n*SLICES] = flip_q[n];
        end
    endgenerate

    always @(*) begin : p_read
        case (kind)
            CONTROL[3:0]:    cfg = {{(SUM_W-3){1'b0}}, control_q};
            LSB_SHIFT[3:0]:  cfg = {{(SUM_W-LSB_W){1'b0}}, lsb_shift_q};
            ZERO_POINT[3:0]: cfg = {{(SUM_W-CODE_W){zero_point_q[CODE_W-1]}}, zero_point_q};
            LOW[3:0]:        cfg = {{(SUM_W-CODE_W){low_q[CODE_W-1]}}, low_q};
            HIGH[3:0]:       cfg = {{(SUM_W-CODE_W){high_q[CODE_W-1]}}, high_q};
            MANTISSA[3:0]:   cfg = {{(SUM_W-MANTISSA_W){1'b0}}, mantissa};
            SHIFT[3:0]:      cfg = {{(SUM_W-6){1'b0}}, shift};
            OFFSET[3:0]:     cfg = offset;
            FLIP[3:0]:       cfg = {{(SUM_W-SLICES){1'b0}}, flip};
            CYCLES[3:0]:     cfg = {{(SUM_W-32){1'b0}}, cycles_q};
            default:         cfg = {SUM_W{1'b0}};
        endcase
    end

    integer k;

    always @(posedge clk_i or negedge rst_ni) begin : p_state
        if (!rst_ni) begin
            control_q    <= 3'd0;
            lsb_shift_q  <= {LSB_W{1'b0}};
            zero_point_q <= {CODE_W{1'b0}};
            low_q        <= {CODE_W{1'b0}};
            high_q       <= {CODE_W{1'b0}};
            cycles_q     <= 32'd0;
            for (k = 0; k < OUTPUTS; k = k + 1) begin
                flip_q[k] <= {SLICES{1'b0}};
            end
        end else begin
            if (busy_i) begin
                cycles_q <= cycles_q + 32'd1;
            end
            if (fire) begin
                case (kind)
                    CONTROL[3:0]:    control_q     <= cfg_i[2:0];
                    LSB_SHIFT[3:0]:  lsb_shift_q   <= cfg_i[LSB_W-1:0];
                    ZERO_POINT[3:0]: zero_point_q  <= cfg_i[CODE_W-1:0];
                    LOW[3:0]:        low_q         <= cfg_i[CODE_W-1:0];
                    HIGH[3:0]:       high_q        <= cfg_i[CODE_W-1:0];
                    FLIP[3:0]:       flip_q[index] <= cfg_i[SLICES-1:0];
                    CYCLES[3:0]:     cycles_q      <= 32'd0;
                    default:         control_q     <= control_q;
                endcase
            end
        end
    end

    // Tables: no reset, so that they may become a memory.
    always @(posedge clk_i) begin : p_tables
        if (fire) begin
            case (kind)
                MANTISSA[3:0]: mantissa_q[index] <= cfg_i[MANTISSA_W-1:0];
                SHIFT[3:0]:    shift_q[index]    <= cfg_i[5:0];
                OFFSET[3:0]:   offset_q[index]   <= cfg_i;
                default:       offset_q[index]   <= offset_q[index];
            endcase
        end
    end

    initial begin : p_check
        if (OUTPUTS < 1 || OUTPUTS > (1 << INDEX_W)) begin
            $display("config_registers %m: OUTPUTS must be 1 to 2^INDEX_W, got %0d", OUTPUTS);
            $finish;
        end
        if (SUM_W <= 32 || SUM_W <= MANTISSA_W || SUM_W <= CODE_W) begin
            $display("config_registers %m: SUM_W must hold every register, got %0d", SUM_W);
            $finish;
        end
    end

endmodule

`default_nettype wire
