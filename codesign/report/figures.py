"""The charts of a report as figures for papers and slides."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import altair
import vl_convert

from codesign.report.chart import Chart, Spec
from codesign.report.chart_compare import comparison_charts
from codesign.report.charts import charts
from codesign.report.comparison import Comparison
from codesign.report.files import make_folder, write_bytes_whole
from codesign.report.result import Result

_WIDTH = 760  # pixels
_SCALE = 2.0  # of PNG: pixels of the image per pixel of the chart


class FigureFormat(Enum):
    """A format of figures; the value is the option's word and the file's ending."""

    SVG = "svg"
    PNG = "png"


def figure(chart: Chart, format: FigureFormat) -> bytes:
    """One chart on white, `_WIDTH` pixels wide."""
    spec = _sized(chart.spec)
    version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])
    if format is FigureFormat.PNG:
        return bytes(vl_convert.vegalite_to_png(spec, vl_version=version, scale=_SCALE))
    return str(vl_convert.vegalite_to_svg(spec, vl_version=version)).encode("utf-8")


def _sized(spec: Spec) -> Spec:
    """The page fits charts to itself; a figure has a size."""
    config = {**spec["config"], "background": "white", "font": "sans-serif"}
    fixed = {**spec, "width": _WIDTH, "config": config}
    if "height" not in spec:
        place = spec["usermeta"]
        fixed["height"] = round(_WIDTH * place["aspect"] + place["legend_height"])
    return fixed


def write_figures(
    subject: Result | Comparison, folder: Path, format: FigureFormat = FigureFormat.SVG
) -> list[Path]:
    """Write every chart of the page into `folder` (made if missing), each whole; their paths.

    Raises:
        SpecError: the folder cannot be made or written to.
    """
    shown = charts(subject) if isinstance(subject, Result) else comparison_charts(subject)
    return write_charts(shown, folder, format)


def write_charts(shown: Mapping[str, Chart], folder: Path, format: FigureFormat) -> list[Path]:
    """Write charts into `folder` (made if missing), each whole; their paths.

    Raises:
        SpecError: the folder cannot be made or written to.
    """
    # All are drawn before the first is written: a chart that fails leaves nothing behind.
    drawn = {name: figure(chart, format) for name, chart in shown.items()}
    make_folder(folder)
    paths = []
    for name, content in drawn.items():
        paths.append(folder / f"{name}.{format.value}")
        write_bytes_whole(paths[-1], content)
    return paths
