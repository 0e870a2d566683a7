"""Values of codes with straight-through slopes, in either layout of images."""

import pytest

from mapping.network import Node, QuantParams

torch = pytest.importorskip("torch", reason="needs the torch extra")

from optim.train.layout import at, channels_last, normal  # noqa: E402 - they need torch
from optim.train.operators import OPERATORS  # noqa: E402
from optim.train.straight import looked_up, places, saturated  # noqa: E402

pytestmark = pytest.mark.torch
SHAPE = (3, 5, 6, 4)


def codes(low=-8, high=8):
    """Whole numbers as floats, of images."""
    return torch.randint(low, high, SHAPE, generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("held", [QuantParams(1.0, 0, 4, False), QuantParams(0.5, 3, 4, False)])
def test_saturation_has_the_values_and_slopes_of_rounding_and_clamping(held):
    torch.manual_seed(1)
    x = (4 * torch.randn(1000, dtype=torch.float64)).requires_grad_()
    found = saturated(x, held)
    expected = (x.detach().round() + held.zero_point).clamp(held.low, held.high)
    assert torch.equal(found, expected)
    assert 0 < (found == held.low).sum() < 1000
    slope = torch.randn(1000, dtype=torch.float64)
    (got,) = torch.autograd.grad(found, x, slope)
    whole = x.detach().round() + held.zero_point
    inside = (whole >= held.low) & (whole <= held.high)
    assert torch.equal(got, slope * inside)


@pytest.mark.parametrize("layout", [torch.clone, channels_last])
def test_tables_are_read_alike_in_either_layout(layout):
    table, where = torch.rand(16), layout(codes())
    found = at(table, places(where, table))
    assert torch.equal(found, table[where.long() % 16])
    assert found.stride() == where.stride()
    assert torch.equal(looked_up(table, where), found)


def test_codes_of_eight_bits_find_their_places():
    table = torch.rand(256)
    for shown in (torch.arange(0.0, 256.0), torch.arange(-128.0, 128.0)):
        assert torch.equal(at(table, places(shown, table)), table[shown.long() % 256])


@pytest.mark.parametrize("layout", [torch.clone, channels_last])
def test_normal_numbers_lie_as_what_they_meet(layout):
    torch.manual_seed(1)
    like = layout(torch.zeros(40, 7, 30, 20))
    found = normal(like.shape, like)
    assert found.stride() == like.stride()
    assert abs(found.mean()) < 4 / found.numel() ** 0.5
    assert abs(found.var() - 1) < 4 * (2 / found.numel()) ** 0.5


@pytest.mark.parametrize("layout", [torch.clone, channels_last])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 3)])
def test_pooling_equals_torch_and_shares_the_gradient_of_equals(layout, kernel):
    x = layout(torch.randn(SHAPE)).requires_grad_()
    node = Node("p", "max_pool", ("x",), "y", {"kernel": kernel, "strides": (2, 1)})
    found = OPERATORS["max_pool"](node, [x])
    expected = torch.nn.functional.max_pool2d(x, kernel, (2, 1))
    assert torch.equal(found, expected)
    slope = torch.randn_like(expected)
    got, wanted = (torch.autograd.grad(y, x, slope)[0] for y in (found, expected))
    assert torch.allclose(got, wanted)
    equal = torch.ones(1, 1, *kernel, requires_grad=True)
    OPERATORS["max_pool"](node, [equal]).backward()
    assert torch.equal(equal.grad, torch.full_like(equal, 1 / equal.numel()))
