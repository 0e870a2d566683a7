// SPDX-License-Identifier: Apache-2.0
//
// column_mux: selects which line of its group each shared converter sees.
//
//   select_o[c] = enable_i & (column_i == c); at most one switch is closed at a time.
//
// Combinational.  The switches themselves are analog; every group has the same select lines.
// Golden model: hwsim.peripherals.adc.select_lines.

`default_nettype none

module column_mux #(
    parameter COLS_PER_ADC = 8,  // lines of one group, 1 to 256
    parameter COLUMN_W     = 3   // width of a line's number: 2^COLUMN_W >= COLS_PER_ADC
) (
    input  wire                    enable_i,
    input  wire [COLUMN_W-1:0]     column_i,
    output wire [COLS_PER_ADC-1:0] select_o
);

    genvar c;
    generate
        for (c = 0; c < COLS_PER_ADC; c = c + 1) begin : g_line
            assign select_o[c] = enable_i & (column_i == c);
        end
    endgenerate

    initial begin : p_check
        if (COLS_PER_ADC < 1 || COLS_PER_ADC > (1 << COLUMN_W)) begin
            $display("column_mux %m: COLS_PER_ADC must be 1 to 2^COLUMN_W, got %0d", COLS_PER_ADC);
            $finish;
        end
    end

endmodule

`default_nettype wire
