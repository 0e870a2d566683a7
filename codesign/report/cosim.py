"""The part of a report that says what went through the RTL; shared by every format."""

from collections.abc import Iterable

from codesign.report.quantities import grouped
from codesign.report.result import BenchResult, CosimLayer, CosimResult, LayerResult

HEADINGS = ("layer", "arrays", "products", "cycles, RTL", "cycles, schedule", "codes", "verdict")
BENCH_HEADINGS = ("module", "tests", "failed", "skipped", "coverage bins hit", "of", "verdict")


def summary(cosim: CosimResult, mapped: Iterable[LayerResult]) -> str:
    """What ran and whether it was equal, in a sentence or two.

    Args:
        mapped: layers of the network; those without tiles do not count.
    """
    cycles = "equal to" if cosim.cycles == cosim.schedule_cycles else "different from"
    ran = (
        f"{grouped(cosim.samples)} images, {grouped(cosim.vectors)} products of single arrays, "
        f"{grouped(cosim.cycles)} clock cycles, {cycles} the schedule's, by {cosim.simulator}."
    )
    names = [layer.name for layer in cosim.layers]
    left_out = {layer.name for layer in mapped if layer.tiles} - set(names)
    if not left_out:
        return f"{ran} {_values(cosim.equal, '')}"
    values = _values(cosim.equal, f" of {', '.join(names)}")
    return f"{ran} {values} Layers left out: {grouped(len(left_out))}."


def _values(equal: bool | None, of: str) -> str:
    match equal:
        case None:
            return f"The values{of} were not compared with the model's in this run."
        case True:
            return f"Every sum and every code{of} is equal to the model's."
        case False:
            return f"RTL and model{of} differ: see the table."


def verdict(layer: CosimLayer) -> str:
    """One layer's result in a word, or its first difference."""
    if layer.difference:
        return layer.difference
    return "equal cycles" if layer.equal is None else "equal"


def rows(cosim: CosimResult) -> list[tuple[str, ...]]:
    """The table: `HEADINGS` for every layer."""
    return [
        (
            layer.name,
            *map(
                grouped,
                (layer.arrays, layer.vectors, layer.cycles, layer.schedule_cycles, layer.codes),
            ),
            verdict(layer),
        )
        for layer in cosim.layers
    ]


def bench_rows(benches: tuple[BenchResult, ...]) -> list[tuple[str, ...]]:
    """The table: `BENCH_HEADINGS` for every module."""
    return [
        (
            bench.module,
            *map(grouped, (bench.tests, bench.failed, bench.skipped, bench.covered, bench.bins)),
            bench_verdict(bench),
        )
        for bench in benches
    ]


def bench_verdict(bench: BenchResult) -> str:
    """One bench's result in a word or two, and what is wrong."""
    if bench.passed:
        return "passed"
    result = "FAILED" if bench.failed else "not run"
    return f"{result}: {bench.problem}" if bench.problem else result
