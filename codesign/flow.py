"""From files to results: what the command line does, as functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.assemble import Run, assemble
from codesign.images import Images, load_images
from codesign.interval import accuracy_interval
from codesign.lines import line_assumptions
from codesign.measure import Measured, by_stage, classified, measure, right_in_integers
from codesign.report.provenance import provenance
from codesign.report.result import AccuracyResult, Assumption, Provenance, Result
from codesign.simulation import BackendName, Progress, Simulation, silent
from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.cost import technology_of
from hwsim.peripherals.spec import AdcRange
from hwsim.spec import read_yaml, validate
from mapping.counts import plan_counts
from mapping.design import Design, load_design
from mapping.digital import digital_counts
from mapping.execute import run_float
from mapping.network import QuantizedNetwork
from mapping.onnx_import import ImportedNetwork, import_network
from mapping.plan import Plan, plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import LayerShape, layer_shapes, load_shapes
from mapping.timing import PlanTime, plan_time


@dataclass(frozen=True)
class Mapped:
    """A network's name, where its layers lie, and when they work."""

    name: str
    plan: Plan
    time: PlanTime


def map_network(
    network: Path,
    arch: str | Path,
    design: Path | None = None,
    *,
    tiles: int | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Mapped:
    """A network's plan on an architecture; reads shapes, not weights.

    Args:
        network: an ONNX file, or a YAML file of layer shapes.
        tiles: tiles to use in all; None: whole clusters that hold the network.
        input_shapes: whole shapes of inputs that the ONNX file leaves open.

    Raises:
        HwsimError: a file is wrong, or the network does not fit the architecture.
    """
    hardware = load_arch(arch)
    if network.suffix in (".yaml", ".yml"):
        name, layers = load_shapes(network)
        graph = None
    else:
        name = network_name(network)
        graph = import_network(network, input_shapes, weights=False).network
        layers = layer_shapes(graph)
    placed = _plan(layers, hardware, design, tiles)
    return Mapped(name, placed, plan_time(placed, hardware, graph))


def network_name(file: Path) -> str:
    """What reports call a network: its file, or its folder where the file says `model`."""
    folder = file.absolute().parent.name
    return folder if file.stem == "model" and folder else file.stem


def _plan(
    layers: Sequence[LayerShape], arch: Arch, design: Path | Design | None, tiles: int | None
) -> Plan:
    knobs = load_design(design) if isinstance(design, Path) else design or Design()
    where = str(design) if isinstance(design, Path) else "design"
    return plan(layers, arch, knobs, tiles=tiles, where=where)


def _hardware(asked: Simulation) -> Arch:
    return asked.arch if isinstance(asked.arch, Arch) else load_arch(asked.arch)


@dataclass(frozen=True)
class Case:
    """A network in integers, where it lies, and the images it is shown."""

    arch: Arch
    imported: ImportedNetwork
    images: Images
    network: QuantizedNetwork
    origin: Assumption  # where the integers come from
    plan: Plan


def prepare(asked: Simulation, progress: Progress = silent) -> Case:
    """Read the files that a simulation names and place the network.

    Raises:
        HwsimError: a file is wrong, or network, data and hardware do not fit together.
    """
    arch = _hardware(asked)
    scheme = read_scheme(asked.scheme, arch)
    imported = import_network(asked.network)
    images = _images(asked, arch, imported)
    network, origin = _integers(imported, images, scheme, progress, str(asked.scheme or "scheme"))
    placed = _plan(layer_shapes(network), arch, asked.design, asked.tiles)
    return Case(arch, imported, images, network, origin, placed)


def simulate(asked: Simulation, *, command: str = "", progress: Progress = silent) -> Result:
    """Accuracy, energy, area and latency of a network on modelled hardware.

    Args:
        command: what the user typed, for the record.

    Raises:
        HwsimError: a file is wrong, or network, data and hardware do not fit together.
    """
    technology = technology_of(_hardware(asked))
    case = prepare(asked, progress)
    arch, network, images = case.arch, case.network, case.images
    in_integers = right_in_integers(network, images, progress)
    measured = measure(asked, arch, network, case.plan, images, in_integers, progress)
    counts = plan_counts(case.plan, arch)
    counts |= digital_counts(network.network, arch.precision.input_bits)
    for layer, pulses in measured.pulses.items():
        counts[layer] += pulses
    quantized = case.imported.quantized is not None
    in_float = None if quantized else right_in_float(case.imported, images, progress)
    return assemble(
        network_name(asked.network),
        case.plan,
        arch,
        technology,
        counts,
        ops={node.name: node.op for node in network.network.nodes},
        time=plan_time(case.plan, arch, network.network),
        run=_run(asked, in_float, in_integers, measured),
        assumptions=(case.origin, _activity(measured), *line_assumptions(measured.lines)),
        provenance=recorded(asked, command, images),
    )


def read_scheme(file: Path | None, arch: Arch) -> Scheme:
    """How a float network becomes integers; bits that the file leaves out are the hardware's.

    Raises:
        SpecError: the file is wrong.
    """
    bits = arch.precision
    own = {"weight_bits": bits.weight_bits, "activation_bits": bits.input_bits}
    if file is None:
        return Scheme(**own)
    return validate(Scheme, {**own, **read_yaml(file)}, str(file))


def _images(asked: Simulation, arch: Arch, imported: ImportedNetwork) -> Images:
    calibrated = arch.tile.adc.range is AdcRange.CALIBRATED
    on_tiles = asked.backend is not BackendName.IDEAL
    needed = imported.quantized is None or (calibrated and on_tiles)
    return load_images(asked.data, imported.network, asked.samples, needed)


def _integers(
    imported: ImportedNetwork, images: Images, scheme: Scheme, progress: Progress, where: str
) -> tuple[QuantizedNetwork, Assumption]:
    """The network in integers, and a sentence on where they come from."""
    if imported.quantized is not None:
        text = "Weights and scales are the integers of the network's file."
        return imported.quantized, Assumption(text=text, source="mapping.onnx_import")
    watch = by_stage(progress, "calibration", len(images.calibration))
    network = quantize(imported.network, images.calibration, scheme, watch, where)
    text = (
        f"Quantised after training to {scheme.weight_bits}-bit weights and "
        f"{scheme.activation_bits}-bit activations"
        f"{', some layers otherwise' if scheme.layers else ''}; ranges of activations by "
        f"{scheme.method.value}, of weights by {scheme.weight_method.value}; calibrated on "
        f"{images.calibration_source}."
    )
    if imported.float_layers:
        text += f" The file leaves {', '.join(imported.float_layers)} in float."
    return network, Assumption(text=text, source="mapping.quantize")


def right_in_float(
    imported: ImportedNetwork, images: Images, progress: Progress
) -> NDArray[np.bool_]:
    """(images,) True where the float network is right."""
    watch = by_stage(progress, "float", len(images.test.labels))
    logits = run_float(imported.network, images.test.images, progress=watch)
    return classified(imported.network, logits, images.test.labels)


def _run(
    asked: Simulation,
    in_float: NDArray[np.bool_] | None,
    in_integers: NDArray[np.bool_],
    measured: Measured,
) -> Run:
    interval = accuracy_interval(measured.right)
    on_tiles = asked.backend is not BackendName.IDEAL
    return Run(
        accuracy=AccuracyResult(
            float_=None if in_float is None else float(in_float.mean()),
            quantized=float(in_integers.mean()),
            mean=interval.mean,
            ci95=(interval.low, interval.high),
        ),
        backend=asked.backend.value,
        engine=asked.engine.value if on_tiles else None,
        seed=asked.seed,
        samples=measured.right.shape[1],
        device_samples=measured.right.shape[0],
        lines=measured.lines,
        cosim=measured.cosim,
    )


def _activity(measured: Measured) -> Assumption:
    text = f"Pulses on word lines and cells were counted on {measured.pulse_source}."
    return Assumption(text=text, source="mapping.execute_tiles")


def recorded(asked: Simulation, command: str, images: Images, **files: object) -> Provenance:
    """Command, versions and what was read; `files`: what else, where it is a path."""
    files |= {key: getattr(asked, key) for key in ("network", "design", "scheme", "faults")}
    if not isinstance(asked.arch, Arch) and Path(asked.arch).is_file():
        files["arch"] = Path(asked.arch)
    named = {key: file for key, file in files.items() if isinstance(file, Path)}
    record = provenance(command, named)
    test = images.test
    name = f"data: {len(test.labels)} images of {test.name}, pixels and labels"
    return record.replace(inputs={**record.inputs, name: test.sha256})
