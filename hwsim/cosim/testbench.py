"""The plain Verilog testbench of an emitted tile, and the README beside it."""

from hwsim.cosim.golden import Golden
from hwsim.cosim.parameters import Register, address, derived_parameters, tile_parameters
from hwsim.cosim.wrapper import tile_ports

_BENCH = """\
// SPDX-License-Identifier: Apache-2.0
//
// {bench}: programs {top}, writes its registers, sends it {vectors} vectors and compares every
// result, and the busy cycles, with the model's.  NOT SYNTHESIZABLE.
//
// PAUSES = 1: random gaps and stalls at every stream (cycles are then not compared).

module {bench};

    parameter PAUSES = 0;

    localparam ROWS      = {ROWS};
    localparam REGISTERS = {registers};
    localparam VECTORS   = {vectors};
    localparam RESULTS   = {results};
    localparam PHASES    = {phases};
    localparam CYCLES    = {cycles};
    localparam LIMIT     = {limit};

    reg [{level_top}:0] levels [0:ROWS-1];
    reg [{register_top}:0] registers [0:REGISTERS-1];
    reg [{x_top}:0] inputs [0:VECTORS-1];
    reg [{disturbance_top}:0] disturbances [0:PHASES-1];
    reg [{sum_top}:0] partials [0:RESULTS-1];
    reg [{sum_top}:0] results [0:RESULTS-1];

    reg         clk    = 1'b0;
    reg         rst_n  = 1'b0;
    reg  [2:0]  step   = 3'd0;  // reset, levels, registers, run, count cycles
    reg  [15:0] noise  = 16'hace1;
    reg  [31:0] clocks = 32'd0;
    reg  [31:0] row    = 32'd0;
    reg  [31:0] write  = 32'd0;
    reg  [31:0] sent   = 32'd0;
    reg  [31:0] added  = 32'd0;
    reg  [31:0] phase  = 32'd0;
    reg  [31:0] taken  = 32'd0;
    reg  [31:0] errors = 32'd0;
    reg         offer  = 1'b1;
    reg         give   = 1'b1;

{wires}

    wire [{register_top}:0] register = registers[(write < REGISTERS) ? write : 0];

    assign clk_i           = clk;
    assign rst_ni          = rst_n;
    assign level_valid_i   = (step == 3'd1);
    assign level_row_i     = row[{row_top}:0];
    assign level_i         = levels[(row < ROWS) ? row : 0];
    assign cfg_valid_i     = (step == 3'd2);
    assign cfg_address_i   = (step == 3'd2) ? register[{register_top}:{sum_width}]
                                            : {cycles_address};
    assign cfg_i           = register[{sum_top}:0];
    assign x_valid_i       = (step == 3'd3) && offer && (sent < VECTORS);
    assign x_i             = inputs[(sent < VECTORS) ? sent : 0];
    assign partial_valid_i = (step == 3'd3) && give && (added < RESULTS);
    assign partial_i       = partials[(added < RESULTS) ? added : 0];
    assign y_ready_i       = (PAUSES == 0) | noise[7];

    {top} dut (
{dut}
    );

    crossbar_array #(
{array_parameters}
    ) u_array (
        .clk_i(clk_i),
        .program_i(program_o), .program_row_i(program_row_o), .program_level_i(program_level_o),
        .wordline_i(wordline_o), .sample_i(sample_o),
        .disturbance_i(disturbances[(phase < PHASES) ? phase : 0]),
        .select_i(select_o), .lsb_shift_i(lsb_shift_o), .trial_i(trial_o), .above_o(above_i)
    );

    initial begin
        $readmemh("vectors/levels.hex", levels);
        $readmemh("vectors/registers.hex", registers);
        $readmemh("vectors/inputs.hex", inputs);
        $readmemh("vectors/disturbances.hex", disturbances);
        $readmemh("vectors/partial.hex", partials);
        $readmemh("vectors/results.hex", results);
        if ($test$plusargs("waves")) begin
            $dumpfile("{bench}.vcd");
            $dumpvars(0, {bench});
        end
    end

    always #5 clk = ~clk;

    always @(posedge clk) begin
        clocks <= clocks + 32'd1;
        noise  <= {{noise[14:0], noise[15] ^ noise[13] ^ noise[12] ^ noise[10]}};
        if (step == 3'd0 && clocks == 32'd3) rst_n <= 1'b1;
        if (step == 3'd0 && clocks == 32'd5) step <= 3'd1;
        if (level_valid_i && level_ready_o) begin
            row <= row + 32'd1;
            if (row == ROWS - 1) step <= 3'd2;
        end
        if (cfg_valid_i && cfg_ready_o) begin
            write <= write + 32'd1;
            if (write == REGISTERS - 1) step <= 3'd3;
        end
        if (x_valid_i && x_ready_o) sent <= sent + 32'd1;
        if (!x_valid_i || x_ready_o) offer <= (PAUSES == 0) | (noise[2] & noise[5]);
        if (partial_valid_i && partial_ready_o) added <= added + 32'd1;
        if (!partial_valid_i || partial_ready_o) give <= (PAUSES == 0) | noise[4];
        if (sample_o) phase <= phase + 32'd1;
        if (y_valid_o && y_ready_i) begin
            taken <= taken + 32'd1;
            if (taken >= RESULTS || y_o !== $signed(results[(taken < RESULTS) ? taken : 0])) begin
                errors <= errors + 32'd1;
                if (errors < 32'd10) begin
                    $display("result %0d: expected %h, found %h", taken,
                             results[(taken < RESULTS) ? taken : 0], y_o);
                end
            end
            if (y_last_o !== (taken % {outputs} == {last})) begin
                errors <= errors + 32'd1;
                $display("result %0d: last is %b", taken, y_last_o);
            end
        end
        if (sent * {outputs} != taken && (cfg_ready_o || level_ready_o || !busy_o)) begin
            errors <= errors + 32'd1;
            $display("idle although results wait");
        end
        if (step == 3'd3 && taken == RESULTS && !busy_o) step <= 3'd4;
        if (step == 3'd4) begin
            if (PAUSES == 0 && cfg_o !== CYCLES) begin
                $display("FAIL: expected %0d busy cycles, found %0d", CYCLES, cfg_o);
            end else if (errors != 32'd0 || taken != RESULTS) begin
                $display("FAIL: %0d of %0d results differ", errors, RESULTS);
            end else begin
                $display("PASS: %0d results of %0d vectors, %0d busy cycles", RESULTS, VECTORS,
                         cfg_o);
            end
            $finish;
        end
        if (clocks > LIMIT) begin
            $display("FAIL: %0d of %0d results after %0d cycles", taken, RESULTS, clocks);
            $finish;
        end
    end

endmodule
"""

