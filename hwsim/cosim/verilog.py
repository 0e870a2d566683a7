"""Verilog modules read back with pyverilog: parameters, ports, widths.

pyverilog prepares an LALR parser at every construction (seconds) and would write its tables
into the working directory: one parser is kept, its tables go to a temporary folder.  It has no
preprocessor of its own (`` `define`` fails, `` `ifdef`` is ignored): the RTL has neither.
"""

import logging
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # pyverilog leaves its VERSION file open
        from pyverilog.ast_code_generator.codegen import ASTCodeGenerator
        from pyverilog.vparser.parser import ParseError, VerilogParser
except ImportError:
    raise HwsimError("reading Verilog needs pyverilog: install the extra 'rtl'") from None


class VerilogError(HwsimError):
    """A Verilog file is not what its reader expects."""


@dataclass(frozen=True)
class Port:
    """A port of a module at given parameters."""

    name: str
    direction: str  # "input" or "output"
    width: int
    signed: bool


@dataclass(frozen=True)
class Module:
    """A parsed module: what it declares, not what it does."""

    name: str
    parameters: Mapping[str, Any]  # name -> expression of the default, in order
    constants: Mapping[str, Any]  # localparams of the module itself
    ports: tuple[Any, ...]
    registers: Mapping[str, Any]  # name -> width (syntax tree or None)

    def bound(self, values: Mapping[str, int] | None = None) -> dict[str, int]:
        """Every parameter's value when `values` are set, then the localparams'.

        Raises:
            VerilogError: `values` names no parameter, or an expression is not constant.
        """
        given = dict(values or {})
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            raise VerilogError(f"{self.name}: expected parameters of the module, found {unknown}")
        found: dict[str, int] = {}
        for name, expression in self.parameters.items():
            found[name] = given[name] if name in given else evaluate(expression, found)
        for name, expression in self.constants.items():
            found[name] = evaluate(expression, found)
        return found

    def port_list(self, values: Mapping[str, int] | None = None) -> tuple[Port, ...]:
        """Ports in order, with their widths at these parameters."""
        bound = self.bound(values)
        return tuple(_port(declared, bound) for declared in self.ports)

    def register_width(self, name: str, values: Mapping[str, int] | None = None) -> int:
        """Bits of a register (of one word, of a memory).

        Raises:
            VerilogError: there is no such register.
        """
        if name not in self.registers:
            raise VerilogError(f"{self.name}: expected a register {name!r}, found none")
        return _width(self.registers[name], self.bound(values))


def read_module(path: Path) -> Module:
    """The one module of a file.

    Raises:
        VerilogError: the file cannot be parsed, or does not hold one module of its name.
    """
    definitions = parse(path).description.definitions
    names = [definition.name for definition in definitions]
    if names != [path.stem]:
        raise VerilogError(f"{path.name}: expected one module {path.stem!r}, found {names}")
    definition = definitions[0]
    parameters = _header_parameters(definition)
    constants, registers = _declarations(definition)
    ports = tuple(port.first for port in definition.portlist.ports)
    return Module(definition.name, parameters, constants, ports, registers)


def parse(path: Path) -> Any:
    """Syntax tree of a file.

    Raises:
        VerilogError: it is outside the subset that pyverilog reads.
    """
    try:
        return _parser().parse(path.read_text(encoding="utf-8"))
    except ParseError as error:
        raise VerilogError(f"{path.name}: expected Verilog that pyverilog reads: {error}") from None


def emit(tree: Any) -> str:
    """A syntax tree as Verilog again."""
    return str(ASTCodeGenerator().visit(tree))


@cache
def _parser() -> Any:
    logging.getLogger("ply").setLevel(logging.ERROR)
    folder = tempfile.mkdtemp(prefix="pyverilog-")
    return VerilogParser(outputdir=folder, debug=False)


def evaluate(expression: Any, names: Mapping[str, int]) -> int:
    """Value of a constant expression.

    Raises:
        VerilogError: it uses a name without a value or an operator that is not known here.
    """
    kind = type(expression).__name__
    match kind:
        case "Rvalue":
            return evaluate(expression.var, names)
        case "IntConst":
            return _integer(expression.value)
        case "Identifier":
            if expression.name not in names:
                raise VerilogError(f"{expression.name}: expected a constant, found none")
            return names[expression.name]
        case "Cond":
            chosen = evaluate(expression.cond, names)
            branch = expression.true_value if chosen else expression.false_value
            return evaluate(branch, names)
        case _ if kind in _BINARY:
            left, right = (evaluate(side, names) for side in (expression.left, expression.right))
            return int(_BINARY[kind](left, right))
    raise VerilogError(f"expected a constant expression, found {kind}")


_BINARY: dict[str, Any] = {
    "Plus": lambda a, b: a + b,
    "Minus": lambda a, b: a - b,
    "Times": lambda a, b: a * b,
    "Divide": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "Sll": lambda a, b: a << b,
    "Eq": lambda a, b: a == b,
    "NotEq": lambda a, b: a != b,
    "LessThan": lambda a, b: a < b,
    "GreaterThan": lambda a, b: a > b,
    "Land": lambda a, b: bool(a) and bool(b),
    "Lor": lambda a, b: bool(a) or bool(b),
}


def _integer(text: str) -> int:
    """A Verilog literal: plain, or sized in base b, o, d or h."""
    if "'" not in text:
        return int(text)
    base, digits = text.split("'")[1][0].lower(), text.split("'")[1][1:]
    return int(digits.replace("_", ""), {"b": 2, "o": 8, "d": 10, "h": 16}[base])


def _header_parameters(definition: Any) -> dict[str, Any]:
    declared = definition.paramlist.params if definition.paramlist else ()
    return {item.name: item.value for group in declared for item in group.list}


def _declarations(definition: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Localparams and registers that the module itself declares."""
    constants: dict[str, Any] = {}
    registers: dict[str, Any] = {}
    for item in definition.items:
        for declared in getattr(item, "list", ()):
            match type(declared).__name__:
                case "Localparam":
                    constants[declared.name] = declared.value
                case "Reg" | "RegArray":
                    registers[declared.name] = declared.width
    return constants, registers


def _width(width: Any, names: Mapping[str, int]) -> int:
    if width is None:
        return 1
    return evaluate(width.msb, names) - evaluate(width.lsb, names) + 1


def _port(declared: Any, names: Mapping[str, int]) -> Port:
    return Port(
        name=declared.name,
        direction=type(declared).__name__.lower(),
        width=_width(declared.width, names),
        signed=bool(declared.signed),
    )
