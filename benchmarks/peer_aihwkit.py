"""Logical MACs per second of aihwkit's tiles on the work of bench_tile.py, as JSON.

Run by `bench_tile.py --peers PYTHON` with an interpreter that has aihwkit (1.1.0) and torch.
One analog weight per logical weight (aihwkit has no bit slices), arrays of R rows, 8-bit output
conversions, inputs bit by bit: eight calls, shifted and added; output noise per conversion.
Its torch tile: the C++ tile of the wheel 1.1.0 refuses the tensors of torch 2.13.0
("weights must be a CPU tensor").
"""

import json
import sys
import time

import torch
from aihwkit.nn import AnalogLinearMapped
from aihwkit.simulator.configs import TorchInferenceRPUConfig
from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType


def layer(config, rows: int, outputs: int, array_rows: int, noise: float):
    """A linear layer on tiles, ready to be read."""
    config.mapping.max_input_size = array_rows
    config.mapping.max_output_size = 0
    forward = config.forward
    forward.inp_res, forward.out_res, forward.out_noise = -1, 1 / 254, noise
    forward.noise_management = NoiseManagementType.NONE
    forward.bound_management = BoundManagementType.NONE
    return AnalogLinearMapped(rows, outputs, bias=False, rpu_config=config).eval()


def seconds(module, codes: torch.Tensor) -> float:
    """Process seconds of the best of four bit-serial products after one."""
    best = float("inf")
    with torch.no_grad():
        for run in range(5):
            start = time.process_time()
            total = 0.0
            for bit in range(8):
                total = total + module((codes >> bit & 1).float()) * (1 << bit)
            if run:
                best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """One row per layer, array size, tile and noise; layers as K,N,vectors arguments."""
    torch.set_num_threads(1)
    found = []
    for asked in sys.argv[1:]:
        rows, outputs, vectors = map(int, asked.split(","))
        codes = torch.randint(0, 256, (vectors, rows))
        for array_rows in (128, 256):
            for noise in (0.0, 0.06):
                module = layer(TorchInferenceRPUConfig(), rows, outputs, array_rows, noise)
                rate = rows * outputs * vectors / seconds(module, codes)
                row = {"layer": f"{rows}x{outputs}", "array_rows": array_rows}
                found.append({**row, "tile": "torch", "noise": noise, "MAC_per_s": rate})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
