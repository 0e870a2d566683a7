"""Co-simulation: the Verilog of rtl/ held against the model."""
