"""The mutation check: every small fault in the RTL must be noticed.

A fault is noticed by the plain testbench of small emitted tiles, run by Icarus (results or cycles
differ from the model's), or else by a proof of its module (an assertion is refuted, or what must
be reachable is not).  What neither notices must be proved equivalent to the original by Yosys.

    python -m hwsim.cosim.mutation [MODULE ...] [--write docs/rtl/mutations.md]
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from hwsim.cosim.emit import BENCH, emit_tile
from hwsim.cosim.golden import golden, random_matrix
from hwsim.cosim.mutants import FAULTS, faulty
from hwsim.cosim.proof_catalogue import CATALOGUE
from hwsim.cosim.proofs import Proof, Verdict, prove
from hwsim.cosim.simulators import RTL, MissingSimulator, icarus
from hwsim.cosim.syntax_mutants import faulty_tree, tree_faults
from hwsim.cosim.yosys import MissingYosys, YosysError, missing_tool, yosys
from hwsim.peripherals.spec import Adc
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Precision, TileSpec

FROM_TREE = 4  # faults per module made from its syntax tree
BENCH_TIMEOUT_S = 300  # the bench counts its cycles: this ends only faults that stop time
PROOFS_TRIED = 4
WORKERS = 2

#: Small tiles that between them use every module and option.
TILES: tuple[dict[str, object], ...] = (
    {"cols": 16, "encoding": "differential", "adc": {"bits": 5, "columns_per_adc": 4}},
    {
        **{"cols": 16, "encoding": "offset", "flipped_columns": True, "dac_bits": 3},
        "adc": {"kind": "flash", "bits": 4, "columns_per_adc": 3},
        **{"input_signed": False, "chained": True},
    },
    {
        **{"cols": 9, "encoding": "twos_complement", "read_cycles": 9},
        "adc": {"bits": 5, "columns_per_adc": 5},
        **{"redundancy": 2, "chained": True},
    },
    {
        **{"rows": 7, "cols": 16, "encoding": "differential", "subtraction": "analog"},
        "adc": {"kind": "flash", "bits": 5, "columns_per_adc": 1},
    },
)


class Fate(Enum):
    """What became of a faulty module."""

    BENCH = "testbench"  # results or cycles differ, or it hangs
    PROOF = "proof"
    EQUIVALENT = "equivalent"  # proved
    STILLBORN = "does not elaborate"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Mutant:
    """A faulty text of a module."""

    module: str
    what: str
    origin: str
    text: str


@dataclass(frozen=True)
class Result:
    """What became of a mutant; `detail` says what noticed it."""

    mutant: Mutant
    fate: Fate
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Benches:
    """Emitted tiles in a folder that outlives them."""

    folders: tuple[Path, ...]


def small_geometry(case: dict[str, object]) -> Geometry:
    """A geometry from the flat description of a small tile."""
    base: dict[str, object] = {
        **{"rows": 8, "cell_bits": 2, "clock_Hz": 1e9, "read_cycles": 2, "read_voltage_V": 0.2},
        **case,
    }
    bits: dict[str, object] = {"weight_bits": 4, "input_bits": 4, "input_signed": True}
    precision = {key: base.pop(key, value) for key, value in bits.items()}
    copies = base.pop("redundancy", 1)
    base.pop("chained", None)
    base["adc"] = Adc.model_validate(base["adc"])
    tile = TileSpec.model_validate(base)
    return Geometry(tile, Precision.model_validate(precision), int(str(copies)))


def build_benches(folder: Path, rtl: Path = RTL) -> Benches:
    """Emit the small tiles."""
    made = []
    for number, case in enumerate(TILES):
        geometry = small_geometry(case)
        weights, codes = random_matrix(geometry, 5, number)
        run = golden(geometry, weights, codes, seed=number, chained=bool(case.get("chained")))
        emit_tile(run, folder / str(number), "bench", rtl)
        made.append(folder / str(number))
    return Benches(tuple(made))


def mutants(modules: Sequence[str] = (), rtl: Path = RTL) -> Iterator[Mutant]:
    """All mutants, or those of some modules."""
    for fault in FAULTS:
        if not modules or fault.module in modules:
            yield Mutant(fault.module, fault.what, "by hand", faulty(fault, rtl))
    for module in dict.fromkeys(fault.module for fault in FAULTS):
        if not modules or module in modules:
            for grown in tree_faults(module, FROM_TREE, rtl):
                yield Mutant(module, grown.what, "syntax tree", faulty_tree(grown, rtl))


def judge(mutant: Mutant, benches: Benches, rtl: Path = RTL) -> Result:
    """Run a mutant against benches and proofs.

    Raises:
        MissingSimulator, MissingYosys: a tool is not installed.
    """
    begun = time.perf_counter()
    fate, detail = _fate(mutant, benches, rtl)
    return Result(mutant, fate, time.perf_counter() - begun, detail)


def _fate(mutant: Mutant, benches: Benches, rtl: Path) -> tuple[Fate, str]:
    for number, folder in enumerate(benches.folders):
        for pauses in (0, 1):
            said = run_bench(folder, mutant, pauses)
            if said is None:
                return Fate.STILLBORN, "Icarus refuses it"
            if not said.startswith("PASS"):
                return Fate.BENCH, f"tile {number}{', pauses' * pauses}: {said or 'hangs'}"
    for proof in _proofs(mutant.module):
        outcome = prove(proof, mutant.text, rtl)
        if outcome.verdict in (Verdict.REFUTED, Verdict.VACUOUS):
            return Fate.PROOF, f"{outcome.verdict.value}: `{outcome.detail}`"
    if equivalent(mutant, rtl):
        return Fate.EQUIVALENT, "by induction (Yosys)"
    return Fate.SURVIVED, ""


def _proofs(module: str) -> list[Proof]:
    return sorted(
        (proof for proof in CATALOGUE if proof.module == module), key=lambda proof: proof.cycles
    )[-PROOFS_TRIED:]


def run_bench(folder: Path, mutant: Mutant, pauses: int) -> str | None:
    """The verdict of the testbench: its first line; empty: it hangs; None: not elaborated."""
    with tempfile.TemporaryDirectory(prefix="hwsim-mutant-") as scratch:
        work = Path(scratch)
        (work / f"{mutant.module}.v").write_text(mutant.text, encoding="utf-8")
        files = [f for f in (folder / "files.f").read_text().split()]
        sources = [str(work / Path(f).name) if Path(f).stem == mutant.module else f for f in files]
        compiled = work / "bench.vvp"
        command = [
            *(str(icarus()), "-g2001", "-o", str(compiled), "-s", BENCH),
            *(f"-P{BENCH}.PAUSES={pauses}", *sources),
        ]
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            return None
        try:
            ran = subprocess.run(
                ["vvp", "-n", str(compiled)],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=BENCH_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return ""
    lines = ran.stdout.splitlines()
    verdicts = [line for line in lines if line.startswith(("PASS", "FAIL"))]
    return (verdicts or lines or [""])[0]


def equivalent(mutant: Mutant, rtl: Path = RTL) -> bool:
    """Whether Yosys proves that the mutant is the original, at every parameter set proved."""
    proofs = _proofs(mutant.module)
    return bool(proofs) and all(_equal(mutant, proof, rtl) for proof in proofs)


def _equal(mutant: Mutant, proof: Proof, rtl: Path) -> bool:
    module = mutant.module
    sets = "".join(f" -set {name} {value}" for name, value in proof.parameters.items())
    load = "\n".join(
        (
            "read_verilog {file}",
            f"chparam{sets} {module}",
            f"prep -flatten -top {module}",
            "memory_map",
            "async2sync",
            f"rename {module} {{name}}",
            "design -stash {name}",
        )
    )
    script = "\n".join(
        (
            load.format(file="gold.v", name="gold"),
            load.format(file="gate.v", name="gate"),
            "design -copy-from gold -as gold gold",
            "design -copy-from gate -as gate gate",
            "equiv_make gold gate both",
            "hierarchy -top both",
            "equiv_simple",
            "equiv_induct",
            "equiv_status -assert",
        )
    )
    with tempfile.TemporaryDirectory(prefix="hwsim-equal-") as scratch:
        work = Path(scratch)
        (work / "gold.v").write_text((rtl / f"{module}.v").read_text(), encoding="utf-8")
        (work / "gate.v").write_text(mutant.text, encoding="utf-8")
        try:
            yosys(script, work)
        except YosysError:
            return False
    return True


def report(results: Sequence[Result]) -> str:
    """The table as Markdown."""
    counts = {fate: sum(result.fate is fate for result in results) for fate in Fate}
    summary = ", ".join(f"{count} {fate.value}" for fate, count in counts.items() if count)
    lines = [
        "# Mutations",
        "",
        "Written by `make rtl-mutations`. Each fault is put into a copy of one module, and the",
        "copy is run: first in the plain testbenches of four small emitted tiles (Icarus, without",
        "and with pauses), then against the module's proofs; what remains must be proved",
        "equivalent to the original.",
        "",
        f"{len(results)} faults: {summary}.",
        "",
        "| module | fault | made | noticed by | how |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(result) for result in results]
    return "\n".join([*lines, ""])


def _row(result: Result) -> str:
    mutant = result.mutant
    detail = result.detail.replace("|", "\\|")
    cells = (mutant.module, mutant.what, mutant.origin, result.fate.value, detail)
    return f"| {' | '.join(cells)} |"


@cache
def _tools() -> None:
    icarus()


def main(arguments: Sequence[str]) -> int:
    """Judge all mutants, or those of the modules named; 0 if none survives."""
    words = list(arguments)
    target = None
    if "--write" in words:
        place = words.index("--write")
        target = Path(words[place + 1])
        del words[place : place + 2]
    try:
        _tools()
        results = judge_all(list(mutants(words)))
    except (MissingSimulator, MissingYosys) as missing:
        return missing_tool(missing)
    if target is not None:
        target.write_text(report(results), encoding="utf-8")
    survivors = sum(result.fate is Fate.SURVIVED for result in results)
    _say(f"{len(results)} mutants, {survivors} survived")
    return 1 if survivors else 0


def judge_all(chosen: Sequence[Mutant], workers: int = WORKERS) -> list[Result]:
    """All of them, a few at a time, in order."""
    results = []
    with (
        tempfile.TemporaryDirectory(prefix="hwsim-benches-") as scratch,
        ThreadPoolExecutor(workers) as pool,
    ):
        benches = build_benches(Path(scratch))
        for result in pool.map(lambda mutant: judge(mutant, benches), chosen):
            mutant = result.mutant
            _say(
                f"{mutant.module:16} {result.fate.value:10} {result.seconds:5.1f} s  "
                f"{mutant.what} ({result.detail})"
            )
            results.append(result)
    return results


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
