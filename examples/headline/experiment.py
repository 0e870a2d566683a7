"""What a headline experiment is asked: its file, checked."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from hwsim.spec import Spec
from hwsim.tile.spec import Knobs
from hwsim.units import Ratio, Volt

NON_EMPTY = Field(min_length=1)
#: Techniques and bits per cell of what is trained; None: the preset's.
TRAININGS: dict[str, tuple[str, int | None]] = {
    "A": ("A", None),
    "A, one-bit cells": ("A", 1),
    "A+B": ("AB", None),
    "A+B, one-bit cells": ("AB", 1),
    "A+B+C": ("ABC", None),
    "A+B+C, one-bit cells": ("ABC", 1),
}
#: What is optimised besides, as the whole tiles' baseline.
CLEAN: dict[str, tuple[str, int | None]] = {
    "clean": ("", None),
    "clean, one-bit cells": ("", 1),
}


class Experiment(Spec):
    """One network on hardware of several strengths of fluctuation."""

    network: str
    scheme: dict[str, Any] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    #: Changes of the recipe where a network begins with another one's weights (`Bench.origin`).
    #: Without any, every network begins with the float one's.
    further: dict[str, Any] = Field(default_factory=dict)
    train_images: Annotated[int, Field(ge=1)] | None = None
    trainings: tuple[str, ...] = tuple(TRAININGS)
    #: Of these, or clean ones, the knobs are then chosen for the least energy of whole tiles.
    optimised: tuple[str, ...] = ()
    #: What is unlike the strength's preset where methods are read, not where they are trained:
    #: as an architecture file says it, and knobs of all layers.
    hardware: dict[str, Any] = Field(default_factory=dict)
    knobs: Knobs = Knobs()
    #: Whether what is trained with C is read bit by bit in either ledger.
    serial: bool = True
    strengths: Annotated[tuple[str, ...], NON_EMPTY] = ("emt-strong",)
    states: Annotated[tuple[str, ...], NON_EMPTY] = ("independent",)
    #: Voltages of every method; networks are trained at the last one.
    read_voltages_V: Annotated[tuple[Volt, ...], NON_EMPTY] = (0.2, 0.1)
    #: On the energy of a method's cells, tried in this order.
    factors: Annotated[tuple[Ratio, ...], NON_EMPTY] = (
        *(8, 5.6, 4, 2.8, 2, 1.4, 1, 0.7, 0.5, 0.35, 0.25),
    )
    samples: Annotated[int, Field(ge=1)] = 1000
    devices: Annotated[int, Field(ge=1)] = 1
    drop: Annotated[Ratio, Field(ge=0)] = 0.01

    @field_validator("trainings", "optimised")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = TRAININGS if info.field_name == "trainings" else TRAININGS | CLEAN
        for name in names:
            if name not in known:
                raise ValueError(f"expected some of {'; '.join(known)}, found {name!r}")
        return names
