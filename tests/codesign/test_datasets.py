"""Data sets are read as they are, and a wrong file is one clear DataError."""

import gzip
import io
import pickle
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codesign.datasets import Dataset, Split, load_dataset, read_description
from hwsim.errors import DataError, HwsimError

RNG = np.random.default_rng(7)
PIXELS = RNG.integers(0, 256, (6, 3072), dtype=np.uint8)
LABELS = [3, 0, 9, 1, 2, 5]


def load(text: str, samples: int | None = None, split: Split | None = None) -> Dataset:
    return load_dataset(read_description(text), split, samples)


def idx(array: NDArray[np.uint8]) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


IMAGES = RNG.integers(0, 256, (7, 5, 4), dtype=np.uint8)
CLASSES = np.array([0, 1, 9, 3, 4, 4, 2], np.uint8)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(CLASSES)))
    return tmp_path


def test_idx_images_and_labels_come_out_as_they_went_in(mnist: Path) -> None:
    dataset = load(f"mnist:{mnist}")
    assert dataset.images.dtype == np.float32
    assert np.array_equal(dataset.images, IMAGES[:, None].astype(np.float32) / np.float32(255))
    assert dataset.labels.tolist() == CLASSES.tolist()
    assert (dataset.name, dataset.split) == ("mnist", Split.TEST)


def test_samples_keeps_the_first_images_and_their_labels(mnist: Path) -> None:
    few, whole = load(f"fashion-mnist:{mnist}", samples=3), load(f"fashion-mnist:{mnist}")
    assert np.array_equal(few.images, whole.images[:3])
    assert np.array_equal(few.labels, whole.labels[:3])
    assert few.sha256 != whole.sha256


Damage = Callable[[Path], object]
IDX_DAMAGE: dict[str, tuple[Damage, str]] = {
    "images cut in half": (
        lambda folder: cut(folder / "t10k-images-idx3-ubyte"),
        r"t10k-images-idx3-ubyte: expected 140 bytes after the header, found 62",
    ),
    "gzip cut in half": (
        lambda folder: cut(folder / "t10k-labels-idx1-ubyte.gz"),
        r"labels-idx1-ubyte.gz: cannot be read, is it cut short\?",
    ),
    "header cut": (
        lambda folder: (folder / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES)[:9]),
        r"expected a header of 3 lengths, found the end of the file",
    ),
    "wrong magic": (
        lambda folder: (folder / "t10k-images-idx3-ubyte").write_bytes(idx(CLASSES)),
        r"expected IDX magic 00000803, found '00000801'",
    ),
    "bytes too many": (
        lambda folder: (folder / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES) + b"x"),
        r"expected 140 bytes after the header, found 141",
    ),
    "a length of four billion": (
        lambda folder: (folder / "t10k-images-idx3-ubyte").write_bytes(
            b"\0\0\x08\x03" + b"\xff" * 12
        ),
        r"expected lengths from 1 to 67108864, found \(4294967295",
    ),
    "fewer labels than images": (
        lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(CLASSES[:5])),
        r"expected 7 labels, one for each image of t10k-images-idx3-ubyte, found 5",
    ),
    "label 11": (
        lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(CLASSES + 10)),
        r"expected labels from 0 and below 10, found 11",
    ),
    "no labels": (
        lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").unlink(),
        r"expected t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz, found neither",
    ),
}


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("case", IDX_DAMAGE)
def test_damaged_idx_files_are_one_clear_error(mnist: Path, case: str) -> None:
    damage, message = IDX_DAMAGE[case]
    damage(mnist)
    with pytest.raises(DataError, match=message):
        load(f"mnist:{mnist}", samples=2)


def cifar_batch(protocol: int = 2, **changes: Any) -> bytes:
    batch = {b"data": PIXELS, b"labels": LABELS, b"batch_label": b"testing batch 1 of 1"}
    batch.update({key.encode(): value for key, value in changes.items()})
    return pickle.dumps(batch, protocol)


def python2_batch() -> bytes:
    """As the original files are: protocol 2 of Python 2, where text is bytes."""
    raw = PIXELS[:2].tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x03K\x08eu."


def test_python_2_batches_are_read(tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(python2_batch())
    dataset = load(f"cifar10:{tmp_path}")
    assert dataset.labels.tolist() == [3, 8]
    assert np.array_equal(dataset.images.reshape(2, -1), PIXELS[:2] / np.float32(255))


@pytest.mark.parametrize("protocol", range(6))
def test_cifar_batches_of_every_pickle_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "test_batch").write_bytes(cifar_batch(protocol))
    dataset = load(f"cifar10:{tmp_path}")
    assert np.array_equal(dataset.images.reshape(6, -1), PIXELS / np.float32(255))
    assert dataset.labels.tolist() == LABELS


