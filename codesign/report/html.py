"""One self-contained HTML page: no request leaves it, user text stays text."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import altair
import jinja2
import vl_convert

from codesign.report import comparison as side_by_side
from codesign.report import content, cosim
from codesign.report.chart import Chart
from codesign.report.chart_compare import comparison_charts
from codesign.report.chart_cost import MAX_LAYERS
from codesign.report.charts import charts
from codesign.report.comparison import Comparison
from codesign.report.headline import headlines
from codesign.report.result import Result

_TEMPLATES = (
    "base.html.j2",
    "parts.html.j2",
    "page.html.j2",
    "compare.html.j2",
    "sweep.html.j2",
    "style.css.j2",
    "script.js.j2",
)


def to_html(result: Result) -> str:
    """The report as one page that needs no network."""
    return page(
        "page.html.j2",
        charts(result),
        result=result,
        headlines=headlines(result),
        components=content.component_table(result),
        layers=content.layer_table(result),
        figures=content.figure_table(result),
        provenance=content.provenance_table(result),
        lines=content.line_table(result),
        buffers=content.buffer_table(result),
        cosim_tables=content.cosim_tables(result),
        cosim_summary=cosim.summary(result.cosim, result.layers) if result.cosim else "",
        hidden_layers=max(0, sum(layer.tiles > 0 for layer in result.layers) - MAX_LAYERS),
    )


def comparison_to_html(comparison: Comparison) -> str:
    """Several results on one page that needs no network."""
    return page(
        "compare.html.j2",
        comparison_charts(comparison),
        comparison=comparison,
        quantities=side_by_side.quantity_table(comparison),
        setup=side_by_side.setup_table(comparison),
        remarks=side_by_side.remarks(comparison),
    )


def page(template: str, shown: Mapping[str, Chart], **parts: Any) -> str:
    """A page from a template, with the charts that it shows."""
    specs = {name: chart.spec for name, chart in shown.items()}
    return (
        _templates()
        .get_template(template)
        .render(charts=shown, specs=_script_json(specs), vega=_vega(), **parts)
    )


def _script_json(value: object) -> str:
    """JSON that can stand in a script element: nothing in it closes or opens a tag."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script (bundled once per process, seconds)."""
    version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])
    script = vl_convert.javascript_bundle(
        snippet="window.vegaEmbed = vegaEmbed;", vl_version=version
    )
    return script.replace("</script", "<\\/script")


@cache
def _templates() -> jinja2.Environment:
    folder = resources.files(__package__)
    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader(
            {name: folder.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}
        ),
        trim_blocks=True,
        lstrip_blocks=True,
    )
