"""Train the embedded network and write digits.onnx.

    OMP_WAIT_POLICY=PASSIVE python -m codesign.demo.train_digits

Needs the torch extra; takes under a minute on two cores.  The number of epochs is fixed, and
the test images are looked at once, at the end.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hwsim.errors import HwsimError

try:
    import torch
    from torch import nn
except ImportError as error:
    raise HwsimError("training needs torch; install the [torch] extra") from error

SEED = 0
EPOCHS = 60
BATCH = 64
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-3
CHANNELS = (16, 32, 32)
HERE = Path(__file__).parent
TARGET = HERE / "digits.onnx"


def build() -> nn.Sequential:
    """Three 3x3 convolutions with batch norm, two poolings, one linear layer: 15,248 weights."""
    layers: list[nn.Module] = []
    below = 1
    for index, channels in enumerate(CHANNELS):
        layers += [nn.Conv2d(below, channels, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if index > 0 else []
        below = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * below, 10))


def train(network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> None:
    """AdamW with a one-cycle rate and images shifted by up to one pixel."""
    batches = -(-len(images) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, EPOCHS * batches)
    network.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            rows, cols = torch.randint(-1, 2, (2,)).tolist()
            shifted = torch.roll(nn.functional.pad(images[chosen], (1,) * 4), (rows, cols), (2, 3))
            loss = nn.functional.cross_entropy(network(shifted[:, :, 1:-1, 1:-1]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()


def operators(network: nn.Sequential) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """ONNX operator, node name, constant inputs and attributes of every trained layer."""
    place = 0
    for layer in network:
        match layer:
            case nn.Conv2d():
                place += 1
                options: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
                yield "Conv", f"conv{place}", {"weight": layer.weight}, options
            case nn.BatchNorm2d():
                mean, variance = layer.running_mean, layer.running_var
                scale = {"scale": layer.weight, "bias": layer.bias}
                statistics = scale | {"mean": mean, "variance": variance}
                yield "BatchNormalization", f"norm{place}", statistics, {"epsilon": layer.eps}
            case nn.ReLU():
                yield "Relu", f"relu{place}", {}, {}
            case nn.MaxPool2d():
                options = {"kernel_shape": [2, 2], "strides": [2, 2]}
                yield "MaxPool", f"pool{place}", {}, options
            case nn.Flatten():
                yield "Flatten", "flatten", {}, {}
            case nn.Linear():
                weights = {"weight": layer.weight, "bias": layer.bias}
                yield "Gemm", "linear", weights, {"transB": 1}


def export(network: nn.Sequential, path: Path) -> None:
    """Write the trained layers as an ONNX graph, node by node."""
    nodes, constants, current = [], [], "image"
    for index, (operator, name, tensors, options) in enumerate(operators(network)):
        output = "logits" if index == len(network) - 1 else f"{name}.output"
        for key, tensor in tensors.items():
            constants.append(numpy_helper.from_array(tensor.detach().numpy(), f"{name}.{key}"))
        inputs = [current, *(f"{name}.{key}" for key in tensors)]
        nodes.append(helper.make_node(operator, inputs, [output], name, **options))
        current = output
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        constants,
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="hwsim")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main() -> None:
    """Train, write the file, and say how many test images it gets right."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    with np.load(HERE / "digits.npz") as stored:
        images = {
            split: torch.from_numpy(stored[f"{split}_images"][:, None].astype(np.float32) / 16)
            for split in ("train", "test")
        }
        labels = {
            split: torch.from_numpy(stored[f"{split}_labels"].astype(np.int64))
            for split in ("train", "test")
        }
    network = build()
    train(network, images["train"], labels["train"])
    export(network, TARGET)
    with torch.no_grad():
        right = int((network(images["test"]).argmax(1) == labels["test"]).sum())
    sys.stdout.write(f"{TARGET.name}: {right} of {len(labels['test'])} test images right\n")


if __name__ == "__main__":
    main()
