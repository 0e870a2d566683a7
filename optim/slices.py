"""Windows of a weight's slices that take the least energy for the noise of a product.

A fluctuation that does not depend on the level adds 4^shift / c^2 to the variance of a product
in a slice of the part c of the window; its cells take c times their mean level of energy (what
G_min takes is the same for any window).  Lagrange's multiplier then gives

    c ~ (4^shift / mean level)^(1/3).
"""

import numpy as np

from hwsim.chip.spec import Arch
from hwsim.tile.encoding import encode
from mapping.execute_tiles import layer_weights
from mapping.network import QuantizedNetwork
from mapping.plan import LayerPlan, Plan


def balanced_scales(
    network: QuantizedNetwork, plan: Plan, arch: Arch
) -> dict[str, tuple[float, ...]]:
    """Parts of its layer's window for every slice of every layer, the widest one 1."""
    return {layer.name: _balanced(network, layer, arch) for layer in plan.layers}


def _balanced(network: QuantizedNetwork, layer: LayerPlan, arch: Arch) -> tuple[float, ...]:
    geometry = layer.geometry(arch.tile)
    weights = layer_weights(network, layer.name)
    levels = encode(weights.reshape(-1, weights.shape[2]), geometry)
    mean = np.maximum(levels.mean(axis=(0, 2, 3)), 1 / levels.size)
    parts = np.cbrt(4.0 ** np.array(geometry.slices.shifts) / mean)
    used = levels.any(axis=(0, 2, 3))  # a slice without levels is no measure for the others
    widest = parts[used].max(initial=parts.min())
    return tuple(np.minimum(parts / widest, 1.0).tolist())
