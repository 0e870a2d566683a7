    // Every sum leaves once, in order, as its code: rounded half to even, clipped.
    localparam F_BEAT = 2 * SUM_W + MANTISSA_W + 7;  // acc, offset, mantissa, shift, last

    (* anyconst *) wire [CODE_W-1:0] f_zero_point;
    (* anyconst *) wire [CODE_W-1:0] f_low;
    (* anyconst *) wire [CODE_W-1:0] f_high;
    (* anyconst *) wire              f_bypass;

    reg              f_started = 1'b0;
    reg              f_before  = 1'b0;  // of the cycle before
    reg [F_BEAT-1:0] f_queue0;  // the oldest beat inside
    reg [F_BEAT-1:0] f_queue1;
    reg [F_BEAT-1:0] f_queue2;
    reg [1:0]        f_inside = 2'd0;

    wire f_in  = acc_valid_i && acc_ready_o && rst_ni;
    wire f_out = code_valid_o && code_ready_i;
    wire [F_BEAT-1:0] f_beat   = {acc_i, offset_i, mantissa_i, shift_i, acc_last_i};
    wire [1:0]        f_stay   = f_inside - f_out;
    wire [F_BEAT-1:0] f_second = valid3_q ? f_queue1 : f_queue0;  // beat of stage 2
    wire [F_BEAT-1:0] f_third  = (valid3_q && valid2_q) ? f_queue2
                               : (valid3_q || valid2_q) ? f_queue1 : f_queue0;

    // The oldest beat: quotient, remainder, tie to even.
    wire signed [SUM_W-1:0]      f_acc      = f_queue0[F_BEAT-1:F_BEAT-SUM_W];
    wire signed [WIDE_W-1:0]     f_floor    = product2_q >>> shift2_q;
    wire signed [WIDE_W-1:0]     f_over     = product2_q - (f_floor << shift2_q);
    wire signed [WIDE_W-1:0]     f_tie      = {{(WIDE_W-1){1'b0}}, 1'b1} << (shift2_q - 6'd1);
    wire                         f_up       = (f_over > f_tie) || (f_over == f_tie && f_floor[0]);
    wire signed [WIDE_W-1:0]     f_unlimited = f_floor + $signed({1'b0, f_up}) + $signed(zero_point_i);
    wire signed [WIDE_W-1:0]     f_code     = (f_unlimited < $signed(low_i)) ? $signed(low_i)
                                            : (f_unlimited > $signed(high_i)) ? $signed(high_i)
                                            : f_unlimited;
    reg  signed [WIDE_W-1:0]     f_code_q;

    // Constants and product of the beats behind.  The product is that of stage 1's registers,
    // which are proved equal to the beat that moves on with it.
    wire signed [SUM_W-1:0]      f_acc2    = f_second[F_BEAT-1:F_BEAT-SUM_W];
    wire signed [SUM_W+MANTISSA_W+1:0] f_product = biased1_q * $signed({1'b0, mantissa1_q});
    reg  signed [SUM_W+MANTISSA_W+1:0] f_product_q;
    wire signed [SUM_W-1:0]      f_acc3    = f_third[F_BEAT-1:F_BEAT-SUM_W];
    wire signed [SUM_W-1:0]      f_offset3 = f_third[F_BEAT-SUM_W-1:MANTISSA_W+7];

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        f_inside  <= f_stay + f_in;
        if (f_out) begin
            f_queue0 <= f_queue1;
            f_queue1 <= f_queue2;
        end
        if (f_in) begin
            if (f_stay == 2'd0) f_queue0 <= f_beat;
            if (f_stay == 2'd1) f_queue1 <= f_beat;
            if (f_stay == 2'd2) f_queue2 <= f_beat;
        end
        if (advance) begin
            f_product_q <= f_product;
            f_code_q    <= f_code;
        end
        if (f_started && $past(f_started)) begin
            if ($past(code_valid_o && !code_ready_i)) begin
                assert (code_valid_o && $stable(code_o) && $stable(code_last_o));
            end
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        assume (zero_point_i == f_zero_point && low_i == f_low && high_i == f_high);
        assume (bypass_i == f_bypass);
        assume (shift_i == `F_SHIFT);  // all of them, one after the other
        assume ($signed(low_i) <= $signed(high_i));
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert ({valid1_q, valid2_q, valid3_q, last1_q, last2_q, last3_q} == 0);
                assert (acc1_q == 0 && biased1_q == 0 && mantissa1_q == 0 && shift1_q == 6'd1);
                assert (acc2_q == 0 && product2_q == 0 && shift2_q == 6'd1 && code3_q == 0);
            end
            if (valid1_q) assert (shift1_q == `F_SHIFT);
            if (valid2_q) assert (shift2_q == `F_SHIFT);
            assert (f_inside == valid1_q + valid2_q + valid3_q);
            assert (busy_o == (f_inside != 0));
            assert (code_valid_o == valid3_q);
            if (f_inside == 2'd0 || code_ready_i) assert (acc_ready_o);
            if (valid3_q) begin
                assert (code_last_o == f_queue0[0]);
                assert ($signed(code_o) == (bypass_i ? f_acc : f_code_q));
            end
            if (valid2_q) begin
                assert (product2_q == f_product_q);
                assert (acc2_q == f_acc2 && shift2_q == f_second[6:1] && last2_q == f_second[0]);
            end
            if (valid1_q) begin
                assert (biased1_q == f_acc3 + f_offset3 && acc1_q == f_acc3);
                assert (mantissa1_q == f_third[MANTISSA_W+6:7]);
                assert (shift1_q == f_third[6:1] && last1_q == f_third[0]);
            end
            cover (f_inside == 3 && f_out && f_in && !bypass_i && code_o < 0);
            if (`F_SHIFT < SUM_W) begin  // else no product is as large as a tie
                cover (valid2_q && f_over == f_tie && f_floor[0]);
                cover (valid2_q && f_over == f_tie && !f_floor[0]);
            end
            cover (valid2_q && f_unlimited > $signed(high_i));
            cover (f_inside == 3 && !code_ready_i);
        end
    end
endmodule
