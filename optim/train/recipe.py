"""How a network is trained for its hardware."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hwsim.spec import Spec, read_yaml, validate
from hwsim.units import Ratio


class Technique(Enum):
    """The three techniques of model.md section 4 (after Wang et al., arXiv 2112.00324)."""

    DEVICE_STATES = "A"  # every sample of a batch is read with fresh device states
    ENERGY = "B"  # the cells' energy in the loss, its share per layer trainable
    DECOMPOSITION = "C"  # inputs are read bit by bit instead of as one long pulse


#: Keys of a recipe that concern one technique only.
_KEYS = {
    Technique.DEVICE_STATES: ("ramp",),
    Technique.ENERGY: ("energy_weight", "rho_learning_rate", "slice_scales", "settle"),
}


class Augmentation(Enum):
    """What is done to training images."""

    NONE = "none"
    SHIFT = "shift"  # by up to `reach` pixels
    SHIFT_FLIP = "shift_flip"  # and mirrored, every other one


class Recipe(Spec):
    """Fine-tuning from the network's own weights: AdamW, a warm-up, then a cosine to zero."""

    # Upper limits are far beyond use: they keep torch's own numbers from overflowing.
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 4
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    learning_rate: Annotated[Ratio, Field(gt=0, le=1000)] = 5e-4
    rho_learning_rate: Annotated[Ratio, Field(gt=0, le=1000)] = 2e-2
    weight_decay: Annotated[Ratio, Field(ge=0, le=1000)] = 0.0
    techniques: frozenset[Technique] = frozenset(Technique)
    #: Weight of the cells' energy, as a share of what it is before training.
    energy_weight: Annotated[Ratio, Field(ge=0)] = 0.1
    #: rho of every layer before training.
    rho: Annotated[Ratio, Field(ge=0.25, le=8)] = 1.0
    #: Whether slices of a weight may use less of the window than the most significant one.
    slice_scales: bool = False
    #: Share of the steps over which noise rises to its full strength: full noise from the first
    #: step costs accuracy for good.
    ramp: Annotated[Ratio, Field(ge=0, le=1)] = 0.3
    #: Share of the steps, at the end, over which rho stands still on what tiles can make.
    settle: Annotated[Ratio, Field(ge=0, le=1)] = 0.3
    #: Share of the loss that is the divergence from the float network's answers
    #: (`optim/train/teacher.py`), the rest being that from the labels.
    distillation: Annotated[Ratio, Field(ge=0, le=1)] = 0.0
    augmentation: Augmentation = Augmentation.NONE
    reach: Annotated[int, Field(ge=1, le=1000)] = 2
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 0

    def in_use(self) -> dict[str, Any]:
        """The keys that have a say: not those of a technique that is left out."""
        idle = {
            key
            for technique, keys in _KEYS.items()
            if technique not in self.techniques
            for key in keys
        }
        content = self.model_dump(mode="json", exclude=idle)
        return content | {"techniques": sorted(t.value for t in self.techniques)}

    def strength(self, done: float) -> float:
        """Share of the noise that is drawn when a share `done` of the steps is done."""
        if Technique.DEVICE_STATES not in self.techniques:
            return 0.0
        return min(1.0, done / self.ramp) if self.ramp else 1.0


def load_recipe(file: Path | None, changes: Mapping[str, Any]) -> Recipe:
    """The recipe of a YAML file, the defaults without one, with `changes` of its keys.

    Raises:
        SpecError: one line that names file, key, and what was expected.
    """
    written = {} if file is None else read_yaml(file)
    return validate(Recipe, {**written, **changes}, "recipe" if file is None else str(file))
