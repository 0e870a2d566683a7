"""Write digits.npz: the UCI handwritten digits as scikit-learn distributes them, split once.

    python -m codesign.demo.write_digits

Needs the development extra (scikit-learn).  The same file comes out every time.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 0
TEST_IMAGES = 500
TARGET = Path(__file__).with_name("digits.npz")


def main() -> None:
    """Write the 1797 images (8x8, levels 0..16) as 1297 to train on and 500 to test on."""
    images, labels = load_digits(return_X_y=True)
    pixels = images.reshape(-1, 8, 8).astype(np.uint8)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    np.savez_compressed(
        TARGET,
        train_images=pixels[train],
        train_labels=labels[train].astype(np.uint8),
        test_images=pixels[test],
        test_labels=labels[test].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
