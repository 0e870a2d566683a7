"""What is done to training images before a network sees them."""

from hwsim.errors import DataError
from optim.train._torch import Tensor, nn, torch
from optim.train.recipe import Augmentation


def augmented(images: Tensor, kind: Augmentation, reach: int, random: torch.Generator) -> Tensor:
    """Images moved, each by up to `reach` pixels, and mirrored: the same shape.

    What a move uncovers repeats the image's edge: after normalisation no fixed number stands for
    nothing, and 0 would draw a grey frame.

    Args:
        images: (images, channels, height, width).

    Raises:
        DataError: inputs that are no images.
    """
    if kind is Augmentation.NONE:
        return images
    if images.dim() != 4:
        raise DataError(
            f"augmentation {kind.value}: expected inputs (images, channels, height, width), "
            f"found {tuple(images.shape)}"
        )
    count, (height, width) = len(images), images.shape[-2:]
    frame = nn.functional.pad(images, (reach,) * 4, mode="replicate")
    tops, lefts = torch.randint(0, 2 * reach + 1, (2, count), generator=random).tolist()
    cut = [
        image[..., top : top + height, left : left + width]
        for image, top, left in zip(frame, tops, lefts, strict=True)
    ]
    moved = torch.stack(cut)
    if kind is Augmentation.SHIFT:
        return moved
    mirrored = torch.rand(count, generator=random) < 0.5
    return torch.where(mirrored.reshape(-1, 1, 1, 1), moved.flip(-1), moved)
