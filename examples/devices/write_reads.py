"""Write reads.csv: synthetic reads of 48 cells whose truth is known, in place of a laboratory's.

    python examples/devices/write_reads.py

The same file comes out every time.
"""

from pathlib import Path

import numpy as np

from hwsim.device.reads import write_reads
from hwsim.device.spec import Device
from hwsim.device.synthetic import synthetic_reads

TARGET = Path(__file__).with_name("reads.csv")
CELL_BITS, CELLS_PER_LEVEL, READS, SEED = 2, 12, 60, 0
NOISE_S = 0.2e-6  # of the instrument
SOURCE = "invented for this example"
TRUTH = Device.model_validate(
    {
        "name": "truth",
        "conductance_min_S": 2e-6,
        "conductance_max_S": 40e-6,
        "fluctuation": {
            "law": "sqrt",
            "amplitude": 0.03,
            "states": "markov",
            "high_dwell_s": 8.0,
            "low_dwell_s": 4.0,
            "source": SOURCE,
        },
        "programming": {"sigma_absolute": 0.005, "sigma_relative": 0.02, "source": SOURCE},
        "drift": {"nu_mean": 0.03, "nu_sigma": 0.005, "start_s": 1.0, "source": SOURCE},
        "source": SOURCE,
    }
)


def main() -> None:
    """Write the reads, one per second."""
    time_s = 1.0 + np.arange(READS)
    write_reads(TARGET, synthetic_reads(TRUTH, CELL_BITS, CELLS_PER_LEVEL, time_s, NOISE_S, SEED))


if __name__ == "__main__":
    main()
