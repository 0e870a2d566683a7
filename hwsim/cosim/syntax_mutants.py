"""Faults made from the syntax tree: operators, constants, conditions and assignments changed."""

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hwsim.cosim.simulators import RTL

#: Node kind -> what takes its place.
_SWAPS = {
    "Plus": "Minus",
    "Minus": "Plus",
    "And": "Or",
    "Or": "And",
    "Xor": "Or",
    "Eq": "NotEq",
    "NotEq": "Eq",
    "LessThan": "LessEq",
    "LessEq": "LessThan",
    "GreaterThan": "GreaterEq",
    "GreaterEq": "GreaterThan",
    "Sll": "Srl",
    "Srl": "Sll",
}
#: Widths and parameters are checked by elaboration, not by these faults.
_KEPT = ("Width", "Length", "Parameter", "Localparam", "Initial", "Paramlist", "Partselect")


@dataclass(frozen=True)
class TreeFault:
    """A change of the `site`-th node of a module that can be changed."""

    module: str
    site: int
    what: str


@cache
def _tree(module: str, folder: Path) -> Any:
    from hwsim.cosim.verilog import parse  # noqa: PLC0415 - pyverilog is optional

    return parse(folder / f"{module}.v")


def _lines_before(module: str, folder: Path) -> int:
    """What the parser, which counts on from file to file, had counted before this one."""
    text = (folder / f"{module}.v").read_text(encoding="utf-8").splitlines()
    begins = next(i for i, line in enumerate(text, 1) if line.startswith("module "))
    [definition] = _tree(module, folder).description.definitions
    return int(definition.lineno) - begins


def _sites(tree: Any) -> list[tuple[Any, Any]]:
    """(parent, node) of everything that can be changed, in the order of the text."""
    return list(_walk(tree))


def _walk(node: Any) -> Iterator[tuple[Any, Any]]:
    for child in node.children():
        kind = type(child).__name__
        if kind in _KEPT:
            continue
        if kind == "ForStatement":  # not its bounds
            yield from _walk(child.statement)
            continue
        if kind in _SWAPS or kind in ("Cond", "IfStatement", "Unot", "NonblockingSubstitution"):
            yield node, child
        yield from _walk(child)


def tree_faults(module: str, count: int, folder: Path = RTL) -> list[TreeFault]:
    """`count` faults of a module, chosen by the hash of their place: the same every time."""
    sites = _sites(_tree(module, folder))
    order = sorted(
        range(len(sites)),
        key=lambda site: hashlib.sha256(f"{module} {site}".encode()).digest(),
    )
    before = _lines_before(module, folder)
    return [
        TreeFault(module, site, _what(sites[site][1], before)) for site in sorted(order[:count])
    ]


def _what(node: Any, before: int) -> str:
    kind = type(node).__name__
    line = node.lineno - before
    if kind in _SWAPS:
        return f"line {line}: {_SWAPS[kind]} in place of {kind}"
    return {
        "Cond": f"line {line}: the two values of a choice are swapped",
        "IfStatement": f"line {line}: the opposite condition",
        "Unot": f"line {line}: a negation is dropped",
        "NonblockingSubstitution": f"line {line}: a register is not loaded",
    }[kind]


def faulty_tree(fault: TreeFault | str, folder: Path = RTL) -> str:
    """The module's text with the fault, written from its tree; a name gives it without one."""
    from hwsim.cosim.verilog import emit  # noqa: PLC0415

    module = fault if isinstance(fault, str) else fault.module
    tree = copy.deepcopy(_tree(module, folder))
    if not isinstance(fault, str):
        _change(*_sites(tree)[fault.site])
    return emit(tree)


def _change(parent: Any, node: Any) -> None:
    from pyverilog.vparser import ast  # noqa: PLC0415

    kind = type(node).__name__
    if kind == "Cond":
        node.true_value, node.false_value = node.false_value, node.true_value
    elif kind == "IfStatement":
        node.cond = ast.Ulnot(node.cond)
    elif kind == "NonblockingSubstitution":
        node.right = ast.Rvalue(node.left.var)
    elif kind == "Unot":
        _replace(parent, node, node.right)
    else:
        _replace(parent, node, getattr(ast, _SWAPS[kind])(node.left, node.right))


def _replace(parent: Any, old: Any, new: Any) -> None:
    for name, value in vars(parent).items():
        if value is old:
            setattr(parent, name, new)
            return
        if isinstance(value, list | tuple) and any(item is old for item in value):
            setattr(parent, name, type(value)(new if item is old else item for item in value))
            return
    raise AssertionError(f"{type(old).__name__} is not a child of {type(parent).__name__}")
