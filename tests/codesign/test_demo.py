"""The embedded data set and network are what they say they are."""

from importlib.resources import files

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.datasets import load_digits

from codesign.demo.story import RTL_LAYER, through_rtl
from codesign.simulation import silent

DEMO = files("codesign.demo")
NETWORK = DEMO.joinpath("digits.onnx").read_bytes()


def split(name: str) -> tuple[np.ndarray, np.ndarray]:
    with DEMO.joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        return stored[f"{name}_images"], stored[f"{name}_labels"]


def test_embedded_network_is_right_on_98_percent_of_the_test_images() -> None:
    images, labels = split("test")
    session = onnxruntime.InferenceSession(NETWORK, providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"image": images[:, None].astype(np.float32) / 16})
    right = int((logits.argmax(axis=1) == labels).sum())
    assert right == 496  # of 500: 99.2 %, the figure of the documentation


def test_embedded_network_is_a_valid_onnx_file() -> None:
    onnx.checker.check_model(onnx.load_from_string(NETWORK), full_check=True)


def test_embedded_images_are_scikit_learns_digits_each_exactly_once() -> None:
    ours = np.concatenate(
        [np.column_stack([x.reshape(-1, 64), y]) for x, y in (split("train"), split("test"))]
    )
    images, labels = load_digits(return_X_y=True)
    theirs = np.column_stack([images, labels]).astype(np.uint8)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, theirs))


def test_embedded_split_is_stratified() -> None:
    (_, train), (_, test) = split("train"), split("test")
    assert (len(train), len(test)) == (1297, 500)
    share = np.bincount(test) / np.bincount(np.concatenate([train, test]))
    assert np.all(np.abs(share - 500 / 1797) < 0.01)


@pytest.mark.rtl
def test_a_layer_of_the_demonstration_goes_through_the_verilog() -> None:
    compared = through_rtl(0, silent)
    assert compared.result.equal
    assert [layer.name for layer in compared.result.layers] == [RTL_LAYER]
