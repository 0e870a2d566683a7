    // At the end of every phase the sums are those of the formula, modulo 2^ACC_W.
    // (That no sum of a real product leaves that range: tests/hwsim/test_proofs.py.)
    localparam F_GROUP = SLICES * CONVERTED;

    reg                  f_started = 1'b0;
    reg                  f_before  = 1'b0;  // of the cycle before
    reg [COLUMN_W:0]     f_line    = 0;  // of the next code; 0: a phase begins
    reg [BANK*ACC_W-1:0] f_sums    = 0;
    reg [BANK*ACC_W-1:0] f_next;
    reg [4:0]            f_phase;        // first, negative, shift of the running phase

    wire [COLUMN_W+4:0]  f_number = FIRST + f_line;
    wire [COLUMN_W+4:0]  f_output = f_number / F_GROUP;
    wire [COLUMN_W+4:0]  f_within = f_number % F_GROUP;
    wire [COLUMN_W+4:0]  f_slice  = f_within / CONVERTED;
    wire                 f_pair   = f_within % CONVERTED;
    wire                 f_top    = (f_slice == SLICES - 1);
    wire [4:0]           f_shift  = (f_top ? TOP_SHIFT : f_slice * CELL_BITS) + phase_shift_i;
    wire signed [ACC_W-1:0] f_value  = (CODE_SIGNED != 0) ? $signed(code_i)
                                                          : $signed({1'b0, code_i});
    wire [2:0]           f_minus  = (phase_negative_i ? 1 : 0) + (f_pair ? 1 : 0)
                                  + ((f_top && TOP_NEGATIVE != 0) ? 1 : 0)
                                  + (flips_i[f_line] ? 1 : 0);
    wire signed [ACC_W-1:0] f_term   = (f_minus % 2 == 1) ? -(f_value << f_shift)
                                                          : f_value << f_shift;
    wire                 f_fold   = code_valid_i && f_line < LINES && rst_ni;
    integer f_m;
    integer f_n;

    always @(*) begin
        f_next = f_sums;
        for (f_m = 0; f_m < BANK; f_m = f_m + 1) begin
            if (f_fold && f_output == f_m) begin
                if (phase_first_i && (f_line == 0 || f_within == 0)) begin
                    f_next[f_m*ACC_W +: ACC_W] = f_term;
                end else begin
                    f_next[f_m*ACC_W +: ACC_W] = f_sums[f_m*ACC_W +: ACC_W] + f_term;
                end
            end
        end
    end

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        f_sums    <= f_next;
        if (code_valid_i && rst_ni) begin
            f_line  <= (f_line == COLS_PER_ADC - 1) ? 0 : f_line + 1'b1;
            f_phase <= {phase_first_i, phase_negative_i, phase_shift_i};
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        assume (code_restart_i == (f_line == 0));
        if (f_line != 0) assume (f_phase == {phase_first_i, phase_negative_i, phase_shift_i});
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (column_q == 0 && slice_q == 0 && !pair_q && !in_use_q && bank_q == 0 && acc_q == 0);
            end
            assert (f_line < COLS_PER_ADC);
            // Invariant: where the next line belongs, and which sums lie where in the bank.
            if (f_line != 0) assert (in_use_q == (f_line < LINES));
            if (f_line != 0 && f_line < LINES) begin
                assert (column_q == f_line && slice_q == f_slice && pair_q == f_pair);
                for (f_n = 0; f_n < BANK; f_n = f_n + 1) begin
                    if (f_n == f_output && f_within != 0) begin
                        assert (acc_q == f_sums[f_n*ACC_W +: ACC_W]);
                    end else begin
                        assert (bank_q[((f_n + BANK - f_output) % BANK)*ACC_W +: ACC_W]
                                == f_sums[f_n*ACC_W +: ACC_W]);
                    end
                end
            end
            if (f_line == 0 || f_line >= LINES) assert (bank_q == f_sums);
            // The claim.
            if (f_line == 0 && !f_fold || f_line >= LINES) assert (sums_o == f_sums);
            if (f_fold && f_line == LINES - 1) assert (sums_o == f_next);
            cover (f_line == LINES - 1 && f_fold && phase_first_i && f_sums != 0);
            cover (f_line == LINES - 1 && f_fold && !phase_first_i && phase_negative_i
                   && code_i == {CODE_W{1'b1}});
        end
    end
endmodule
