"""Tables of a layer at any part of its conductance window, from a few windows."""

import math

from optim.train._torch import Tensor, torch

#: Windows that tables are made for, from the whole one to the least, by equal factors.
WINDOWS = 5
_FLOOR = 1e-9  # of a table's largest entry: what its logarithm takes for nothing


def window_shares(least: float) -> list[float]:
    """Parts of the window that tables are made for; the whole one alone where nothing is less."""
    if least >= 1:
        return [1.0]
    return [math.exp(math.log(least) * k / (WINDOWS - 1)) for k in range(WINDOWS)]


def at_windows(tables: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Tables at parts of the window, and the slopes of their logarithms.

    Between two windows an entry is a power of the part in use: exact for what does not depend
    on the level, within a twentieth for the presets' laws, and 15 % at corners of measured curves.

    Args:
        tables: (windows, slices, ...) of `window_shares`.
        places: (slices,) logarithm of the part in use over that of the least; beyond 1, for
            slices in a part of the least, the last power goes on.
    Returns:
        (slices, ...) entries, and what a logarithm gains from place 0 to 1.
    """
    steps = len(tables) - 1
    size = tables.abs()
    if steps == 0 or not size.any():
        return tables[0], torch.zeros_like(tables[0])
    logs, sign = size.clamp(min=_FLOOR * float(size.max())).log(), tables.sum(dim=0).sign()
    place = (places * steps).reshape(-1, *[1] * (tables.dim() - 2))
    first = place.detach().floor().clamp(0, steps - 1)
    low = first.long().flatten()
    slices = torch.arange(len(low))
    begin, steep = logs[low, slices], logs[low + 1, slices] - logs[low, slices]
    return sign * (begin + (place - first) * steep).exp(), steep * steps
