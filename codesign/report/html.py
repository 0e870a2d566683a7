"""One self-contained HTML page: no request leaves it, user text stays text."""

import json
from functools import cache
from importlib import resources

import altair
import jinja2
import vl_convert

from codesign.report import cosim
from codesign.report.charts import MAX_LAYERS, charts
from codesign.report.headline import headlines
from codesign.report.quantities import grouped, percent, si, square_mm
from codesign.report.result import Result


def to_html(result: Result) -> str:
    """The report as one page that needs no network."""
    return _template().render(
        result=result,
        headlines=headlines(result),
        specs=_script_json(charts(result)),
        vega=_vega(),
        components=_components(result),
        cosim=cosim,
        hidden_layers=max(0, sum(layer.tiles > 0 for layer in result.layers) - MAX_LAYERS),
    )


def _components(result: Result) -> list[tuple[str, float | None, float | None, float | None]]:
    """(component, energy, share of energy, area), the costliest first."""
    energy, area = result.energy_J, result.area_m2
    names = dict.fromkeys((*energy.by_component, *area.by_component))
    rows = [
        (
            name,
            energy.by_component.get(name),
            energy.by_component[name] / energy.total if name in energy.by_component else None,
            area.by_component.get(name),
        )
        for name in names
    ]
    return sorted(rows, key=lambda row: row[1] or 0.0, reverse=True)


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
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader(
            {
                name: resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
                for name in ("page.html.j2", "style.css.j2", "script.js.j2")
            }
        ),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "si": si,
        "percent": percent,
        "grouped": grouped,
        "square_mm": square_mm,
    }
    return environment.get_template("page.html.j2")
