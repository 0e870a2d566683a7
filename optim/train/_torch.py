"""PyTorch, or one line that says how to get it.

Its threads spin while they wait, unless told otherwise before they start: with another process
on the same cores a step of ResNet-20 then took 18 CPU-seconds instead of 1.
"""

import os

from hwsim.errors import HwsimError

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
try:
    import torch
    from torch import nn
except ImportError as error:
    raise HwsimError("training needs torch; install the [torch] extra") from error

Tensor = torch.Tensor

__all__ = ["Tensor", "nn", "torch"]
