    // Of the sums taken together each leaves once, in order, scaled and corrected.
    reg                      f_started = 1'b0;
    reg                      f_before  = 1'b0;  // of the cycle before
    reg  [OUTPUTS*ACC_W-1:0] f_sums;
    reg  signed [TOTAL_W-1:0] f_total;
    reg  [INDEX_W:0]         f_left = 0;  // results that have not left

    wire f_in  = sums_valid_i && sums_ready_o && rst_ni;
    wire f_out = result_valid_o && result_ready_i;
    wire [INDEX_W:0]          f_place = OUTPUTS - f_left;
    wire [OUTPUTS*ACC_W-1:0]  f_rest  = f_sums >> (f_place * ACC_W);
    wire signed [ACC_W-1:0]   f_sum   = f_rest[ACC_W-1:0];
    wire signed [SUM_W-1:0]   f_lsb   = {{(SUM_W-1){1'b0}}, 1'b1} << lsb_shift_i;
    wire signed [SUM_W-1:0]   f_scaled    = f_sum * f_lsb;
    wire signed [SUM_W-1:0]   f_corrected = f_total * coefficient_i;

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        if (f_in) begin
            f_sums  <= sums_i;
            f_total <= input_sum_i;
            f_left  <= OUTPUTS;
        end else if (f_out) begin
            f_left <= f_left - 1'b1;
        end
        if (f_started && $past(f_started) && $past(result_valid_o && !result_ready_i)) begin
            assert (result_valid_o);
            assert ($stable(result_index_o) && $stable(result_last_o));
            if ($stable(lsb_shift_i) && $stable(coefficient_i)) assert ($stable(result_o));
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (sums_q == 0 && input_sum_q == 0 && index_q == 0 && !full_q);
            end
            assert (f_left <= OUTPUTS);
            assert (result_valid_o == (f_left != 0));
            assert (!f_in || f_left == 0 || (f_left == 1 && f_out));  // nothing is overwritten
            if (f_left == 0 || (f_left == 1 && result_ready_i)) assert (sums_ready_o);
            if (f_left != 0) begin
                assert (sums_q == f_rest);
                assert (input_sum_q == f_total);
                assert (result_index_o == f_place[INDEX_W-1:0]);
                assert (result_last_o == (f_left == 1));
                assert (result_o == f_scaled + f_corrected);
            end
            cover (f_in && f_left == 1 && result_o < 0);
            cover (f_left == OUTPUTS && !result_ready_i && sums_valid_i);
        end
    end
endmodule
