"""What is asked of a simulation."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hwsim.chip.spec import Arch
from hwsim.errors import SpecError
from hwsim.tile.spec import Engine
from mapping.design import Design

#: Called with the stage, what is done of it, and of how much.
Progress = Callable[[str, int, int], None]


class BackendName(Enum):
    """What multiplies."""

    IDEAL = "ideal"  # exact integers
    NUMBA = "numba"  # modelled tiles
    RTL = "rtl"  # the same tiles, everything digital by the Verilog


@dataclass(frozen=True)
class Simulation:
    """A network, data, hardware, and how much of it to run.

    network: an ONNX file;
    data: as `--data` takes it;
    arch: a preset's name, a YAML file, or what one says;
    design: a YAML file or what one says (None: the tile's own knobs);
    scheme: YAML file, how a float network becomes integers (None: the architecture's bits);
    samples: images (None: all);
    faults: NumPy archive of stuck cells by layer (None: only what the device file draws);
    tiles: to use in all (None: whole clusters that hold the network).
    """

    network: Path
    data: str
    arch: str | Path | Arch = "emt"
    design: Path | Design | None = None
    scheme: Path | None = None
    samples: int | None = None
    device_samples: int = 3
    backend: BackendName = BackendName.NUMBA
    engine: Engine = Engine.MOMENTS
    faults: Path | None = None
    tiles: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("samples", "device_samples", "tiles"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise SpecError(f"{name}: expected at least 1, found {count}")
        if not 0 <= self.seed < 1 << 64:
            raise SpecError(f"seed: expected a number of 64 bits, found {self.seed}")
        for name, kind in (("backend", BackendName), ("engine", Engine)):
            if not isinstance(getattr(self, name), kind):
                names = ", ".join(str(member) for member in kind)
                raise SpecError(f"{name}: expected one of {names}, found {getattr(self, name)!r}")
        if self.faults is not None and self.backend is BackendName.IDEAL:
            raise SpecError("faults: expected a backend of tiles, found 'ideal'")


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
