    // The code equals the clipped, rounded sample, ADC_BITS + 1 cycles after the start.
    localparam F_FRACTION = 2;  // bits of a sample below its LSB
    localparam F_W        = ADC_BITS + F_FRACTION + 3;

    reg                    f_started = 1'b0;
    reg                    f_before  = 1'b0;  // of the cycle before
    reg  signed [F_W-1:0]  f_sample;
    reg  [4:0]             f_age = 5'd0;  // cycles since the start, while converting
    (* anyseq *) wire signed [F_W-1:0] f_line;

    wire signed [F_W-1:0] f_bound   = 1 << (ADC_BITS + F_FRACTION + 1);
    wire signed [F_W-1:0] f_low     = (CODE_SIGNED != 0) ? -(1 << (ADC_BITS - 1)) : 0;
    wire signed [F_W-1:0] f_high    = f_low + (1 << ADC_BITS) - 1;
    wire signed [F_W-1:0] f_rounded = (f_sample + (1 << (F_FRACTION - 1))) >>> F_FRACTION;
    wire signed [F_W-1:0] f_code    = (f_rounded < f_low) ? f_low
                                    : (f_rounded > f_high) ? f_high : f_rounded;
    wire signed [F_W-1:0] f_trial   = (CODE_SIGNED != 0) ? $signed(trial_o)
                                                         : $signed({1'b0, trial_o});
    wire signed [F_W-1:0] f_found   = (CODE_SIGNED != 0) ? $signed(code_o)
                                                         : $signed({1'b0, code_o});
    wire [ADC_BITS:0]     f_target  = f_code - f_low;
    wire                  f_in_range = (f_sample > -f_bound) && (f_sample < f_bound);

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        if (start_fire && rst_ni) begin
            f_sample <= f_line;
            f_age    <= 5'd1;
        end else if (code_valid_q && code_ready_i) begin
            f_age <= 5'd0;
        end else if (f_age != 5'd0 && !code_valid_q) begin
            f_age <= f_age + 5'd1;
        end
        if (f_started && $past(f_started) && $past(code_valid_o && !code_ready_i)) begin
            assert (code_valid_o && $stable(code_o));
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        assume (f_line > -f_bound && f_line < f_bound);
        assume (above_i == (f_sample + (1 << (F_FRACTION - 1)) >= (f_trial << F_FRACTION)));
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (mask_q == 0 && bits_q == 0 && !code_valid_q);
            end
            // Invariant: bits decided so far, and what they leave open.
            assert (f_in_range || f_age == 5'd0);
            assert ((f_age == 5'd0) == (mask_q == 0 && !code_valid_q));
            if (mask_q != 0) begin
                assert (!code_valid_q && !start_ready_o);
                assert (mask_q == ({{ADC_BITS{1'b0}}, 1'b1} << (ADC_BITS - f_age)));
                assert ((bits_q & ((mask_q << 1) - 1'b1)) == 0);
                assert ({1'b0, bits_q} <= f_target);
                assert (f_target < {1'b0, bits_q} + {mask_q, 1'b0});
            end
            // The claim.
            if (code_valid_o) begin
                assert (f_found == f_code);
                assert (f_age == ADC_BITS + 1);
            end
            cover (code_valid_o && f_code == f_high && f_rounded > f_high);
            cover (code_valid_o && f_code == f_low && f_rounded < f_low);
            cover (code_valid_o && f_code == f_low + 1 && code_ready_i && start_valid_i);
        end
    end
endmodule
