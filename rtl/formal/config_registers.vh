    // A word that was written is what is read and what the tile sees; others do not change it.
    (* anyconst *) wire [3:0]         f_kind;
    (* anyconst *) wire [INDEX_W-1:0] f_index;

    reg              f_started = 1'b0;
    reg              f_before  = 1'b0;  // of the cycle before
    reg              f_written = 1'b0;
    reg  [SUM_W-1:0] f_word    = 0;
    reg  [31:0]      f_cycles  = 32'd0;

    wire f_fire   = cfg_valid_i && idle_i && rst_ni;
    wire f_listed = (f_kind >= 5 && f_kind <= 8);  // one register per output
    wire f_hit    = f_fire && cfg_address_i[INDEX_W+3:INDEX_W] == f_kind
                  && (!f_listed || cfg_address_i[INDEX_W-1:0] == f_index);
    // What of a word is kept.
    wire [SUM_W-1:0] f_kept = (f_kind == 0) ? f_word[2:0]
                            : (f_kind == 1) ? f_word[LSB_W-1:0]
                            : (f_kind <= 4) ? {{(SUM_W-CODE_W){f_word[CODE_W-1]}}, f_word[CODE_W-1:0]}
                            : (f_kind == 5) ? f_word[MANTISSA_W-1:0]
                            : (f_kind == 6) ? f_word[5:0]
                            : (f_kind == 7) ? f_word
                            : (f_kind == 8) ? f_word[SLICES-1:0] : 0;
    wire f_reset = (f_kind <= 4) || (f_kind == 8);  // zero after reset
    wire [OUTPUTS*SLICES-1:0] f_flips = flips_o >> (f_index * SLICES);
    reg  [SUM_W-1:0] f_stored;

    always @(*) begin
        case (f_kind)
            4'd0:    f_stored = {requantize_o, chain_o, input_signed_o};
            4'd1:    f_stored = lsb_shift_o;
            4'd2:    f_stored = {{(SUM_W-CODE_W){zero_point_o[CODE_W-1]}}, zero_point_o};
            4'd3:    f_stored = {{(SUM_W-CODE_W){low_o[CODE_W-1]}}, low_o};
            4'd4:    f_stored = {{(SUM_W-CODE_W){high_o[CODE_W-1]}}, high_o};
            4'd5:    f_stored = mantissa_q[f_index];
            4'd6:    f_stored = shift_q[f_index];
            4'd7:    f_stored = offset_q[f_index];
            4'd8:    f_stored = f_flips[SLICES-1:0];
            4'd9:    f_stored = cycles_q;
            default: f_stored = 0;
        endcase
    end

    always @(posedge clk_i) begin
        f_started <= 1'b1;
        f_before  <= f_started;
        if (f_hit) begin
            f_word    <= cfg_i;
            f_written <= 1'b1;
        end
        if (f_fire && cfg_address_i[INDEX_W+3:INDEX_W] == 9) f_cycles <= 32'd0;
        else if (busy_i && rst_ni)                           f_cycles <= f_cycles + 32'd1;
    end

    always @(*) begin
        assume (rst_ni == f_started);
        assume (f_index < OUTPUTS);
        assume (cfg_address_i[INDEX_W-1:0] < OUTPUTS);
        if (f_started) begin
            if (!f_before) begin  // reset has just ended
                assert (control_q == 0 && lsb_shift_q == 0 && zero_point_q == 0 && cycles_q == 0);
                assert (low_q == 0 && high_q == 0 && flips_o == 0);
            end
            assert (cfg_ready_o == idle_i);
            assert (cycles_q == f_cycles);
            if (f_kind != 9 && (f_written || f_reset)) assert (f_stored == f_kept);
            if (!f_written && f_reset) assert (f_word == 0);
            if (cfg_address_i[INDEX_W+3:INDEX_W] == f_kind
                && (!f_listed || cfg_address_i[INDEX_W-1:0] == f_index)) begin
                assert (cfg_o == f_stored);
            end
            if (constants_index_i == f_index) begin
                if (f_kind == 5) assert (mantissa_o == f_stored[MANTISSA_W-1:0]);
                if (f_kind == 6) assert (shift_o == f_stored[5:0]);
                if (f_kind == 7) assert (offset_o == f_stored);
            end
            cover (f_written && f_kind == 8 && f_index == OUTPUTS - 1 && f_kept != 0);
            cover (f_written && f_kind == 4 && f_kept[SUM_W-1]);
            cover (f_cycles == 2 && cfg_o == 2);
        end
    end
endmodule
