"""A Verilog module around `tile` with every parameter bound and every width a number."""

from hwsim.cosim.parameters import derived_parameters, tile_parameters
from hwsim.tile.geometry import Geometry

_HEADER = """\
// SPDX-License-Identifier: Apache-2.0
//
// {top}: tile with the parameters of one design bound; ports are those of tile.
//
// {parameters}

`default_nettype none

module {top} (
{ports}
);

    tile #(
{bindings}
    ) u_tile (
{connections}
    );

endmodule

`default_nettype wire
"""


def tile_ports(geometry: Geometry) -> list[tuple[str, int, bool]]:
    """(name, width, signed) of every port of `tile`, in its order."""
    p = tile_parameters(geometry) | derived_parameters(geometry)
    levels = p["COLS"] * p["CELL_BITS"]
    one = ("clk_i", "rst_ni", "cfg_valid_i", "cfg_ready_o")
    return [
        *((name, 1, False) for name in one),
        ("cfg_address_i", p["INDEX_W"] + 4, False),
        ("cfg_i", p["SUM_W"], False),
        ("cfg_o", p["SUM_W"], False),
        ("level_valid_i", 1, False),
        ("level_ready_o", 1, False),
        ("level_row_i", p["ROW_W"], False),
        ("level_i", levels, False),
        ("x_valid_i", 1, False),
        ("x_ready_o", 1, False),
        ("x_i", p["INPUTS"] * p["INPUT_BITS"], False),
        ("partial_valid_i", 1, False),
        ("partial_ready_o", 1, False),
        ("partial_i", p["SUM_W"], True),
        ("y_valid_o", 1, False),
        ("y_ready_i", 1, False),
        ("y_o", p["SUM_W"], True),
        ("y_last_o", 1, False),
        ("program_o", 1, False),
        ("program_row_o", p["ROW_W"], False),
        ("program_level_o", levels, False),
        ("wordline_o", p["DAC_BITS"] * p["ROWS"], False),
        ("sample_o", 1, False),
        ("select_o", p["COLUMNS_PER_ADC"], False),
        ("lsb_shift_o", p["LSB_W"], False),
        ("trial_o", p["ADCS"] * p["ADC_BITS"], False),
        ("above_i", p["ADCS"] * p["COMPARATORS"], False),
        ("busy_o", 1, False),
    ]


def bound_tile(top: str, geometry: Geometry) -> str:
    """The text of the module.

    Raises:
        MappingError: the RTL is not built for this geometry.
    """
    parameters, ports = tile_parameters(geometry), tile_ports(geometry)
    return _HEADER.format(
        top=top,
        parameters=f"{geometry.tile.encoding.value} encoding, "
        f"{geometry.inputs_per_array} inputs, {geometry.weights_per_row} outputs",
        ports=",\n".join(f"    {_declaration(*port)}" for port in ports),
        bindings=",\n".join(f"        .{name}({value})" for name, value in parameters.items()),
        connections=",\n".join(f"        .{name}({name})" for name, _, _ in ports),
    )


def _declaration(name: str, width: int, signed: bool) -> str:
    direction = "output" if name.endswith("_o") else "input "
    sign = " signed" if signed else ""
    extent = f" [{width - 1}:0]" if width > 1 else ""
    return f"{direction} wire{sign}{extent} {name}"
