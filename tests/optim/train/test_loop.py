"""The training loop: the same bits however often it is interrupted."""

from dataclasses import replace

import pytest

from hwsim.errors import DataError, SpecError
from optim.problem import Examples
from tests.reference import many_operators

torch = pytest.importorskip("torch", reason="needs the torch extra")

import numpy as np  # noqa: E402

from hwsim.chip.load import load_arch  # noqa: E402
from hwsim.tile.spec import Knobs  # noqa: E402
from mapping.onnx_import import import_network  # noqa: E402
from mapping.plan import plan  # noqa: E402
from mapping.quantize import Scheme, quantize  # noqa: E402
from mapping.shapes import layer_shapes  # noqa: E402
from optim.rho import design_of, settled  # noqa: E402
from optim.train.loop import Training  # noqa: E402
from optim.train.network import CodedNetwork  # noqa: E402
from optim.train.recipe import Augmentation, Recipe, Technique, load_recipe  # noqa: E402

pytestmark = pytest.mark.torch
ARCH = load_arch("emt-strong")
ONE_BIT = ARCH.replace(tile=ARCH.tile.replace(cell_bits=1))
IMAGES = many_operators.IMAGES
EXAMPLES = Examples(IMAGES, np.arange(len(IMAGES)) % 5)
RECIPE = Recipe(epochs=3, batch=16, augmentation=Augmentation.SHIFT_FLIP, energy_weight=1.0)


class Killed(Exception):
    """As a signal would end it."""


@pytest.fixture
def network(tmp_path):
    """`network()`: a fresh small network in codes."""
    file = many_operators.write(tmp_path / "small.onnx")
    quantized = quantize(import_network(file).network, IMAGES, Scheme(activation_bits=4))
    placed = plan(layer_shapes(quantized), ARCH)
    return lambda: CodedNetwork(quantized, placed, ARCH)


def expect_equal(one, other):
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_a_killed_training_ends_like_one_that_was_not(network, tmp_path, steps):
    whole, resumed, file = network(), network(), tmp_path / "checkpoint.pt"
    history = Training(whole, EXAMPLES, RECIPE, None).run()

    def kill(done, _steps):
        if done == steps:
            raise Killed

    with pytest.raises(Killed):
        Training(network(), EXAMPLES, RECIPE, file).run(kill)
    torch.manual_seed(99)  # another process
    training = Training(resumed, EXAMPLES, RECIPE, file)
    assert len(training.history) == (steps - 1) // 3
    assert training.run() == history
    expect_equal(whole, resumed)


def test_converters_follow_the_weights_from_epoch_to_epoch(network, tmp_path):
    """What they are calibrated to is in no checkpoint: it follows from the weights."""

    def calibrate(own):
        return {name: int(abs(layer.weight).sum()) % 3 for name, layer in own.layers.items()}

    def shifts(own):
        return {name: own.layer(name).hardware.whole.shift for name in own.rho()}

    whole, resumed, file = network(), network(), tmp_path / "checkpoint.pt"
    first = shifts(whole)
    history = Training(whole, EXAMPLES, RECIPE, None, calibrate=calibrate).run()
    assert shifts(whole) == calibrate(whole.integers()) != first
    assert history != Training(network(), EXAMPLES, RECIPE, None).run()

    def kill(done, _steps):
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        Training(network(), EXAMPLES, RECIPE, file, calibrate=calibrate).run(kill)
    assert Training(resumed, EXAMPLES, RECIPE, file, calibrate=calibrate).run() == history
    expect_equal(whole, resumed)


def test_a_finished_training_is_not_run_again(network, tmp_path):
    file = tmp_path / "checkpoint.pt"
    history = Training(network(), EXAMPLES, RECIPE, file).run()

    def never(done, _steps):
        raise AssertionError(done)

    assert Training(network(), EXAMPLES, RECIPE, file).run(never) == history


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"epochs": 4}, {"techniques": frozenset([Technique.ENERGY])}]
)
def test_a_checkpoint_of_another_recipe_is_refused(network, tmp_path, changes):
    file = tmp_path / "checkpoint.pt"
    Training(network(), EXAMPLES, RECIPE.replace(epochs=1), file).run()
    with pytest.raises(DataError, match=r"checkpoint.pt: expected a checkpoint of this training"):
        Training(network(), EXAMPLES, RECIPE.replace(epochs=1).replace(**changes), file)


def test_a_checkpoint_of_other_labels_or_hardware_is_refused(network, tmp_path):
    file, short = tmp_path / "checkpoint.pt", RECIPE.replace(epochs=1)
    Training(network(), EXAMPLES, short, file, belongs={"hardware": "mine"}).run()
    Training(network(), EXAMPLES, short, file, belongs={"hardware": "mine"})
    other = replace(EXAMPLES, labels=EXAMPLES.labels[::-1])
    for examples, hardware in ((EXAMPLES, "theirs"), (other, "mine")):
        with pytest.raises(DataError, match=r"expected a checkpoint of this training"):
            Training(network(), examples, short, file, belongs={"hardware": hardware})


