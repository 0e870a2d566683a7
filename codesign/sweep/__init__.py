"""Many architectures, devices and designs: points of a YAML file, each simulated once."""

from codesign.sweep.record import Outcome, Status, Sweep, SweepPoint, load_points, load_sweep_record
from codesign.sweep.run import Plan, Ran, plan_sweep, run_sweep
from codesign.sweep.spec import SweepSpec, load_sweep

__all__ = [
    "Outcome",
    "Plan",
    "Ran",
    "Status",
    "Sweep",
    "SweepPoint",
    "SweepSpec",
    "load_points",
    "load_sweep",
    "load_sweep_record",
    "plan_sweep",
    "run_sweep",
]
