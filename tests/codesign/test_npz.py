"""NumPy archives are read as they are, and a wrong one is one clear DataError."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.datasets import Dataset, Split, load_dataset, read_description
from hwsim.errors import DataError

RNG = np.random.default_rng(7)


def load(text: str, samples: int | None = None, split: Split | None = None) -> Dataset:
    return load_dataset(read_description(text), split, samples)


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


def test_npz_is_read_as_it_is(tmp_path: Path) -> None:
    x, y = RNG.normal(size=(5, 2, 3)), np.arange(5)
    dataset = load(save(tmp_path / "a.npz", x=x, y=y), samples=4)
    assert np.array_equal(dataset.images, x[:4].astype(np.float32))
    assert dataset.labels.tolist() == [0, 1, 2, 3]
    assert dataset.split is Split.TEST


def test_an_npz_may_have_a_training_part(tmp_path: Path) -> None:
    x, y = RNG.normal(size=(5, 2)), np.arange(5)
    text = save(tmp_path / "a.npz", x=x, y=y, x_train=x[:3] + 1, y_train=y[:3])
    dataset = load(text, split=Split.TRAIN)
    assert np.array_equal(dataset.images, (x[:3] + 1).astype(np.float32))
    assert dataset.labels.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="expected arrays x_train and y_train, found x, y"):
        load(save(tmp_path / "b.npz", x=x, y=y), split=Split.TRAIN)


X, Y = np.zeros((4, 2), np.float32), np.arange(4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "expected arrays x and y, found x"),
        ({"x": X, "y": Y[:3]}, "y: expected 4 labels, one for each of x, found 3"),
        ({"x": X, "y": Y * 0.5}, r"y: expected integers of shape \(samples,\), found float64"),
        ({"x": X[:, 0], "y": Y}, r"x: expected numbers of shape \(samples, ...\)"),
        ({"x": X.astype(str), "y": Y}, r"x: expected numbers of shape \(samples, ...\)"),
        ({"x": X * np.nan, "y": Y}, "x: expected finite numbers, found NaN or infinity"),
        ({"x": X.astype(float) + 1e300, "y": Y}, "a.npz: expected inputs within single precision"),
        (
            {"x": X, "y": Y.astype("u8") + (1 << 63)},
            "y: expected classes, found 92233720368547758",
        ),
        ({"x": X, "y": -Y}, "expected labels from 0, found -3"),
        ({"x": X[:0], "y": Y[:0]}, "expected at least one image, found none"),
        ({"x": np.float32(1), "y": Y}, "x: expected an array, found a single value"),
        ({"x": np.array([object()] * 4), "y": Y}, "x: cannot be read as a NumPy archive"),
    ],
)
def test_a_wrong_npz_is_one_clear_error(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(save(tmp_path / "a.npz", **arrays))


def test_an_npz_cut_in_half_is_one_clear_error(tmp_path: Path) -> None:
    text = save(tmp_path / "a.npz", x=X, y=Y)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read as a NumPy archive"):
        load(text)
