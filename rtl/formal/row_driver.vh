    // The digits of every input add up to it, none is lost or repeated, and the count is right.
    localparam F_W = 17;

    reg                          f_started = 1'b0;
    reg                          f_before  = 1'b0;  // of the cycle before
    reg  [INPUTS*INPUT_BITS-1:0] f_x;
    reg                          f_full  = 1'b0;
    reg                          f_signedness;
    reg  [3:0]                   f_count = 4'd0;  // digits of this vector that have left

    wire       f_in       = x_valid_i && x_ready_o && rst_ni;
    wire       f_out      = digits_valid_o && digits_ready_i;
    wire [3:0] f_unsigned = (INPUT_BITS + DAC_BITS - 1) / DAC_BITS;
    wire [3:0] f_signed   = (INPUT_BITS - 1 + DAC_BITS - 1) / DAC_BITS + 1;
    wire [3:0] f_digits   = input_signed_i ? f_signed : f_unsigned;

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        f_full    <= f_in || (f_full && !(f_out && digits_last_o));
        if (f_in) begin
            f_x     <= x_i;
            f_signedness <= input_signed_i;
            f_count <= 4'd0;
        end else if (f_out) begin
            f_count <= f_count + 4'd1;
        end
        if (f_started && $past(f_started) && $past(digits_valid_o && !digits_ready_i)) begin
            assert (digits_valid_o && $stable(digits_o) && $stable(digits_shift_o));
            assert ($stable(digits_negative_o) && $stable(digits_first_o));
            assert ($stable(digits_last_o));
        end
    end

    always @(*) begin
        assume (rst_ni == f_started);
        if (f_full) assume (input_signed_i == f_signedness);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (planes_q == 0 && sign_q == 0 && shift_q == 0 && !negative_q && !first_q && !full_q);
            end
            assert (digits_valid_o == f_full);
            assert (!f_in || !f_full || (f_out && digits_last_o));
            if (!f_full || (digits_ready_i && digits_last_o)) assert (x_ready_o);
            if (f_full) begin
                assert (f_count < f_digits);
                assert (digits_first_o == (f_count == 4'd0));
                assert (digits_last_o == (f_count + 4'd1 == f_digits));
                assert (digits_negative_o == (input_signed_i && digits_last_o));
                assert (digits_shift_o == (digits_negative_o ? INPUT_BITS - 1
                                                             : f_count * DAC_BITS));
            end
            cover (f_full && digits_last_o && f_in && input_signed_i && digits_o[0]);
            cover (f_full && digits_last_o && !digits_ready_i && !input_signed_i && x_valid_i);
        end
    end

    genvar f_i;
    generate
        for (f_i = 0; f_i < INPUTS; f_i = f_i + 1) begin : f_input
            wire        [INPUT_BITS-1:0] word  = f_x[(f_i+1)*INPUT_BITS-1:f_i*INPUT_BITS];
            wire signed [F_W-1:0]        value = input_signed_i ? $signed(word)
                                                                : $signed({1'b0, word});
            reg  signed [F_W-1:0]        sum;    // of the digits that have left
            reg  signed [F_W-1:0]        digit;  // the one that is offered
            reg  signed [F_W-1:0]        rest;   // what it and the later ones are worth
            integer k;
            always @(*) begin
                digit = 0;
                for (k = 0; k < DAC_BITS; k = k + 1) begin
                    digit = digit + (digits_o[k*INPUTS + f_i] ? 1 << k : 0);
                end
                digit = digits_negative_o ? -(digit << digits_shift_o) : digit << digits_shift_o;
                rest = 0;
                for (k = 0; k < PLANES; k = k + 1) begin
                    rest = rest + (planes_q[k*INPUTS + f_i] ? 1 << k : 0);
                end
                rest = negative_q ? -(rest << shift_q) : rest << shift_q;
                if (input_signed_i && !negative_q && sign_q[f_i]) rest = rest - (1 << SIGN_SHIFT);
                if (f_started && f_full) begin
                    for (k = 0; k < PLANES; k = k + 1) begin
                        if (negative_q ? k != 0 : k + shift_q >= INPUT_BITS - input_signed_i) begin
                            assert (!planes_q[k*INPUTS + f_i]);
                        end
                    end
                    assert (value == (digits_first_o ? 0 : sum) + rest);
                    if (digits_last_o) assert (value == (digits_first_o ? 0 : sum) + digit);
                end
            end
            always @(posedge clk_i) begin
                if (f_out) sum <= (digits_first_o ? 0 : sum) + digit;
            end
        end
    endgenerate
endmodule