def test_a_training_that_diverges_says_so_and_keeps_its_checkpoint(network, tmp_path):
    file = tmp_path / "checkpoint.pt"
    training = Training(network(), EXAMPLES, RECIPE, file)

    def spoilt(done, _steps):
        if done == 5:  # in the second epoch of three steps
            training.recipe = RECIPE.replace(energy_weight=1e300)

    with pytest.raises(DataError, match=r"training: epoch 2: expected a finite loss"):
        training.run(spoilt)
    kept = Training(network(), EXAMPLES, RECIPE, file)
    assert len(kept.history) == 1


def test_a_checkpoint_does_not_depend_on_what_its_techniques_leave_aside(network, tmp_path):
    file, clean = tmp_path / "checkpoint.pt", RECIPE.replace(epochs=1, techniques=frozenset())
    history = Training(network(), EXAMPLES, clean, file).run()
    idle = {"energy_weight": 0.5, "ramp": 0.9, "settle": 0.1, "rho_learning_rate": 1.0}
    resumed = network()
    assert Training(resumed, EXAMPLES, clean.replace(**idle), file).run() == history
    other = network()  # and rightly so: the same network without a checkpoint
    assert Training(other, EXAMPLES, clean.replace(**idle), None).run() == history
    expect_equal(resumed, other)


@pytest.fixture
def earlier(network, tmp_path):
    """`(network, checkpoint)`: of an earlier training."""
    trained, file = network(), tmp_path / "earlier.pt"
    Training(trained, EXAMPLES, RECIPE.replace(slice_scales=True), file).run()
    return trained, file


def test_a_training_begins_where_an_earlier_one_ended(network, tmp_path, earlier):
    trained, file = earlier
    own, calm = network(), RECIPE.replace(epochs=1, seed=5)
    training = Training(own, EXAMPLES, calm, tmp_path / "checkpoint.pt", file)
    expect_equal(trained, own)  # weights, rho and windows
    history = training.run()
    assert own.rho() != trained.rho()
    # Its energy counts against the same start: the float network's at the recipe's rho.
    assert training._reference_J == Training(network(), EXAMPLES, calm, None)._reference_J
    resumed = network()
    again = Training(resumed, EXAMPLES, calm, tmp_path / "checkpoint.pt", file)
    assert again.history == history
    expect_equal(resumed, own)
    with pytest.raises(DataError, match=r"expected a checkpoint of this training"):
        Training(network(), EXAMPLES, calm, tmp_path / "checkpoint.pt")


def test_windows_of_other_slices_are_left(network, earlier, tmp_path):
    trained, file = earlier
    narrow = CodedNetwork(trained.network, plan(layer_shapes(trained.network), ONE_BIT), ONE_BIT)
    Training(narrow, EXAMPLES, RECIPE, None, file)
    assert narrow.rho() == trained.rho()
    assert narrow.slice_scales() == {}
    assert trained.slice_scales()


@pytest.mark.parametrize("held", [[1, 2], torch.zeros(3), {"weight": torch.zeros(3)}])
def test_a_file_of_torch_that_is_no_checkpoint_is_refused(network, tmp_path, held):
    file = tmp_path / "other.pt"
    torch.save(held, file)
    with pytest.raises(DataError, match=r"other.pt: expected a checkpoint, .* without 'content'"):
        Training(network(), EXAMPLES, RECIPE, None, start=file)
    with pytest.raises(DataError, match=r"other.pt: expected a checkpoint, .* without 'content'"):
        Training(network(), EXAMPLES, RECIPE, file)


def test_a_start_of_another_network_is_refused(network, tmp_path, earlier):
    _, file = earlier
    state = torch.load(file, weights_only=True)
    torch.save(state | {"network": dict(list(state["network"].items())[1:])}, file)
    with pytest.raises(DataError, match=r"earlier.pt: expected a checkpoint with this network's"):
        Training(network(), EXAMPLES, RECIPE, None, file)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 and more"])
def test_a_file_that_is_no_checkpoint_is_refused(network, tmp_path, content):
    file = tmp_path / "checkpoint.pt"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"checkpoint.pt: expected a checkpoint, found") as caught:
        Training(network(), EXAMPLES, RECIPE, file)
    assert "\n" not in str(caught.value)


def test_a_file_with_other_parts_is_refused(network, tmp_path):
    file = tmp_path / "checkpoint.pt"
    torch.save({"content": "mine"}, file)
    with pytest.raises(DataError, match=r"expected a checkpoint, found a file without 'history'"):
        Training(network(), EXAMPLES, RECIPE, file)


