    // A place for one beat: every sum, with its partial, leaves once and in order.
    reg                     f_started = 1'b0;
    reg                     f_before  = 1'b0;  // of the cycle before
    reg                     f_full    = 1'b0;
    reg  signed [SUM_W-1:0] f_total;
    reg  [INDEX_W-1:0]      f_index;
    reg                     f_last;

    wire f_in  = sum_valid_i && sum_ready_o && rst_ni;
    wire f_out = total_valid_o && total_ready_i;

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        f_full    <= f_in || (f_full && !f_out);
        if (f_in) begin
            f_total <= sum_i;
            if (chain_i) f_total <= $signed(partial_i) + $signed(sum_i);
            f_index <= sum_index_i;
            f_last  <= sum_last_i;
        end
        if (f_started && $past(f_started) && $past(total_valid_o && !total_ready_i)) begin
            assert (total_valid_o && $stable(total_o));
            assert ($stable(total_index_o) && $stable(total_last_o));
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (!total_valid_q && total_q == 0 && index_q == 0 && !last_q);
            end
            assert (total_valid_o == f_full);
            assert (!(f_in && f_full) || f_out);  // nothing is overwritten
            assert ((partial_valid_i && partial_ready_o) == (f_in && chain_i));
            assert (!(partial_ready_o && !sum_valid_i));
            // Ready as soon as there is room: no beat waits for ever.
            if ((!f_full || total_ready_i) && (!chain_i || partial_valid_i)) assert (sum_ready_o);
            if (f_full) begin
                assert (total_o == f_total);
                assert (total_index_o == f_index && total_last_o == f_last);
            end
            cover (f_full && f_out && f_in && chain_i && f_total < 0);
            cover (f_full && !total_ready_i && sum_valid_i);
        end
    end
endmodule
