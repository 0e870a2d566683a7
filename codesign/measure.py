"""Running a network on a backend: which images are right, and how often cells are driven."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.cosim_record import cosim_result
from codesign.images import Images
from codesign.lines import line_results
from codesign.report.result import CosimResult, LineResult
from codesign.simulation import BackendName, Progress, Simulation
from hwsim.chip.spec import Arch
from hwsim.errors import DataError
from hwsim.events import ZERO, EventCounts
from mapping.drive import Drive
from mapping.drive_estimate import estimate_drives
from mapping.execute import IdealBackend, run
from mapping.execute_rtl import RtlBackend
from mapping.execute_tiles import TileBackend, calibrate
from mapping.fault_map import load_fault_map
from mapping.network import Network, QuantizedNetwork
from mapping.plan import Plan

#: Images that show how often word lines are driven when the backend drives none.
ACTIVITY_IMAGES = 256


@dataclass(frozen=True)
class Measured:
    """What executions on the asked backend showed.

    right: (device samples, images), True where the class was right; of devices that nothing
        disturbs there is one sample;
    pulses: events of one inference that depend on codes and weights, by layer;
    pulse_source: from what they were counted, in words;
    cosim: what went through the RTL, if it was asked;
    lines: what resistive lines take from the first device sample.
    """

    right: NDArray[np.bool_]
    pulses: Mapping[str, EventCounts]
    pulse_source: str
    cosim: CosimResult | None = None
    lines: tuple[LineResult, ...] = ()


def by_stage(progress: Progress, name: str, total: int) -> Callable[[int], None]:
    """`progress` for one stage of `total` images."""
    return lambda done: progress(name, done, total)


def classified(
    network: Network, logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(images,) True where the highest logit (of equal ones the first) is the label's.

    Raises:
        DataError: no highest logit can be told (minus infinity, a class without a chance, may be).
    """
    wrong = np.flatnonzero(~np.isfinite(logits.max(axis=1)))
    if wrong.size:
        raise DataError(
            f"{network.name}: output {network.outputs[0]!r}: expected finite numbers, "
            f"found {logits[wrong[0]].max()} for image {wrong[0]}"
        )
    right: NDArray[np.bool_] = logits.argmax(axis=1) == labels
    return right


def right_in_integers(
    network: QuantizedNetwork, images: Images, progress: Progress
) -> NDArray[np.bool_]:
    """(images,) True where the exact integer network is right."""
    test = images.test
    watch = by_stage(progress, "integers", len(test.labels))
    logits = run(network, test.images, IdealBackend(network), progress=watch)
    return classified(network.network, logits, test.labels)


def measure(
    asked: Simulation,
    arch: Arch,
    network: QuantizedNetwork,
    plan: Plan,
    images: Images,
    in_integers: NDArray[np.bool_],
    progress: Progress,
) -> Measured:
    """Accuracy and activity on the asked backend.

    Args:
        in_integers: what `right_in_integers` found: the backend `ideal` is just that.
    """
    if asked.backend is BackendName.IDEAL:
        return _ideal(arch, network, plan, images, in_integers, progress)
    test = images.test
    watch = by_stage(progress, "converter ranges", len(images.calibration))
    shifts = calibrate(network, plan, arch, images.calibration, watch)
    faults = None if asked.faults is None else load_fault_map(asked.faults, plan, arch.tile)
    right, pulses, rtl, lines = [], [], [], None
    for sample in range(asked.device_samples if _is_disturbed(arch) else 1):
        tiles = TileBackend(
            network,
            plan,
            arch,
            shifts=shifts,
            seed=asked.seed,
            device_sample=sample,
            engine=asked.engine,
            faults=faults,
        )
        if lines is None:
            lines = line_results(network, plan, arch, tiles, shifts, test.images)
        backend: TileBackend | RtlBackend = tiles
        if asked.backend is BackendName.RTL:
            backend = RtlBackend(tiles, plan)
            rtl.append(backend)
        watch = by_stage(progress, f"device sample {sample}", len(test.labels))
        chunk = 1 if rtl else None  # RTL: seconds per image
        logits = run(network, test.images, backend, chunk=chunk, progress=watch)
        right.append(classified(network.network, logits, test.labels))
        pulses.append(_pulses(backend, plan, arch, len(test.labels)))
    mean = {
        layer: sum((p[layer] for p in pulses), start=ZERO).scaled(1 / len(pulses))
        for layer in pulses[0]
    }
    cosim = cosim_result(rtl, len(rtl) * len(test.labels)) if rtl else None
    source = f"the {len(test.labels)} simulated images"
    return Measured(np.stack(right), mean, source, cosim, lines or ())


def _is_disturbed(arch: Arch) -> bool:
    """Whether two device samples can differ."""
    device, tile = arch.device, arch.tile
    parts = (device.fluctuation, device.programming, device.drift, device.faults)
    return any(part is not None for part in (*parts, tile.noise, tile.adc.errors))


def _ideal(
    arch: Arch,
    network: QuantizedNetwork,
    plan: Plan,
    images: Images,
    in_integers: NDArray[np.bool_],
    progress: Progress,
) -> Measured:
    """Exact products; how often tiles would be driven is estimated on some of the images."""
    some = images.test.images[:ACTIVITY_IMAGES]
    watch = by_stage(progress, "activity", len(some))
    seen = estimate_drives(network, plan, arch, some, progress=watch)
    pulses = {layer.name: seen[layer.name].drive.pulses(layer, arch) for layer in plan.layers}
    error = max(found.relative_error for found in seen.values())
    source = f"the first {len(some)} images"
    if error:
        source += f", of each layer a sample of vectors with a standard error up to {error:.1%}"
    return Measured(in_integers[None], pulses, source)


def _pulses(
    backend: TileBackend | RtlBackend, plan: Plan, arch: Arch, images: int
) -> dict[str, EventCounts]:
    """Pulses of one inference by layer, from what the backend drove over `images`."""
    return {
        layer.name: Drive.of(backend.layer(layer.name), images).pulses(layer, arch)
        for layer in plan.layers
    }