def archive(path: Path, mode: str, batches: dict[str, bytes]) -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in batches.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_cifar_archives_of_every_compression_equal_the_folder(tmp_path: Path, mode: str) -> None:
    (tmp_path / "test_batch").write_bytes(cifar_batch())
    path = archive(tmp_path / "archive", mode, {"readme": b"", "test_batch": cifar_batch()})
    ours, theirs = load(f"cifar10:{path}"), load(f"cifar10:{tmp_path}")
    assert np.array_equal(ours.images, theirs.images)
    assert ours.sha256 == theirs.sha256


def test_training_batches_keep_their_order_whatever_the_archives(tmp_path: Path) -> None:
    batches = {
        f"data_batch_{n}": cifar_batch(data=PIXELS[n : n + 1], labels=[n]) for n in (3, 1, 5, 2, 4)
    }
    path = archive(tmp_path / "archive", "w:gz", batches)
    assert load(f"cifar10:{path}", split=Split.TRAIN).labels.tolist() == [1, 2, 3, 4, 5]
    assert load(f"cifar10:{path}", 1, Split.TRAIN).labels.tolist() == [1]


def test_reading_an_archive_stops_after_the_test_batch(tmp_path: Path) -> None:
    path = archive(tmp_path / "archive", "w", {"test_batch": cifar_batch(), "late": b"x" * 99999})
    path.write_bytes(path.read_bytes()[:60000])
    assert load(f"cifar10:{path}").labels.tolist() == LABELS


def test_cifar100_reads_the_fine_labels(tmp_path: Path) -> None:
    fine = [99, 0, 1, 2, 3, 4]
    (tmp_path / "test").write_bytes(cifar_batch(fine_labels=fine, coarse_labels=LABELS))
    assert load(f"cifar100:{tmp_path}").labels.tolist() == fine


