    // The running sum is the sum of the digits' values; it is handed over at `finish`.
    reg                      f_started = 1'b0;
    reg                      f_before  = 1'b0;  // of the cycle before
    reg signed [TOTAL_W-1:0] f_running = 0;
    reg signed [TOTAL_W-1:0] f_finished = 0;
    reg signed [TOTAL_W-1:0] f_added;  // what the digits of this cycle are worth
    integer f_i;
    integer f_b;

    always @(*) begin
        f_added = 0;
        for (f_i = 0; f_i < INPUTS; f_i = f_i + 1) begin
            for (f_b = 0; f_b < DAC_BITS; f_b = f_b + 1) begin
                if (digits_i[f_b*INPUTS + f_i]) begin
                    if (digits_negative_i) f_added = f_added - (1 << (f_b + digits_shift_i));
                    else                   f_added = f_added + (1 << (f_b + digits_shift_i));
                end
            end
        end
    end

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        if (rst_ni && digits_fire_i) f_running <= (digits_first_i ? 0 : f_running) + f_added;
        if (rst_ni && finish_i)      f_finished <= f_running;
    end

    always @(*) begin
        assume (rst_ni == f_started);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (running_q == 0 && sum_q == 0);
            end
            assert (running_q == f_running);
            assert (sum_o == f_finished);
            cover (sum_o < -1);
            cover (sum_o > 2 && digits_fire_i && !digits_first_i);
        end
    end
endmodule
