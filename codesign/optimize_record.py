"""The record of an optimisation: the chosen design, its accuracy and cost, the front, a verdict."""

from typing import Any

from codesign.assemble import Run, assemble
from codesign.flow import network_name, recorded
from codesign.interval import accuracy_interval
from codesign.optimize import Optimization, Optimized
from codesign.report.result import AccuracyResult, Assumption, FrontPoint, Result
from mapping.timing import plan_time
from optim.certify import Verdict, confidence_bounds
from optim.price import DRIVE_IMAGES
from optim.search import Candidate, Found
from optim.target import Population


def optimization_result(asked: Optimization, done: Optimized, command: str = "") -> Result:
    """The result that reports are made from: of the chosen design, certified or not."""
    problem, candidate = done.judge.evaluator.problem, done.found.candidate
    placed, arch = candidate.price.plan, problem.arch
    network = problem.network.network
    result = assemble(
        network_name(asked.network),
        placed,
        arch,
        problem.technology,
        done.judge.pricing.counts(placed),
        ops={node.name: node.op for node in network.nodes},
        time=plan_time(placed, arch, network),
        run=_run(asked, done),
        assumptions=(done.case.origin, *_assumptions(done)),
        provenance=recorded(
            asked.simulation, command, done.case.images, grid=asked.grid, windows=asked.windows
        ),
    )
    return result.replace(
        design=candidate.placed.model_dump(),
        front=[point.model_dump() for point in _front(done)],
        certified=done.found.certified,
        verdict=verdict(done, done.found),
        baseline_energy_J=(
            done.baseline.candidate.price.energy_J if done.baseline.certified else None
        ),
        evaluations=done.evaluations,
    )


def verdict(done: Optimized, found: Found) -> str:
    """What is certain about a design, in words."""
    target = done.judge.target
    asked = _asked(done)
    if found.test is None:
        return (
            f"Not reachable: no setting keeps {asked} on the {done.tuning} tuning images; the "
            f"closest is right on {found.candidate.outcome.share:.2%} of them."
        )
    low, high = _bounds(done, found)
    seen = len(found.test.observations)
    if found.certified:
        return (
            f"Certified: {asked}, wrong with a probability of at most {target.error:g}; "
            f"{seen} observations on {_population(done)}, attempt {found.rounds}."
        )
    if found.test.verdict is Verdict.MISSED:
        return (
            f"Missed: {asked}, found {low:.2%} to {high:.2%} after {seen} observations on "
            f"{_population(done)}."
        )
    return (
        f"Not certain: {asked}, found {low:.2%} to {high:.2%} after {seen} observations on "
        f"{_population(done)}; more images or a less strict target would decide."
    )


def design_rows(done: Optimized) -> list[dict[str, Any]]:
    """Knobs, energy and damage of every layer of the chosen design."""
    candidate, tile = done.found.candidate, done.judge.evaluator.problem.arch.tile
    rows = []
    for name, energy_J in candidate.price.by_layer_J.items():
        if name not in done.tables:
            continue
        knobs = candidate.design.knobs(name).replace(slice_scales=None)  # the problem's
        damage = next(o.damage for o in done.tables[name] if o.knobs == knobs)
        rows.append(
            {
                "layer": name,
                "read_voltage_V": knobs.read_voltage_V or tile.read_voltage_V,
                "redundancy": knobs.redundancy,
                "adc_bits": knobs.adc_bits or tile.adc.bits,
                "conductance_scale": knobs.conductance_scale,
                "dac_bits": knobs.dac_bits or tile.dac_bits,
                "energy_J": energy_J,
                "damage_nats": damage,
            }
        )
    return rows


def _asked(done: Optimized) -> str:
    target = done.judge.target
    if target.accuracy is not None:
        return f"an accuracy of at least {target.accuracy:.4g}"
    network = "integer" if done.in_float is None else "float"
    return f"a loss of at most {target.drop:.4g} against the {network} network"


def _population(done: Optimized) -> str:
    count = len(done.judge.target.reference)
    if done.judge.target.population is Population.TEST_SET:
        return f"the {count} testing images, drawn at random"
    return f"images like the {count} testing images"


def _bounds(done: Optimized, found: Found) -> tuple[float, float]:
    """Interval of the accuracy, or of the loss, at every look but for the target's error."""
    assert found.test is not None
    low, high = confidence_bounds(found.test.observations, done.judge.target.error)
    if done.judge.target.accuracy is not None:
        return low, high
    return 1 - 2 * high, 1 - 2 * low


def _run(asked: Optimization, done: Optimized) -> Run:
    interval = accuracy_interval(done.tested)
    return Run(
        accuracy=AccuracyResult(
            float_=done.in_float,
            quantized=done.in_integers,
            mean=interval.mean,
            ci95=(interval.low, interval.high),
        ),
        backend="numba",
        engine=done.judge.evaluator.problem.engine.value,
        seed=asked.seed,
        samples=done.tested.shape[1],
        device_samples=done.tested.shape[0],
    )


def _front(done: Optimized) -> list[FrontPoint]:
    """Designs by rising energy, each as the same tuning images see it.

    Those that another one beats are left out, but for the chosen one and the baseline.
    """
    problem = done.judge.evaluator.problem

    def point(label: str, candidate: Candidate, chosen: bool = False) -> FrontPoint:
        time = plan_time(candidate.price.plan, problem.arch, problem.network.network)
        return _point(label, candidate, time.latency_s, chosen)

    kept = [
        point("chosen", done.found.candidate, chosen=True),
        point("uniform", done.baseline.candidate),
    ]
    others = [point(f"front {i + 1}", design) for i, design in enumerate(done.front)]
    every = [*kept, *others]
    kept += [own for own in others if not any(beats(other, own) for other in every)]
    return sorted(kept, key=lambda each: each.energy_J)


def beats(one: FrontPoint, other: FrontPoint) -> bool:
    """Whether a design is nowhere worse than another and somewhere better."""
    mine, theirs = (
        (point.energy_J, point.area_m2, point.latency_s, -point.accuracy) for point in (one, other)
    )
    return mine != theirs and all(
        a is not None and b is not None and a <= b for a, b in zip(mine, theirs, strict=True)
    )


def _point(label: str, candidate: Candidate, latency_s: float, chosen: bool) -> FrontPoint:
    interval = accuracy_interval(candidate.outcome.right)
    return FrontPoint(
        label=label,
        energy_J=candidate.price.energy_J,
        area_m2=candidate.price.area_m2,
        latency_s=latency_s,
        accuracy=interval.mean,
        ci95=(interval.low, interval.high),
        chosen=chosen,
    )


def _assumptions(done: Optimized) -> list[Assumption]:
    found = done.found.candidate
    added, joint = found.added or 0.0, found.outcome.damage
    return [
        Assumption(
            text=f"The design was chosen on {done.tuning} test images; the others "
            f"{'certified' if done.found.certified else 'did not certify'} it, and the accuracy "
            f"on tiles is of some of them. Accuracies of the front are of the former.",
            source="codesign.optimize",
        ),
        Assumption(
            text="Pulses on word lines and cells are counted on the first "
            f"{min(DRIVE_IMAGES, done.tuning)} images that chose the design.",
            source="optim.price",
        ),
        Assumption(
            text=f"Damages of layers are taken to add up: their sum is {added:.3g} nats per "
            f"image, all layers together cost {joint:.3g}.",
            source="optim.search",
        ),
    ]
