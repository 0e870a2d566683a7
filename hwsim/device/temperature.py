"""Thermally activated processes: how much faster they run than where they were measured.

acceleration = exp(E_a / k (1 / T_0 - 1 / T))      (Arrhenius 1889)
"""

import math

BOLTZMANN_J_PER_K = 1.380649e-23  # exact, SI 2019
ELEMENTARY_CHARGE_C = 1.602176634e-19  # exact, SI 2019


_LARGEST = 600.0  # of a logarithm: e^600 times slower or faster, nothing or all happens


def acceleration(activation_eV: float | None, temperature_K: float, measured_K: float) -> float:
    """Rate at `temperature_K` over the rate at `measured_K`; 1 without an activation energy.

    Never zero nor infinite: within e^-600 to e^600.
    """
    exponent = log_acceleration(activation_eV, temperature_K, measured_K)
    return math.exp(min(max(exponent, -_LARGEST), _LARGEST))


def log_acceleration(activation_eV: float | None, temperature_K: float, measured_K: float) -> float:
    """Its natural logarithm, without bounds."""
    if activation_eV is None:
        return 0.0
    energy_K = activation_eV * ELEMENTARY_CHARGE_C / BOLTZMANN_J_PER_K
    return energy_K * (1 / measured_K - 1 / temperature_K)
