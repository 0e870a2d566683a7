"""The network as it came, in reals: what a network in codes is to answer like.

Distillation (Hinton, Vinyals and Dean, arXiv 1503.02531, 2015): the loss of a batch is

    (1 - share) CE(labels) + share T^2 KL(softmax(teacher / T) || softmax(logits / T)).
"""

from typing import final

from mapping.network import LINEAR_OPS, Network
from optim.train._torch import Tensor, nn, torch
from optim.train.operators import OPERATORS
from optim.train.products import framed, product

#: Smooths the classes of both.
TEMPERATURE = 2.0


@final
class Teacher:
    """A float network, run in torch without gradients."""

    def __init__(self, network: Network) -> None:
        """The network whose constants are the trained reals."""
        self._network = network
        self._constants = {name: torch.tensor(held) for name, held in network.constants.items()}

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """(images, classes) of the float network."""
        network = self._network
        values = {**self._constants, network.inputs[0]: images}
        for node in network.nodes:
            arrays = [values[name] for name in node.inputs]
            if node.op not in LINEAR_OPS:
                values[node.output] = OPERATORS[node.op](node, arrays)
                continue
            inputs = framed(node, arrays[0], arrays[1].shape[2:], 0.0)
            found = product(node, inputs, arrays[1])
            if len(arrays) > 2:
                axes = [1] * (found.dim() - 2) if node.op == "conv" else []
                found = found + arrays[2].reshape(-1, *axes)
            values[node.output] = found
        return values[network.outputs[0]]


def divergence(teacher: Tensor, logits: Tensor) -> Tensor:
    """Mean of T^2 KL(softmax(teacher / T) || softmax(logits / T)) over images, in nats."""
    wanted = nn.functional.log_softmax(teacher / TEMPERATURE, dim=1)
    found = nn.functional.log_softmax(logits / TEMPERATURE, dim=1)
    nats = nn.functional.kl_div(found, wanted, reduction="batchmean", log_target=True)
    return TEMPERATURE**2 * nats
