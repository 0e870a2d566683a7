"""Chips and networks, of shapes alone, for tests of time."""

import numpy as np

from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from mapping.network import Network, Node
from mapping.operators import OPERATORS

_PRESET = load_arch("emt")
#: With an adder and a requantiser per cluster, which are slower than the tiles.
EMT = _PRESET.replace(
    chip=_PRESET.chip.replace(shift_adds_per_cluster=1, requantizers_per_cluster=1)
)


def small(bus_bits: int = 32, tiles_per_group: int = 2, units: int = 1) -> Arch:
    """Few short products, so that a simulation cycle by cycle is quick; tiles of 8 by 8 cells."""
    adc = EMT.tile.adc.model_copy(update={"columns_per_adc": 1, "bits": 4})
    tile = EMT.tile.model_copy(
        update={"rows": 8, "cols": 16, "adc": adc, "read_cycles": 2, "dac_bits": 2}
    )
    chip = EMT.chip.replace(
        tiles_per_group=tiles_per_group,
        groups_per_cluster=2,
        bus_bits=bus_bits,
        flit_bits=bus_bits,
        clusters_per_router=1,
        shift_adds_per_cluster=units,
        requantizers_per_cluster=units,
        activation_units_per_cluster=units,
        pool_units_per_cluster=units,
    )
    return EMT.model_copy(update={"tile": tile, "chip": chip})


def conv(name: str, source: str, kernel: int = 3, stride: int = 1, pad: int = 1) -> Node:
    """A square convolution with the weight `name`.w and the output `name`."""
    pads = (pad, pad, pad, pad)
    attributes = {"strides": (stride, stride), "pads": pads}
    return Node(name, "conv", (source, f"{name}.w"), name, attributes)


class Graph:
    """A network of shapes, node by node."""

    def __init__(self, channels: int, size: int) -> None:
        self.nodes: list[Node] = []
        self.shapes: dict[str, tuple[int, ...]] = {"x": (1, channels, size, size)}

    def add(self, node: Node, outputs: int = 0, kernel: int = 1) -> "Graph":
        source = self.shapes[node.inputs[0]]
        if outputs and len(source) == 4:
            self.shapes[node.inputs[1]] = (outputs, source[1], kernel, kernel)
        elif outputs:
            self.shapes[node.inputs[1]] = (source[1], outputs)
        arrays = [np.zeros(self.shapes[name], np.float32) for name in node.inputs]
        self.shapes[node.output] = OPERATORS[node.op](node, arrays).shape
        self.nodes.append(node)
        return self

    def network(self) -> Network:
        last = self.nodes[-1].output
        return Network("net", ("x",), (last,), tuple(self.nodes), self.shapes, {})
