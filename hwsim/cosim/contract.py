"""The contract between model and RTL: parameters, ports and registers agree, or say where not."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hwsim.cosim.parameters import (
    CONTROL_BITS,
    REGISTER_BITS,
    Control,
    Register,
    derived_parameters,
    tile_parameters,
)
from hwsim.cosim.simulators import RTL
from hwsim.cosim.verilog import Port, VerilogError, read_module
from hwsim.tile.geometry import Geometry


class ContractError(VerilogError):
    """Model and RTL disagree."""


def tile_ports(geometry: Geometry) -> tuple[Port, ...]:
    """The ports that rtl/tile.v must have."""
    p = tile_parameters(geometry) | derived_parameters(geometry)
    word, levels = p["SUM_W"], p["COLS"] * p["CELL_BITS"]
    return (
        _in("clk_i"),
        _in("rst_ni"),
        *_into("cfg", _in("cfg_address_i", p["INDEX_W"] + 4), _in("cfg_i", word)),
        _out("cfg_o", word),
        *_into("level", _in("level_row_i", p["ROW_W"]), _in("level_i", levels)),
        *_into("x", _in("x_i", p["INPUTS"] * p["INPUT_BITS"])),
        *_into("partial", _in("partial_i", word, signed=True)),
        _out("y_valid_o"),
        _in("y_ready_i"),
        _out("y_o", word, signed=True),
        _out("y_last_o"),
        _out("program_o"),
        _out("program_row_o", p["ROW_W"]),
        _out("program_level_o", levels),
        _out("wordline_o", p["DAC_BITS"] * p["ROWS"]),
        _out("sample_o"),
        _out("select_o", p["COLUMNS_PER_ADC"]),
        _out("lsb_shift_o", p["LSB_W"]),
        _out("trial_o", p["ADCS"] * p["ADC_BITS"]),
        _in("above_i", p["ADCS"] * p["COMPARATORS"]),
        _out("busy_o"),
    )


def check_tile(geometry: Geometry, folder: Path = RTL) -> None:
    """Compare rtl/tile.v with what the model says of this geometry.

    Raises:
        ContractError: the differences, one per line.
    """
    module = read_module(folder / "tile.v")
    given = tile_parameters(geometry)
    expected = given | derived_parameters(geometry)
    bound = {name: module.bound(given)[name] for name in module.parameters}
    found = module.port_list(given)
    _raise(
        "tile",
        [
            *_differences("parameter", expected, bound),
            *_differences("port", _by_name(tile_ports(geometry)), _by_name(found)),
        ],
    )


def check_registers(folder: Path = RTL) -> None:
    """Compare the addresses and widths of rtl/config_registers.v with the model's.

    Raises:
        ContractError: the differences, one per line.
    """
    module = read_module(folder / "config_registers.v")
    addresses = {register.name: register.value for register in Register}
    kinds = {name: value for name, value in module.bound().items() if name in module.constants}
    widths = {register.name: bits for register, bits in REGISTER_BITS.items()}
    held = {name: module.register_width(f"{name.lower()}_q") for name in widths}
    control = {CONTROL_BITS} ^ {len(Control)}
    _raise(
        "config_registers",
        [
            *_differences("address", addresses, kinds),
            *_differences("width", widths, held),
            *(["bits of CONTROL: the model contradicts itself"] if control else []),
        ],
    )


def check_bench(folder: Path = RTL) -> None:
    """The bench's top has the tile's ports, but for those of the array, and its parameters.

    Raises:
        ContractError: the differences, one per line.
    """
    tile = read_module(folder / "tile.v")
    bench = read_module(folder / "sim" / "tile_with_array.v")
    array = {"program", "wordline", "select", "lsb_shift", "trial", "above"}
    ports = {
        name: port
        for name, port in _by_name(tile.port_list()).items()
        if not any(name.startswith(prefix) for prefix in array)
    }
    values = {name: tile.bound()[name] for name in bench.parameters if name in tile.parameters}
    found = _by_name(bench.port_list(values))
    found.pop("disturbance_i", None)
    _raise("tile_with_array", list(_differences("port", ports, found)))


def _differences(
    what: str, expected: Mapping[str, object], found: Mapping[str, object]
) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield f"{what} {name}: expected {_text(expected[name])}, found none"
        elif name not in expected:
            yield f"{what} {name}: expected none, found {_text(found[name])}"
        elif expected[name] != found[name]:
            yield f"{what} {name}: expected {_text(expected[name])}, found {_text(found[name])}"


def _text(value: object) -> str:
    if isinstance(value, Port):
        sign = "signed " if value.signed else ""
        return f"{value.direction} {sign}[{value.width}]"
    return str(value)


def _raise(module: str, differences: list[str]) -> None:
    if differences:
        raise ContractError("\n".join(f"{module}: {line}" for line in differences))


def _by_name(ports: tuple[Port, ...]) -> dict[str, Port]:
    return {port.name: port for port in ports}


def _in(name: str, width: int = 1, signed: bool = False) -> Port:
    return Port(name, "input", width, signed)


def _out(name: str, width: int = 1, signed: bool = False) -> Port:
    return Port(name, "output", width, signed)


def _into(stream: str, *fields: Port) -> tuple[Port, ...]:
    """A stream into the tile."""
    return (_in(f"{stream}_valid_i"), _out(f"{stream}_ready_o"), *fields)


__all__ = ["ContractError", "check_bench", "check_registers", "check_tile", "tile_ports"]
