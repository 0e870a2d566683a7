"""A whole network through the RTL: equal to the modelled tiles, bit for bit and in cycles."""

import numpy as np
import pytest

from hwsim.cosim.verilated import CosimulationError, VerilatedRequantizer
from hwsim.device.spec import States
from hwsim.errors import MappingError
from hwsim.peripherals.spec import Adc
from hwsim.tile.spec import Averaging, Encoding, Engine, Knobs
from mapping.design import Design
from mapping.execute import RequantizingBackend, run
from mapping.execute_rtl import RtlBackend
from mapping.execute_tiles import TileBackend
from mapping.plan import Plan, plan
from mapping.shapes import layer_shapes
from tests.mapping.test_execute_tiles import arch, images, small_network

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("rtl_tools")]

DIGITAL = Design(layers={"b": Knobs(redundancy=2), "c": Knobs(redundancy=2)})


def small_tiles(**changes) -> tuple[TileBackend, Plan]:
    """The small network on small arrays; `changes` are the tile's but for those named here."""
    groups = changes.pop("groups", 1)
    options = {"ideal_device": changes.pop("ideal_device", False)}
    options["engine"] = changes.pop("engine", Engine.MOMENTS)
    design, states = changes.pop("design", Design()), changes.pop("states", None)
    network = small_network(groups)
    tile = {"rows": 40, "cols": 64, "adc": Adc(bits=7, columns_per_adc=8)} | changes
    hardware = arch(**tile)
    if states is States.MARKOV:
        chain = {"states": states, "high_dwell_s": 1e-6, "low_dwell_s": 1e-6}
        fluctuation = hardware.device.fluctuation.replace(**chain)
        hardware = hardware.replace(device=hardware.device.replace(fluctuation=fluctuation))
    placed = plan(layer_shapes(network), hardware, design)
    return TileBackend(network, placed, hardware, seed=3, **options), placed


@pytest.mark.parametrize("ideal_device", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {"groups": 2},
        {
            "encoding": Encoding.OFFSET,
            "averaging": Averaging.DIGITAL,
            "flipped_columns": True,
            "adc": Adc(kind="flash", bits=6, columns_per_adc=4),
            "design": DIGITAL,
        },
    ],
    ids=["pairs, packed groups", "offset, copies converted apart"],
)
def test_a_network_through_the_rtl_equals_the_modelled_tiles(changes, ideal_device):
    tiles, placed = small_tiles(**changes, ideal_device=ideal_device)
    network = small_network(changes.get("groups", 1))
    rtl = RtlBackend(tiles, placed)
    expected = run(network, images(3), tiles)
    found = run(network, images(3), rtl)
    np.testing.assert_array_equal(found, expected)
    assert rtl.names == ("a", "b", "c")
    for layer in placed.layers:
        cycles = rtl.cycles(layer.name)
        assert rtl.arrays(layer.name) == layer.arrays * layer.array_copies
        assert cycles.products == 3 * layer.mvms_per_inference * rtl.arrays(layer.name)
        assert cycles.rtl == cycles.schedule > 0
        own, model = rtl.layer(layer.name), tiles.layer(layer.name)
        np.testing.assert_array_equal(own.row_pulses(), model.row_pulses())
        np.testing.assert_array_equal(own.row_swings(), model.row_swings())
        np.testing.assert_array_equal(own.row_levels(), model.row_levels())
    assert rtl.codes("a") == 3 * 16 * 9 * 9


def test_chunks_and_threads_do_not_change_the_result(monkeypatch):
    tiles, placed = small_tiles()
    rtl = RtlBackend(tiles, placed)
    network = small_network()
    expected = run(network, images(4), tiles)
    for threads, chunk in ((1, 4), (3, 1)):
        monkeypatch.setenv("HWSIM_THREADS", str(threads))
        np.testing.assert_array_equal(run(network, images(4), rtl, chunk=chunk), expected)


def test_only_the_layers_that_are_named_go_through_the_rtl():
    tiles, placed = small_tiles(ideal_device=True)
    rtl = RtlBackend(tiles, placed, layers=frozenset({"b"}))
    assert rtl.names == ("b",)
    assert isinstance(rtl, RequantizingBackend)


def test_codes_are_made_by_the_rtls_requantizer(monkeypatch):
    tiles, placed = small_tiles(ideal_device=True)
    rtl = RtlBackend(tiles, placed)
    network = small_network()
    honest = VerilatedRequantizer.codes

    def wrong(self, built, acc, pauses=0):
        codes, clocks = honest(self, built, acc, pauses)
        return np.zeros_like(codes), clocks

    monkeypatch.setattr(VerilatedRequantizer, "codes", wrong)
    assert not np.array_equal(run(network, images(1), rtl), run(network, images(1), tiles))


def test_a_schedule_that_the_rtl_does_not_keep_is_an_error(monkeypatch):
    tiles, placed = small_tiles(ideal_device=True)
    rtl = RtlBackend(tiles, placed)
    monkeypatch.setattr("hwsim.cosim.matrix.scheduled_cycles", lambda _geometry, _vectors: 1)
    with pytest.raises(CosimulationError, match=r"^layer 'a': cycles of .* products: expected 1 "):
        run(small_network(), images(1), rtl)


def test_what_the_rtl_is_not_built_for_is_refused():
    tiles, placed = small_tiles(groups=2, encoding=Encoding.OFFSET)
    with pytest.raises(MappingError, match=r"^layer 'a': RTL: expected one group per array"):
        RtlBackend(tiles, placed)
    tiles, placed = small_tiles(rows=300)
    with pytest.raises(MappingError, match=r"^RTL: ROWS: expected at most 256, found 300$"):
        RtlBackend(tiles, placed)
    tiles, placed = small_tiles(engine=Engine.EXACT, states=States.MARKOV)
    with pytest.raises(MappingError, match=r"^states: expected none 'markov' for single arrays"):
        RtlBackend(tiles, placed)