class Evil:
    """Writes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "ran")


def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    (tmp_path / "test_batch").write_bytes(cifar_batch(labels=Evil(target)))
    with pytest.raises(DataError, match=r"expected a pickle of numbers only, found the name \S+"):
        load(f"cifar10:{tmp_path}")
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (cifar_batch()[:5000], "cannot be read as a pickled batch"),
        (b"", "cannot be read as a pickled batch"),
        (b"cos\nsystem\n(S'true'\ntR.", "found the name os.system"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "found the name builtins.eval"),
        (b"Pid\n.", "persistent object"),
        (pickle.dumps([1, 2]), "expected a pickled dictionary, found list"),
        (cifar_batch(data=PIXELS[:, :99]), r"data: expected shape \(images, 3072\)"),
        (cifar_batch(data=PIXELS.astype(np.float32)), "an array of something other than bytes"),
        (cifar_batch(data=[1]), "data: expected an array of bytes, found list"),
        (cifar_batch(labels=LABELS[:4]), "labels: expected 6 labels.* found 4"),
        (cifar_batch(labels=["a"] * 6), "labels: expected a list of integers, found list"),
        (cifar_batch(labels=[1 << 70] * 6), "labels: expected classes, found huge integers"),
        (cifar_batch(labels=[-1] * 6), "expected labels from 0 and below 10, found -1"),
        (cifar_batch(labels=[10] * 6), "expected labels from 0 and below 10, found 10"),
    ],
)
def test_a_wrong_batch_is_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load(f"cifar10:{tmp_path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_cut_inside_the_batch_is_one_clear_error(tmp_path: Path, mode: str) -> None:
    path = archive(tmp_path / "archive", mode, {"test_batch": cifar_batch()})
    cut(path)
    with pytest.raises(DataError, match="cut short"):
        load(f"cifar10:{path}")


def test_an_xz_archive_cut_behind_the_batch_is_noticed(tmp_path: Path) -> None:
    noise = RNG.bytes(1 << 18)
    path = archive(tmp_path / "archive", "w:xz", {"test_batch": cifar_batch(), "late": noise})
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"expected the end of an .xz file, found it cut short"):
        load(f"cifar10:{path}")


def test_missing_batches_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected the batch 'test_batch'"):
        load(f"cifar10:{tmp_path}")
    with pytest.raises(DataError, match="expected the batch 'test_batch'"):
        load(f"cifar10:{archive(tmp_path / 'a', 'w', {})}")
    with pytest.raises(DataError, match="no such file or folder"):
        load(f"cifar10:{tmp_path / 'nothing'}")
    with pytest.raises(DataError, match="expected a folder of IDX files"):
        load(f"mnist:{tmp_path / 'nothing'}")
    with pytest.raises(DataError, match="no such file"):
        load(f"npz:{tmp_path / 'nothing'}")


def test_yaml_prepares_pixels_per_channel_with_a_path_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test_batch").write_bytes(cifar_batch())
    (tmp_path / "here.yaml").write_text(
        "{dataset: cifar10, path: set, divide_by: 2.55e+2, mean: [0.5, 0.25, 0], std: [2, 1, 0.5]}"
    )
    images = load(str(tmp_path / "here.yaml")).images
    x = PIXELS.reshape(-1, 3, 32, 32) / np.float32(255)
    mean = np.float32([0.5, 0.25, 0]).reshape(3, 1, 1)
    std = np.float32([2, 1, 0.5]).reshape(3, 1, 1)
    assert np.array_equal(images, (x - mean) / std)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: cifar10", "path: missing; 'cifar10' needs one"),
        ("{dataset: digits, path: x}", "path: 'digits' lies in the package"),
        ("{dataset: cifar11, path: x}", "dataset: expected 'digits', 'fashion-mnist'"),
        ("{dataset: digits, split: both}", "split: expected 'test' or 'train', found 'both'"),
        ("{dataset: digits, divide_by: 0}", "divide_by: .*greater than 0, found 0"),
        ("{dataset: digits, divide_by: .nan}", "divide_by: .*finite number, found nan"),
        ("{dataset: digits, divide_by: many}", "divide_by: .*valid number.*, found 'many'"),
        ("{dataset: digits, std: [-1]}", "std.0: .*greater than 0, found -1"),
        ("{dataset: digits, mean: []}", "mean: expected at least one entry, found none"),
        ("{dataset: digits, means: [1]}", "means: unknown key; did you mean 'mean'"),
        ("{dataset: digits, mean: [1, 2]}", "mean: expected one figure for each of 1 channels"),
    ],
)
def test_a_wrong_description_names_its_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(HwsimError, match=message):
        load(str(tmp_path / "a.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digit", "--data: expected one of .*; did you mean 'digits'\\?; or a YAML file"),
        ("digits:x", "--data: expected 'digits' without a path, found 'digits:x'"),
        ("mnist", "--data: expected mnist:PATH, found 'mnist'"),
        ("npz:", "--data: expected npz:PATH, found 'npz:'"),
    ],
)
def test_a_wrong_data_argument_says_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_description(text)


def test_digits_are_divided_by_their_highest_level() -> None:
    dataset = load("digits")
    assert dataset.images.shape == (500, 1, 8, 8)
    assert (dataset.images.min(), dataset.images.max()) == (0, 1)


@pytest.mark.parametrize("shape", [(-1, 1, 8, 8), (1, 8, 8), (-1, 64), (-1, 8, 8, 1)])
def test_images_take_the_shape_of_the_networks_input(shape: tuple[int, ...]) -> None:
    dataset = load("digits", samples=3)
    fitted = dataset.fitted(shape, 10, "image")
    assert fitted.images.shape == (3, *shape[1:])
    assert np.array_equal(fitted.images.ravel(), dataset.images.ravel())


@pytest.mark.parametrize("shape", [(-1, 3, 32, 32), (-1, 65), (-1, 4, 16), (-1, -1, 8, 8), (-1,)])
def test_images_that_do_not_fit_are_one_clear_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"expected images of shape .*'image', found 1x8x8"):
        load("digits", samples=3).fitted(shape, 10, "image")


def test_labels_beyond_the_networks_outputs_are_one_clear_error() -> None:
    with pytest.raises(DataError, match="expected labels below the network's 9 outputs, found 9"):
        load("digits").fitted((-1, 64), 9, "image")


@pytest.mark.data
def test_real_cifar10_starts_with_its_known_labels(data_dir: Path) -> None:
    dataset = load(f"cifar10:{data_dir / 'datasets' / 'cifar-10-python.tar.xz'}", samples=10)
    assert dataset.images.shape == (10, 3, 32, 32)
    # cat ship ship plane frog frog automobile frog cat automobile, as torchvision lists them
    assert dataset.labels.tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]


@pytest.mark.data
def test_real_fashion_mnist_has_ten_equal_classes(data_dir: Path) -> None:
    dataset = load(f"fashion-mnist:{data_dir / 'datasets' / 'fashion-mnist'}")
    assert np.bincount(dataset.labels).tolist() == [1000] * 10
