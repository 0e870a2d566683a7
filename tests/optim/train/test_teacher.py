"""The float network that a network in codes is to answer like."""

import numpy as np
import pytest
from scipy.special import log_softmax

from mapping.execute import run_float
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import layer_shapes
from tests.reference import many_operators

torch = pytest.importorskip("torch", reason="needs the torch extra")

from hwsim.chip.load import load_arch  # noqa: E402
from optim.problem import Examples  # noqa: E402
from optim.train.loop import Training  # noqa: E402
from optim.train.network import CodedNetwork  # noqa: E402
from optim.train.recipe import Recipe  # noqa: E402
from optim.train.teacher import TEMPERATURE, Teacher, divergence  # noqa: E402

pytestmark = pytest.mark.torch
IMAGES = many_operators.IMAGES


@pytest.fixture
def network(tmp_path):
    return import_network(many_operators.write(tmp_path / "small.onnx")).network


def test_the_teacher_is_the_float_network(network):
    found = Teacher(network).logits(torch.from_numpy(IMAGES)).numpy()
    np.testing.assert_allclose(found, run_float(network, IMAGES), rtol=1e-4, atol=1e-5)


def test_divergence_is_zero_for_the_same_answers_and_its_formula_for_others():
    random = np.random.default_rng(0)
    one, other = random.normal(0, 3, (2, 7, 5))
    p, q = (log_softmax(logits / TEMPERATURE, axis=1) for logits in (one, other))
    expected = TEMPERATURE**2 * (np.exp(p) * (p - q)).sum(axis=1).mean()
    pair = torch.from_numpy(one), torch.from_numpy(other)
    assert divergence(*pair).item() == pytest.approx(expected, rel=1e-9)
    assert divergence(pair[0], pair[0]).item() == pytest.approx(0, abs=1e-12)


def test_distillation_brings_answers_nearer_to_the_teacher_than_labels_do(network):
    """Labels that have nothing to do with the images."""
    images = torch.from_numpy(IMAGES)
    quantized = quantize(network, IMAGES, Scheme(activation_bits=4))
    arch = load_arch("emt-strong")
    placed = plan(layer_shapes(quantized), arch)
    examples = Examples(IMAGES, np.arange(len(IMAGES)) % 5)
    wanted = Teacher(network).logits(images)

    def distance(share):
        coded = CodedNetwork(quantized, placed, arch)
        recipe = Recipe(epochs=5, batch=16, techniques=frozenset(), distillation=share)
        Training(coded, examples, recipe, None).run()
        with torch.no_grad():
            return divergence(wanted, coded(images)[0]).item()

    assert distance(1.0) < 0.7 * distance(0.0)
