"""Augmentation: images moved and mirrored, never framed with something else."""

import pytest

from hwsim.errors import DataError

torch = pytest.importorskip("torch", reason="needs the torch extra")

from optim.train.augment import augmented  # noqa: E402
from optim.train.recipe import Augmentation  # noqa: E402

pytestmark = pytest.mark.torch


def fresh():
    return torch.Generator().manual_seed(3)


def ramp(count):
    """Images whose pixels are 100 + row + 10 column."""
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    return (100 + rows + 10 * columns).expand(count, 2, 6, 6).clone()


def test_a_moved_image_repeats_its_edge():
    images, reach = ramp(64), 2
    moved = augmented(images, Augmentation.SHIFT, reach, fresh())
    seen = set()
    for image in moved:
        found = image[0]
        shifts = [
            (down, right)
            for down in range(-reach, reach + 1)
            for right in range(-reach, reach + 1)
            if torch.equal(found, clamped(images[0, 0], down, right))
        ]
        assert len(shifts) == 1
        seen |= set(shifts)
        assert torch.equal(image[0], image[1])  # channels move together
    assert len(seen) > 20  # of 25


def clamped(image, down, right):
    """`image` read `down` rows and `right` columns away, at most at its edge."""
    places = torch.arange(6)
    rows, columns = (places + down).clamp(0, 5), (places + right).clamp(0, 5)
    return image[rows][:, columns]


def test_half_of_the_images_are_mirrored_after_the_same_moves():
    images = ramp(400)
    moved = augmented(images, Augmentation.SHIFT, 1, fresh())
    both = augmented(images, Augmentation.SHIFT_FLIP, 1, fresh())
    mirrored = torch.tensor([torch.equal(a, b.flip(-1)) for a, b in zip(moved, both, strict=True)])
    plain = torch.tensor([torch.equal(a, b) for a, b in zip(moved, both, strict=True)])
    assert torch.equal(mirrored, ~plain)
    assert 160 < mirrored.sum() < 240  # four standard errors


def test_inputs_that_are_no_images_are_refused_in_one_line():
    with pytest.raises(DataError, match=r"augmentation shift: expected inputs .* found \(5, 7\)"):
        augmented(torch.zeros(5, 7), Augmentation.SHIFT, 1, fresh())
    flat = torch.zeros(5, 7)
    assert augmented(flat, Augmentation.NONE, 1, fresh()) is flat
