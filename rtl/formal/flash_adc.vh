    // The code is the lowest one plus the number of comparators above; none is lost.
    reg               f_started = 1'b0;
    reg               f_before  = 1'b0;  // of the cycle before
    reg               f_full    = 1'b0;
    reg  [ADC_BITS:0] f_held;
    (* anyseq *) wire [ADC_BITS:0] f_count;  // comparators above

    wire [COMPARATORS:0] f_thermometer = ({{COMPARATORS{1'b0}}, 1'b1} << f_count) - 1'b1;
    wire [ADC_BITS-1:0]  f_low         = (CODE_SIGNED != 0) ? 1 << (ADC_BITS - 1) : 0;

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        if (start_valid_i && start_ready_o && rst_ni) begin
            f_held <= f_count;
            f_full <= 1'b1;
        end else if (code_valid_o && code_ready_i) begin
            f_full <= 1'b0;
        end
        if (f_started && $past(f_started) && $past(code_valid_o && !code_ready_i)) begin
            assert (code_valid_o && $stable(code_o));
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        assume (f_count <= COMPARATORS);
        assume (above_i == f_thermometer[COMPARATORS-1:0]);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (bits_q == 0 && !code_valid_q);
            end
            assert (code_valid_o == f_full);
            assert (start_ready_o == (!f_full || code_ready_i));
            if (f_full) begin
                assert (f_held <= COMPARATORS);
                assert (code_o == f_low + f_held[ADC_BITS-1:0]);
            end
            cover (f_full && f_held == COMPARATORS && code_ready_i && start_valid_i);
            cover (f_full && f_held == 0);
        end
    end
endmodule
