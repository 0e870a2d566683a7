"""Print the polynomials of hwsim.rng.normal_deviates, fitted in float64.

sqrt(2) * erfinv(x) = x * p(y),  y = 1 - x^2,  one p of degree 4 in each octave of y.
"""

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import ndtri

NODES = np.cos(np.pi * (np.arange(400) + 0.5) / 400)
DEGREE, LOWEST = 4, -23


def normal_ratio(y):
    """sqrt(2) * erfinv(x) / x at x = sqrt(1 - y); 1 - x without cancellation."""
    x = np.sqrt(1 - y)
    return -ndtri(y / (1 + x) / 2) / x


def fit(low: float) -> tuple[list[float], float]:
    """Coefficients, lowest power first, over low..2 low, and their largest relative error."""
    y = low * (1.5 + 0.5 * NODES)
    wanted, weight = normal_ratio(y), np.ones(y.size)
    for _ in range(200):  # Lawson's iteration: towards the smallest largest error
        chebyshev = Chebyshev.fit(
            y, wanted, DEGREE, domain=[low, 2 * low], w=np.sqrt(weight) / wanted
        )
        error = np.abs(chebyshev(y) / wanted - 1)
        weight *= error
        weight /= weight.sum()
    rounded = chebyshev.convert(kind=Polynomial).coef.astype(np.float32)
    return rounded.tolist(), float(np.abs(Polynomial(rounded)(y) / wanted - 1).max())


if __name__ == "__main__":
    for exponent in range(LOWEST, 0):
        coefficients, error = fit(2.0**exponent)
        row = ", ".join(str(np.float32(c)) for c in coefficients)
        print(f"    ({row}),  # 2^{exponent}, {error:.1e}")  # noqa: T201
