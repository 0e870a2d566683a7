"""`hwsim demo`: the embedded network, mapped, simulated and reported."""

import json
from pathlib import Path
from typing import Any

import click

from codesign.cli.console import OUT_FOLDER, command_line, common_options, emit, progress_bar
from codesign.cli.cosim import comparison as comparison_with_rtl
from codesign.cli.optimize import write_optimized
from codesign.cli.report import write_reports
from codesign.cli.simulate import summary


@click.command(
    epilog="Example: hwsim demo --out out/demo",
    short_help="Map, simulate, optimise, check by RTL, report an embedded network; offline.",
)
@click.option(
    "--out",
    type=OUT_FOLDER,
    default=Path("out/demo"),
    show_default=True,
    help="Folder for plan, result and report.",
)
@common_options
def demo(out: Path, as_json: bool, seed: int) -> None:
    """Map an embedded network (UCI handwritten digits) onto tiles, simulate and optimise it.

    One layer also goes through the Verilog, where a simulator is there.  Under two minutes.
    """
    from codesign.demo.story import improve, main_result, tell, through_rtl  # noqa: PLC0415
    from codesign.report.files import save_result, to_json, write_whole  # noqa: PLC0415
    from hwsim.cosim.simulators import MissingSimulator  # noqa: PLC0415
    from mapping.table import map_table  # noqa: PLC0415

    with progress_bar("image") as progress:
        plan, results = tell(seed, command_line(), progress)
        best = improve(seed, command_line(), progress)
        result = main_result(results)
        try:
            compared = through_rtl(seed, progress)
        except MissingSimulator as missing:
            rtl = f"RTL left out: {missing}"
        else:
            rtl, result = comparison_with_rtl(compared), result.replace(cosim=compared.result)
    results = [*results, best]
    written = [save_result(result, out)]
    write_whole(out / "plan.json", plan.to_json())
    written += [out / "plan.json", *write_reports(result, out)]
    written += write_optimized(best, out / "optimized")
    if as_json:
        emit({**json.loads(to_json(result)), "runs": [_brief(run) for run in results]})
        return
    click.echo(
        f"{map_table(plan)}\n\n{comparison(results)}\n\n{summary(result)}\n\n{best.verdict}\n\n"
        f"{rtl}\n"
    )
    click.echo("\n".join(f"wrote {file}" for file in written))


def _brief(result: Any) -> dict[str, Any]:
    return {
        "arch": result.arch,
        "backend": result.backend,
        "certified": result.certified,
        "accuracy": result.accuracy.model_dump(by_alias=True, mode="json"),
        "energy_J": result.energy_J.total,
        "area_m2": result.area_m2.total,
        "latency_s": result.latency_s,
    }


def comparison(results: Any) -> str:
    """One line per run: accuracy with interval, energy, area, latency."""
    from codesign.report.quantities import percent, si, square_mm  # noqa: PLC0415

    headings = ("arch", "backend", "accuracy", "95 % interval", "energy", "area", "latency")
    rows = [headings]
    for result in results:
        low, high = result.accuracy.ci95
        rows.append(
            (
                result.arch,
                result.backend if result.certified is None else "optimised",
                percent(result.accuracy.mean),
                f"{100 * low:.2f} to {100 * high:.2f} %",
                si(result.energy_J.total, "J"),
                square_mm(result.area_m2.total),
                si(result.latency_s, "s"),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(headings))]
    lines = []
    for row in rows:
        words = [f"{cell:{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join((*words, *numbers)))
    first = results[0].accuracy
    lines.append(
        f"float accuracy {percent(first.float_)}, quantised {percent(first.quantized)}; "
        f"{results[0].samples} test images"
    )
    return "\n".join(lines)
