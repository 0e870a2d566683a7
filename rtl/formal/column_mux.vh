    // Exactly the named line is connected, and none while disabled.
    always @(*) begin
        assert (select_o == (enable_i ? {{COLS_PER_ADC{1'b0}}, 1'b1} << column_i : 0));
        assert ((select_o & (select_o - 1'b1)) == 0);
        assume (column_i < COLS_PER_ADC);
        if (enable_i) assert (select_o != 0);
        cover (select_o[COLS_PER_ADC-1]);
        cover (!enable_i);
    end
endmodule
