"""The tornado table of a result needs the record alone, and brackets its totals."""

from codesign.assemble import assemble
from codesign.report import Result
from hwsim.chip.load import load_arch
from hwsim.cost import load_technology
from mapping.counts import Activity, plan_counts
from mapping.plan import plan
from mapping.shapes import LayerShape

EMT = load_arch("emt")


def assembled() -> Result:
    of = plan((LayerShape(name="a", op="conv", rows=147, cols=64, mvms_per_inference=256),), EMT)
    return assemble(
        "net", of, EMT, load_technology(EMT.technology), plan_counts(of, EMT, Activity())
    )


def test_the_record_holds_the_tornado_and_every_row_brackets_the_totals() -> None:
    result = Result.model_validate_json(assembled().model_dump_json(by_alias=True))
    energy, area = result.energy_J.total, result.area_m2.total
    widest = result.sensitivity[0]
    assert abs(widest.energy_high_J - widest.energy_low_J) > 0.1 * energy
    named = {figure.key for figure in result.figures}
    for row in result.sensitivity:
        assert row.key in named
        assert row.low < row.high
        low, high = sorted((row.energy_low_J, row.energy_high_J))
        assert low <= energy * (1 + 1e-9)
        assert high >= energy * (1 - 1e-9)
        assert row.area_low_m2 <= area * (1 + 1e-9)


def test_the_record_holds_the_events_of_every_layer() -> None:
    result = assembled()
    (layer,) = result.layers
    assert layer.events["conversions"] > 0
    assert "pool_ops" not in layer.events


def test_a_result_says_how_optimistic_its_converters_are() -> None:
    said = " ".join(assumption.text for assumption in assembled().assumptions)
    assert "better than any published converter of that speed" in said
    survey = EMT.replace(technology="emt-32nm-survey")
    of = plan((LayerShape(name="a", op="conv", rows=147, cols=64),), survey)
    result = assemble(
        "net", of, survey, load_technology(survey.technology), plan_counts(of, survey, Activity())
    )
    said = " ".join(assumption.text for assumption in result.assumptions)
    assert "published fit to the best fifth of Murmann's survey" in said
    assert "better than any published converter" not in said