def test_a_checkpoint_with_other_parameters_is_refused(network, tmp_path):
    file = tmp_path / "checkpoint.pt"
    Training(network(), EXAMPLES, RECIPE.replace(epochs=1), file).run()
    state = torch.load(file, weights_only=True)
    torch.save(state | {"network": dict(list(state["network"].items())[1:])}, file)
    with pytest.raises(DataError, match=r"checkpoint.pt: expected a checkpoint with this net"):
        Training(network(), EXAMPLES, RECIPE.replace(epochs=1), file)


def test_a_checkpoint_with_another_optimizer_is_refused(network, tmp_path):
    file = tmp_path / "checkpoint.pt"
    Training(network(), EXAMPLES, RECIPE.replace(epochs=1), file).run()
    state = torch.load(file, weights_only=True)
    state["optimizer"]["param_groups"].pop()
    torch.save(state, file)
    with pytest.raises(DataError, match=r"checkpoint.pt: expected a checkpoint of this version"):
        Training(network(), EXAMPLES, RECIPE.replace(epochs=1), file)


def test_energy_in_the_loss_lowers_energy_and_settles_on_what_tiles_make(network):
    own = network()
    recipe = RECIPE.replace(energy_weight=100.0, rho_learning_rate=0.1)
    history = Training(own, EXAMPLES, recipe, None).run()
    assert history[-1].energy_J < 0.9 * history[0].energy_J
    assert all(rho == pytest.approx(settled(rho)) for rho in own.rho().values())
    assert max(own.rho().values()) < 1


def test_slices_use_less_of_the_window_the_less_they_weigh(network):
    own = network()
    recipe = RECIPE.replace(slice_scales=True, rho_learning_rate=0.05)
    Training(own, EXAMPLES, recipe, None).run()
    for name, scales in own.slice_scales().items():
        knobs = design_of(own.rho(), Knobs(), scales=own.slice_scales()).knobs(name)
        assert knobs.slice_scales == pytest.approx(scales)  # settled: what tiles can make
        assert list(scales) == sorted(scales)
        assert 0.25 <= scales[0] < scales[-1] == 1
    assert set(own.slice_scales()) == set(own.rho())


@pytest.mark.parametrize("changes", [{}, {"slice_scales": True, "techniques": frozenset("A")}])
def test_slices_are_alike_unless_asked_for_and_trained(network, changes):
    own = network()
    Training(own, EXAMPLES, Recipe(epochs=1, batch=16, **changes), None).run()
    assert own.slice_scales() == {}


def test_what_leaves_its_limits_comes_back(network):
    """Beyond, noise and energy have no slope: what a step leaves there would stay for good."""
    own = network()
    name = next(iter(own.rho()))
    layer = own.layer(name)
    with torch.no_grad():
        layer.log_rho.fill_(-9.0)
        layer.log_scales.fill_(1.0)
    own.bound()
    assert own.rho()[name] == pytest.approx(0.25)
    assert layer.log_scales.tolist() == [0.0] * len(layer.log_scales)
    own(torch.from_numpy(EXAMPLES.images))[1].sum().backward()
    assert layer.log_rho.grad > 0


def test_without_technique_b_every_rho_stays(network):
    own = network()
    recipe = RECIPE.replace(techniques=frozenset([Technique.DEVICE_STATES]), rho=2.0)
    Training(own, EXAMPLES, recipe, None).run()
    assert list(own.rho().values()) == pytest.approx([2.0] * len(own.rho()))


def test_noise_ramps_up_and_stays_off_without_technique_a():
    recipe = Recipe(ramp=0.4)
    assert [recipe.strength(done) for done in (0.0, 0.2, 0.4, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert Recipe(techniques=frozenset()).strength(1.0) == 0


def test_a_recipe_names_a_wrong_key(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text("epoch: 3\n")
    with pytest.raises(SpecError, match=r"recipe.yaml: epoch: .*did you mean 'epochs'"):
        load_recipe(file, {})


def test_means_of_an_epoch_weigh_images_alike(network):
    """Of 63 images and one: the loss of the one counts a 64th."""
    short = RECIPE.replace(epochs=1, batch=len(IMAGES) - 1, techniques=frozenset(), ramp=0.0)
    training = Training(network(), EXAMPLES, short, None)
    seen = []
    task = training._task

    def recorded(images, logits, labels):
        loss = task(images, logits, labels)
        seen.append((len(labels), loss.item()))
        return loss

    training._task = recorded
    [epoch] = training.run()
    assert [count for count, _ in seen] == [len(IMAGES) - 1, 1]
    assert epoch.task == pytest.approx(sum(n * loss for n, loss in seen) / len(IMAGES))
