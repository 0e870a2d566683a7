"""What is optimised: a network on hardware, and the images that choose and that judge."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.build import build
from hwsim.chip.spec import Arch
from hwsim.cost import Technology
from hwsim.device.spec import States
from hwsim.tile.spec import Engine
from mapping.execute import IdealBackend, run
from mapping.network import Network, Node, QuantizedNetwork
from mapping.shapes import LayerShape, layer_shapes


@final
@dataclass(frozen=True)
class Examples:
    """images: (samples, *input shape) float32; labels: (samples,) class numbers."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, chosen: Any) -> "Examples":
        """Those of an index array or slice."""
        return Examples(self.images[chosen], self.labels[chosen])


@final
@dataclass(frozen=True)
class Problem:
    """A network in integers on an architecture.

    calibration: (samples, *input shape) images that set the converters' ranges;
    tuning: images that settings are chosen by;
    testing: images that a design is certified on, none of them used to choose it (data without
        a training part calibrate codes and converters on the first of all, without labels);
    windows: parts of the window that the slices of layers use under any design.
    """

    network: QuantizedNetwork
    arch: Arch
    technology: Technology
    calibration: NDArray[np.float32]
    tuning: Examples
    testing: Examples
    seed: int = 0
    windows: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        """How fluctuation is drawn."""
        return Engine.fitting(self.arch.device)

    @cached_property
    def shapes(self) -> Sequence[LayerShape]:
        """Layers that lie on tiles, in execution order."""
        return layer_shapes(self.network)

    @cached_property
    def tuning_logits(self) -> NDArray[np.float32]:
        """(tuning images, classes) of the undisturbed integers."""
        return run(self.network, self.tuning.images, IdealBackend(self.network))

    @cached_property
    def unbounded(self) -> Arch:
        """On a chip as large as needed: what does not fit for all layers may do so for some."""
        return self.arch.unbounded

    @property
    def max_tiles(self) -> int | None:
        """Tiles of the whole chip; None: as many as the network needs."""
        chip = self.arch.chip
        return None if chip.max_clusters is None else chip.max_clusters * chip.tiles_per_cluster

    @property
    def lasting(self) -> bool:
        """Whether anything differs between two programmed chips that lasts from read to read.

        Otherwise two images on one chip are as independent as on two.
        """
        device, adc = self.arch.device, self.arch.tile.adc
        law = device.fluctuation
        parts = (device.programming, device.drift, device.faults, adc.errors)
        kept = law is not None and law.states is not States.INDEPENDENT
        return kept or any(part is not None for part in parts)

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """All that a result depends on besides the design, for the key of an evaluation."""
        content: dict[str, Any] = {
            "hwsim": build(),
            "network": self._network_digest,
            "arch": _digest(self.arch.model_dump_json()),
            "calibration": _digest(self.calibration),
            "tuning": _digest(self.tuning.images, self.tuning.labels),
            "testing": _digest(self.testing.images, self.testing.labels),
            "engine": self.engine.value,
            "seed": self.seed,
        }
        return content | ({"windows": dict(self.windows)} if self.windows else {})

    @property
    def _network_digest(self) -> str:
        """The same in every process: dictionaries in the order of their keys."""
        layers = sorted(self.network.layers.items())
        return _digest(
            *(part for name, layer in layers for part in (name, *vars(layer).values())),
            graph_digest(self.network.network),
            *sorted(self.network.tensors.items()),
        )


def graph_digest(network: Network) -> str:
    """Of constants and nodes: the same in every process, whatever the order of dictionaries."""
    return _digest(
        *(part for constant in sorted(network.constants.items()) for part in constant),
        *(part for node in network.nodes for part in _described(node)),
        network.inputs,
        network.outputs,
    )


def _described(node: Node) -> tuple[Any, ...]:
    return (node.name, node.op, node.inputs, node.output, sorted(node.attributes.items()))


def _digest(*parts: Any) -> str:
    """SHA-256 over texts and over arrays with their shapes and types."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            sha.update(f"{part.dtype}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        else:
            sha.update(str(part).encode())
    return sha.hexdigest()
