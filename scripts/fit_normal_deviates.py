"""Print the polynomials of hwsim.rng.normal_deviates: Chebyshev fits, in float64.

sqrt(2) * erfinv(x) = x * p(w - 8.5),  w = -ln(1 - x^2) in (0, 17)
ln(1 + r) = r + r^2 * q(r),  r in [-1/4, 1/2]
"""

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import ndtri

NODES = np.cos(np.pi * (np.arange(2000) + 0.5) / 2000)


def fit(function, low: float, high: float, centre: float, degree: int) -> tuple[list[float], float]:
    """Coefficients, lowest power first, of a fit in (argument - centre), and its relative error."""
    x = (low + high) / 2 + (high - low) / 2 * NODES
    domain = [low - centre, high - centre]
    polynomial = Chebyshev.fit(x - centre, function(x), degree, domain=domain).convert(
        kind=Polynomial
    )
    error = np.abs(polynomial(x - centre) / function(x) - 1).max()
    return polynomial.coef.tolist(), float(error)


def normal_ratio(w):
    """sqrt(2) * erfinv(x) / x at x^2 = 1 - exp(-w); 1 - x without cancellation."""
    tail = -np.expm1(np.log1p(-np.exp(-w)) / 2)
    return -ndtri(tail / 2) / (1 - tail)


def log_rest(r):
    """(ln(1 + r) - r) / r^2."""
    return (np.log1p(r) - r) / r**2


if __name__ == "__main__":
    for name, result in {
        "normal": fit(normal_ratio, 1e-6, 17.0, 8.5, 10),
        "log": fit(log_rest, -0.25, 0.5, 0.0, 6),
    }.items():
        print(name, [float(np.float32(c)) for c in result[0]], "relative error", result[1])  # noqa: T201
