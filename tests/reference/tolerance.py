"""Equality of physical figures.

`pytest.approx` alone also accepts any difference up to 1e-12: in joules, farads and square
metres that is everything.
"""

from typing import Any

import pytest


def near(expected: Any, rel: float = 1e-6) -> Any:
    """Equal within the relative tolerance and no other."""
    return pytest.approx(expected, rel=rel, abs=0.0)
