"""Slow twin of mapping.lower: a convolution straight from its definition, element by element."""

import numpy as np
from numpy.typing import NDArray


def convolve(
    image: NDArray[np.int64],
    weight: NDArray[np.int64],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int],
    group: int,
    fill: int,
) -> NDArray[np.int64]:
    """y[o, r, c] = sum over channel and kernel of weight * image, `fill` outside the image.

    Args:
        image: (channels, rows, cols).
        weight: (out, channels/group, kernel rows, kernel cols).
    Returns:
        (out, out rows, out cols).
    """
    channels = image.shape[0]
    padded = np.pad(
        image,
        ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])),
        constant_values=fill,
    )
    reach = [dilations[a] * (weight.shape[2 + a] - 1) for a in (0, 1)]
    tops = range(0, padded.shape[1] - reach[0], strides[0])
    lefts = range(0, padded.shape[2] - reach[1], strides[1])
    outs = weight.shape[0]
    result = np.zeros((outs, len(tops), len(lefts)), np.int64)
    for o in range(outs):
        first = (o // (outs // group)) * (channels // group)
        for r, top in enumerate(tops):
            for c, left in enumerate(lefts):
                for i in range(weight.shape[1]):
                    for a in range(weight.shape[2]):
                        for b in range(weight.shape[3]):
                            pixel = padded[
                                first + i, top + a * dilations[0], left + b * dilations[1]
                            ]
                            result[o, r, c] += weight[o, i, a, b] * pixel
    return result
