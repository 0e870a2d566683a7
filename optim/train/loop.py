"""The training loop: resumable after every epoch, the same result whether interrupted or not."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, final

import numpy as np

from hwsim.errors import DataError
from mapping.network import Network, QuantizedNetwork
from optim.problem import Examples
from optim.store import content_key
from optim.train._torch import Tensor, nn, torch
from optim.train.augment import augmented
from optim.train.layout import channels_last
from optim.train.network import CodedNetwork
from optim.train.recipe import Recipe, Technique
from optim.train.teacher import Teacher, divergence

WARM_UP = 0.1  # of the steps
#: What a checkpoint holds.
PARTS = frozenset(
    ("content", "network", "optimizer", "schedule", "order", "noise", "history"),
)

#: Called with the steps done and their number.
Progress = Callable[[int, int], None]
#: log2 of the converters' least significant bits by layer.
Calibrate = Callable[[QuantizedNetwork], Mapping[str, int]]


@final
@dataclass(frozen=True)
class Epoch:
    """Means over one epoch: loss of the task in nats, share right, cells' energy per image."""

    task: float
    right: float
    energy_J: float


@final
class Training:
    """A network, its training images and a recipe; advances epoch by epoch."""

    def __init__(
        self,
        network: CodedNetwork,
        examples: Examples,
        recipe: Recipe,
        checkpoint: Path | None,
        start: Path | None = None,
        *,
        belongs: Mapping[str, Any] | None = None,
        calibrate: Calibrate | None = None,
        teacher: Network | None = None,
        resume: bool = True,
    ) -> None:
        """A training that goes on from `checkpoint` where that file is there.

        Args:
            belongs: what else, as JSON, a checkpoint must have come from to be gone on from.
            calibrate: the converters' ranges for the network as it is, found again after every
                epoch; None: they stay.
            teacher: the float network to be like; None: the reals of the network in codes, where
                nothing of it is left to the saturation of codes.
            resume: whether it does; otherwise the file is replaced after the first epoch.
            start: checkpoint of an earlier training whose weights, rho and windows this one
                begins with, instead of the network's own and the recipe's; windows only where
                weights have as many slices.
        Raises:
            DataError: the checkpoint is of another training, or `start` does not fit.
        """
        self.network, self.examples, self.recipe = network, examples, recipe
        self.history: list[Epoch] = []
        self._checkpoint, self._calibrate = checkpoint, calibrate
        self._teacher = Teacher(teacher or network.network.network)
        network.start(recipe.rho)
        self._optimizer = _optimizer(network, recipe)
        self._steps = recipe.epochs * -(-len(examples) // recipe.batch)
        rate = torch.optim.lr_scheduler.LambdaLR
        self._schedule = rate(self._optimizer, lambda step: _rate(step / self._steps))
        self._random = torch.Generator().manual_seed(recipe.seed)
        torch.manual_seed(recipe.seed)
        self._reference_J = self._first_energy()
        self._start: tuple[str, int] | None = None
        if start is not None:
            state = _read(start)
            self._load(self._fitted(state["network"]), start)
            self._start = (state["content"], len(state["history"]))
        self._content = content_key(self._belongings(belongs or {}))
        if resume and checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
        self._follow()

    def run(self, progress: Progress | None = None) -> list[Epoch]:
        """The epochs that are left; means of all of them.

        Raises:
            DataError: the loss or a weight is not finite any more; the last checkpoint stays.
        """
        while len(self.history) < self.recipe.epochs:
            self.history.append(self._finite(self._epoch(progress)))
            self._follow()
            if self._checkpoint is not None:
                self._save(self._checkpoint)
        return self.history

    def _epoch(self, progress: Progress | None) -> Epoch:
        sums = np.zeros(3)
        for images, labels in self._batches():
            step = self._schedule.last_epoch
            if step >= (1 - self.recipe.settle) * self._steps:
                self.network.settle()
            strength = self.recipe.strength(step / self._steps)
            logits, energy = self.network(images, strength)
            task = self._task(images, logits, labels)
            loss = task
            if Technique.ENERGY in self.recipe.techniques:
                loss = task + self.recipe.energy_weight * energy.sum() / self._reference_J
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self.network.bound()
            self._schedule.step()
            right = (logits.argmax(1) == labels).float().mean()
            sums += len(labels) * np.array([task.item(), right.item(), energy.sum().item()])
            if progress is not None:
                progress(step + 1, self._steps)
        return Epoch(*(sums / len(self.examples)).tolist())

    def _follow(self) -> None:
        """Ranges as they will be calibrated for the weights as they are now."""
        if self._calibrate is not None:
            self.network.recalibrate(self._calibrate(self.network.integers()))

    def _finite(self, epoch: Epoch) -> Epoch:
        weights = all(bool(part.isfinite().all()) for part in self.network.parameters())
        if not (weights and all(map(math.isfinite, vars(epoch).values()))):
            raise DataError(
                f"training: epoch {len(self.history) + 1}: expected a finite loss and finite "
                f"weights, found others (a lower learning_rate or energy_weight may help)"
            )
        return epoch

    def _task(self, images: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss in nats against the labels and the float network."""
        share, task = self.recipe.distillation, nn.functional.cross_entropy(logits, labels)
        if not share:
            return task
        return (1 - share) * task + share * divergence(self._teacher.logits(images), logits)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        images = torch.from_numpy(self.examples.images)
        labels = torch.from_numpy(self.examples.labels.astype(np.int64))
        kind, reach = self.recipe.augmentation, self.recipe.reach
        order = torch.randperm(len(labels), generator=self._random)
        for chosen in order.split(self.recipe.batch):
            shown = augmented(images[chosen], kind, reach, self._random)
            yield channels_last(shown), labels[chosen]

    @torch.no_grad()
    def _first_energy(self) -> float:
        some = torch.from_numpy(self.examples.images[: self.recipe.batch])
        return float(self.network(some)[1].sum())

    def _belongings(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """What a checkpoint belongs to."""
        shown = (self.examples.images, self.examples.labels)
        content = {
            "recipe": self.recipe.in_use(),
            "examples": [sha256(np.ascontiguousarray(part).data).hexdigest() for part in shown],
            "energy_J": f"{self._reference_J:.4g}",  # its last digits are the processor's
        }
        return content | dict(others) | ({"start": self._start} if self._start else {})

    def _save(self, file: Path) -> None:
        """Write the whole state or nothing."""
        state = {
            "content": self._content,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "order": self._random.get_state(),
            "noise": torch.get_rng_state(),
            "history": [vars(epoch) for epoch in self.history],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = file.with_suffix(".part")
        torch.save(state, whole)
        whole.replace(file)

    def _resume(self, file: Path) -> None:
        state = _read(file)
        if state["content"] != self._content:
            raise DataError(
                f"{file}: expected a checkpoint of this training, found one of another recipe, "
                f"network, hardware or data"
            )
        self._load(state["network"], file)
        try:
            self._optimizer.load_state_dict(state["optimizer"])
        except ValueError:
            raise DataError(
                f"{file}: expected a checkpoint of this version, found one of another"
            ) from None
        self._schedule.load_state_dict(state["schedule"])
        self._random.set_state(state["order"])
        torch.set_rng_state(state["noise"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def _fitted(self, parameters: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Parameters of a start; windows of a weight cut into other slices stay this network's."""
        own = self.network.state_dict()
        return {
            name: own[name]
            if name.endswith("log_scales") and name in own and own[name].shape != value.shape
            else value
            for name, value in parameters.items()
        }

    def _load(self, parameters: Mapping[str, Tensor], file: Path) -> None:
        """Take a checkpoint's weights, rho and windows."""
        try:
            self.network.load_state_dict(parameters)
        except RuntimeError:
            raise DataError(
                f"{file}: expected a checkpoint with this network's layers, found one with others"
            ) from None


def _read(file: Path) -> dict[str, Any]:
    """A checkpoint's parts."""
    try:
        state: dict[str, Any] = torch.load(file, weights_only=True)
        missing = PARTS - (state.keys() if isinstance(state, dict) else set())
    except (OSError, LookupError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        kind = type(error).__name__
        raise DataError(f"{file}: expected a checkpoint, found another file ({kind})") from None
    if missing:
        raise DataError(f"{file}: expected a checkpoint, found a file without {min(missing)!r}")
    return state


def _optimizer(network: CodedNetwork, recipe: Recipe) -> Any:
    """AdamW; rho and its slices have a rate of their own, and move with technique B only."""
    parts: dict[str, list[Any]] = {"log_rho": [], "log_scales": [], "": []}
    for name, parameter in network.named_parameters():
        next(held for end, held in parts.items() if name.endswith(end)).append(parameter)
    trained = Technique.ENERGY in recipe.techniques
    for parameter in parts["log_rho"]:
        parameter.requires_grad_(trained)
    for parameter in parts["log_scales"]:
        parameter.requires_grad_(trained and recipe.slice_scales)
    groups: list[dict[str, Any]] = [
        {"params": parts[""], "lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    ]
    if trained:
        shares = parts["log_rho"] + parts["log_scales"]
        groups.append({"params": shares, "lr": recipe.rho_learning_rate, "weight_decay": 0.0})
    return torch.optim.AdamW(groups)


def _rate(done: float) -> float:
    """Share of the learning rate when a share `done` of the steps is done."""
    if done < WARM_UP:
        return (done + 1e-3) / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