_README = """\
# {name}

One tile of an in-memory-computing accelerator: the digital periphery of a {ROWS} x {COLS} array,
{inputs} inputs, {outputs} outputs, with its parameters bound.

- `rtl/`: synthesizable Verilog-2001; the top is `{top}` (`rtl/{top}.v`), ports as in `rtl/tile.v`.
- `sim/crossbar_array.v`: behavioural twin of the analog array and its comparators.
- `sim/{bench}.v`: testbench; `vectors/`: what it sends and what must come out, computed by
  hwsim, disturbances of every line and phase included.
- `files.f`: all sources.

Run it in this folder, with either simulator:

    iverilog -g2001 -o {bench}.vvp -f files.f -s {bench} && vvp {bench}.vvp
    verilator --binary --timing -f files.f --top-module {bench} && obj_dir/V{bench}

It prints `PASS: ...` when all {results} results and the {cycles} busy cycles are as expected.
`-P{bench}.PAUSES=1` (Icarus) or `-GPAUSES=1` (Verilator) adds random gaps and stalls;
`+waves` writes `{bench}.vcd`.

| parameter | value |
|---|---:|
{table}
"""


def testbench(bench: str, top: str, golden: Golden) -> str:
    """The text of the testbench."""
    geometry = golden.geometry
    p = tile_parameters(geometry) | derived_parameters(geometry)
    ports = tile_ports(geometry)
    address_width = p["INDEX_W"] + 4
    names = (
        *("ROWS", "COLS", "CELL_BITS", "DAC_BITS", "SUBTRACT_ANALOG", "REDUNDANCY", "ADC_FLASH"),
        *("ADC_BITS", "COLUMNS_PER_ADC", "LINES", "ADCS", "COMPARATORS", "ROW_W", "LSB_W"),
    )
    cycles_address = f"{address_width}'d{address(geometry, Register.CYCLES)}"
    return _BENCH.format(
        bench=bench,
        top=top,
        ROWS=p["ROWS"],
        registers=len(golden.registers) + 1,
        vectors=len(golden.codes),
        results=golden.results.size,
        phases=len(golden.disturbances),
        cycles=golden.cycles,
        limit=20 * golden.cycles + 50 * golden.results.size + 10 * p["ROWS"] + 1000,
        level_top=p["COLS"] * p["CELL_BITS"] - 1,
        register_top=address_width + p["SUM_W"] - 1,
        x_top=p["INPUTS"] * p["INPUT_BITS"] - 1,
        disturbance_top=p["LINES"] * 32 - 1,
        sum_top=p["SUM_W"] - 1,
        sum_width=p["SUM_W"],
        row_top=p["ROW_W"] - 1,
        cycles_address=cycles_address,
        outputs=p["OUTPUTS"],
        last=p["OUTPUTS"] - 1,
        wires="\n".join(f"    {_wire(*port)}" for port in ports),
        dut=",\n".join(f"        .{name}({name})" for name, _, _ in ports),
        array_parameters=",\n".join(f"        .{name}({p[name]})" for name in names),
    )


def _wire(name: str, width: int, signed: bool) -> str:
    return f"wire{' signed' if signed else ''}{f' [{width - 1}:0]' if width > 1 else ''} {name};"


def readme(name: str, bench: str, golden: Golden) -> str:
    """The text of the README."""
    parameters = tile_parameters(golden.geometry)
    return _README.format(
        name=name,
        bench=bench,
        top=bench.removeprefix("tb_"),
        inputs=golden.geometry.inputs_per_array,
        outputs=golden.geometry.weights_per_row,
        results=golden.results.size,
        cycles=golden.cycles,
        table="\n".join(f"| {key} | {value} |" for key, value in parameters.items()),
        ROWS=parameters["ROWS"],
        COLS=parameters["COLS"],
    )
