    // Every digit is driven and converted once, every product's sums are offered once, steady
    // digits are a phase apart, and when nothing more comes the controller is idle again.
    localparam F_PHASE = (READ_CYCLES > CONVERSIONS) ? READ_CYCLES : CONVERSIONS;
    localparam F_LIMIT = CONVERSIONS + 1;  // cycles to idle
    localparam F_BEGIN = (CONVERSIONS > READ_CYCLES) ? CONVERSIONS - READ_CYCLES + 1 : 1;

    reg        f_started = 1'b0;
    reg        f_before  = 1'b0;  // of the cycle before
    reg        f_expect_first = 1'b1;
    reg [2:0]  f_inside  = 3'd0;       // products whose last digit was taken, sums not yet
    reg [15:0] f_quiet   = 16'd0;      // cycles without a digit, sums being taken
    reg        f_steady  = 1'b0;       // digits and room at all times since the last sample
    reg [15:0] f_since   = 16'd0;      // cycles since then
    reg [4:0]  f_sampled = 5'd0;       // restart aside, what the phase means
    reg [4:0]  f_converted = 5'd0;
    reg        f_waits = 1'b0;         // a digit is offered and must stay
    reg [5:0]  f_offered;

    wire        f_in   = digits_valid_i && digits_ready_o && rst_ni;
    wire        f_out  = sums_valid_o && sums_ready_i && rst_ni;
    wire [15:0] f_left = held_q ? CONVERSIONS + 1 : (left_q != 0) ? left_q + 1
                       : (code_q || pending_q) ? 1 : 0;
    wire [5:0]  f_digit = {digits_first_i, digits_last_i, digits_negative_i, digits_shift_i};
    wire        f_flow = digits_valid_i && sums_ready_i;

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        f_waits   <= digits_valid_i && !digits_ready_o && rst_ni;
        f_offered <= f_digit;
        if (f_in) begin
            f_expect_first <= digits_last_i;
            f_sampled <= {digits_first_i, digits_negative_i, digits_shift_i};
        end
        if (begin_conversion) f_converted <= f_sampled;
        f_inside <= f_inside + (f_in && digits_last_i) - f_out;
        if (digits_valid_i || !sums_ready_i || !rst_ni) f_quiet <= 16'd0;
        else if (f_quiet < F_LIMIT)                     f_quiet <= f_quiet + 16'd1;
        f_steady <= f_flow && (f_in || f_steady);
        f_since  <= f_in ? 16'd1 : f_since + (f_since < F_PHASE + 1);
        if (f_started && $past(f_started)) begin
            if ($past(sums_valid_o && !sums_ready_i)) assert (sums_valid_o);
            if ($past(start_o) && CONVERSION_CYCLES > 1) assert (!start_o && convert_o);
            if ($past(convert_o && !start_o) && convert_o && !start_o) assert ($stable(column_o));
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        if (f_waits) assume (digits_valid_i && f_digit == f_offered);
        if (digits_valid_i) assume (digits_first_i == f_expect_first);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert ({drive_left_q, left_q, step_q, column_q, held_q, pending_q} == 0);
                assert ({shift_q, negative_q, first_q, last_q} == 0);
                assert ({code_q, code_restart_q, code_shift_q, code_negative_q} == 0);
                assert (!code_first_q && !code_last_q);
            end
            // Invariant: the counters agree.
            if (left_q != 0) begin
                assert (left_q + column_q * CONVERSION_CYCLES + step_q == CONVERSIONS);
            end else begin
                assert (column_q == 0 && step_q == 0);
            end
            assert (column_q < COLS_PER_ADC && step_q < CONVERSION_CYCLES);
            assert (!(held_q && (left_q != 0 || drive_left_q != 0)));
            assert (drive_left_q < READ_CYCLES);
            if (drive_left_q != 0) assert (left_q <= drive_left_q);
            if (held_q) assert ({first_q, negative_q, shift_q} == f_sampled);
            if (left_q != 0) assert ({first_q, negative_q, shift_q} == f_converted);
            if (held_q || left_q != 0) assert (last_q == f_expect_first);
            if (sums_valid_o) assert (left_q == 0 && (held_q ? first_q : f_expect_first));
            if (drive_left_q != 0) assert (f_waits);
            // Every product is offered once: none lost, none repeated.
            assert (f_inside == ((held_q || left_q != 0) && last_q)
                                + ((code_q && code_last_q) || pending_q));
            assert (!(code_q && pending_q));
            assert (sums_valid_o == ((code_q && code_last_q) || pending_q));
            // The code is folded with the meaning of its phase.
            if (code_q) assert ({code_first_o, code_negative_o, code_shift_o} == f_converted);
            if (code_q && left_q != 0 && step_q == 0) assert (code_restart_o == (column_q == 1)
                                                              || COLS_PER_ADC == 1);
            assert (start_o == (convert_o && step_q == 0));
            assert (sample_o == digits_ready_o);
            if (sample_o) assert (drive_o);
            // Steady digits are sampled one phase apart.
            if (f_steady) begin
                assert (f_since != 0 && f_since <= F_PHASE);
                assert (held_q == (f_since == 1));
                assert (left_q == ((f_since > 1 && f_since <= CONVERSIONS)
                                   ? CONVERSIONS + 1 - f_since : 0));
                assert (drive_left_q == ((f_since > F_BEGIN)
                                         ? READ_CYCLES + F_BEGIN - f_since : 0));
                if (f_flow) assert (sample_o == (f_since == F_PHASE));
            end
            // Idle again.
            assert (f_quiet <= F_LIMIT);
            if (f_quiet != 0) assert (f_left + f_quiet <= F_LIMIT || f_left == 0);
            if (f_quiet != 0) assert (drive_left_q == 0);
            if (f_quiet == F_LIMIT && !digits_valid_i) assert (!busy_o);
            cover (f_in && f_steady && f_since == F_PHASE);
            cover (f_out && f_steady);
            cover (pending_q && held_q && first_q);
            cover (f_quiet == F_LIMIT && !busy_o && f_since != 0);
        end
    end
endmodule
