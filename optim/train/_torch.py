"""PyTorch, or one line that says how to get it."""

from hwsim.errors import HwsimError

try:
    import torch
    from torch import nn
except ImportError as error:
    raise HwsimError("training needs torch; install the [torch] extra") from error

Tensor = torch.Tensor

__all__ = ["Tensor", "nn", "torch"]
