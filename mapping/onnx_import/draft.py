"""A network that is being rewritten after the walk."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from mapping.network import Network, Node, QuantParams

#: Operators for which quantising after them equals quantising before them, code by code.
MOVING = frozenset({"relu", "clip", "max_pool", "reshape", "transpose", "slice", "pad", "concat"})


@dataclass
class Draft:
    """A network that is being rewritten."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: list[Node]
    shapes: dict[str, tuple[int, ...]]
    constants: dict[str, NDArray[Any]]
    params: dict[str, QuantParams] = field(default_factory=dict)

    def uses(self) -> Counter[str]:
        """How often each tensor is read; a network output counts as one more."""
        count = Counter(name for node in self.nodes for name in node.inputs)
        count.update(self.outputs)
        return count

    def rename(self, old: str, new: str) -> None:
        """Lets every node read and write `new` in place of `old`."""
        self.nodes = [
            replace(
                node,
                inputs=tuple(new if name == old else name for name in node.inputs),
                output=new if node.output == old else node.output,
            )
            for node in self.nodes
        ]
        self.outputs = tuple(new if name == old else name for name in self.outputs)
        if old in self.shapes:
            self.shapes[new] = self.shapes[old]
        if old in self.params:
            self.params[new] = self.params.pop(old)

    def copy(self) -> "Draft":
        """A draft that can be rewritten without changing this one."""
        return Draft(
            self.name,
            self.inputs,
            self.outputs,
            list(self.nodes),
            dict(self.shapes),
            dict(self.constants),
            dict(self.params),
        )

    def network(self) -> Network:
        """The finished network; what nothing refers to any more is left out."""
        used = {*self.inputs, *self.outputs}
        for node in self.nodes:
            used.update((*node.inputs, node.output))
        return Network(
            self.name,
            self.inputs,
            self.outputs,
            tuple(self.nodes),
            {name: shape for name, shape in self.shapes.items() if name in used},
            {name: value for name, value in self.constants.items() if name in used},
        )
