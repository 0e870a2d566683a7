"""The few numbers that a report opens with; shared by every format."""

from dataclasses import dataclass

from codesign.report.quantities import NOT_SIMULATED, grouped, percent, si, square_mm
from codesign.report.result import AccuracyResult, Result


@dataclass(frozen=True)
class Headline:
    """One number with its name and what must be known to read it."""

    title: str
    value: str
    detail: str


def headlines(result: Result) -> tuple[Headline, ...]:
    """Accuracy, what a search says of its target, energy, time, area, tiles, efficiency."""
    return (
        Headline("Accuracy on tiles", *_accuracy(result)),
        *_target(result),
        Headline(
            "Energy per inference",
            si(result.energy_J.total, "J"),
            f"{si(_per_mac(result), 'J')} per MAC, {grouped(result.macs)} MACs",
        ),
        Headline(
            "Throughput",
            f"{si(result.throughput_per_s, '').strip()}/s",
            "inferences per second of a full pipeline",
        ),
        Headline(
            "Latency",
            si(result.latency_s, "s"),
            f"{grouped(result.cycles)} cycles at {si(result.clock_Hz, 'Hz')}",
        ),
        Headline(
            "Area",
            square_mm(result.area_m2.total),
            "one cluster in use"
            if result.clusters == 1
            else f"{grouped(result.clusters)} whole clusters in use",
        ),
        Headline(
            "Tiles",
            grouped(result.tiles),
            f"{percent(result.utilization, 1)} of their cells in use",
        ),
        Headline("Efficiency", f"{result.tops_per_W:.3g} TOPS/W", "two operations per MAC"),
    )


def _target(result: Result) -> tuple[Headline, ...]:
    """Whether the design is certified; what one setting for all layers takes."""
    if result.certified is None:
        return ()
    said = Headline("Target", "certified" if result.certified else "not certified", result.verdict)
    alike_J = result.baseline_energy_J
    if not result.certified or alike_J is None:
        return (said,)
    ratio = f"{alike_J / result.energy_J.total:.2f} times as much"
    return said, Headline(
        "All layers alike", si(alike_J, "J"), f"best certified setting for all: {ratio}"
    )


def _per_mac(result: Result) -> float:
    return result.energy_J.total / result.macs if result.macs else 0.0


def _accuracy(result: Result) -> tuple[str, str]:
    if result.accuracy is None:
        return NOT_SIMULATED, "mapped and priced only"
    return percent(result.accuracy.mean), accuracy_detail(result.accuracy, result)


def accuracy_detail(accuracy: AccuracyResult, result: Result) -> str:
    """Interval, samples, and the two accuracies to compare with."""
    low, high = accuracy.ci95
    said = [f"95 % interval {100 * low:.2f} to {100 * high:.2f} %"]
    if result.samples is not None:
        said.append(f"{grouped(result.samples)} samples")
    if result.device_samples is not None:
        plural = "" if result.device_samples == 1 else "s"
        said.append(f"{result.device_samples} device sample{plural}")
    if accuracy.float_ is not None:
        said.append(f"float {percent(accuracy.float_)}")
    if accuracy.quantized is not None:
        said.append(f"quantized {percent(accuracy.quantized)}")
    return ", ".join(said)
