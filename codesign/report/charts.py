"""The charts of one result, in the order of the page."""

from codesign.report.chart import Chart
from codesign.report.chart_cost import area_by_component, energy_by_component, energy_by_layer
from codesign.report.chart_map import tile_map
from codesign.report.chart_sensitivity import area_tornado, energy_tornado
from codesign.report.chart_time import stalls, time_by_layer, timeline
from codesign.report.chart_tradeoff import accuracy_against_energy
from codesign.report.result import Result


def charts(result: Result) -> dict[str, Chart]:
    """Charts by name; those that the result holds no numbers for are left out."""
    times = (timeline(result), stalls(result))
    found = (
        energy_by_layer(result),
        energy_by_component(result),
        area_by_component(result),
        accuracy_against_energy(result),
        energy_tornado(result),
        area_tornado(result),
        *(times if any(times) else (time_by_layer(result),)),
        tile_map(result),
    )
    return {chart.name: chart for chart in found if chart is not None}
