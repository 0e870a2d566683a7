"""The command group, and how every way to end becomes an exit status.

0 done; 1 done, but the asked target or check was not met; 2 wrong input, one line on
standard error; 130 interrupted, 143 terminated.  70 (EX_SOFTWARE) is a defect of hwsim itself.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Never

import click

from codesign.cli.arch import arch
from codesign.cli.console import Settings
from codesign.cli.cosim import cosim
from codesign.cli.demo import demo
from codesign.cli.device import device
from codesign.cli.map import map_verb
from codesign.cli.optimize import optimize
from codesign.cli.report import report
from codesign.cli.rtl import rtl
from codesign.cli.simulate import simulate
from codesign.cli.sweep import sweep
from codesign.cli.train import train
from codesign.cli.validation import validation
from hwsim.errors import HwsimError

WRONG_INPUT = 2
DEFECT = 70
INTERRUPTED = 130
TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM, as a batch system sends it: to be ended like a Ctrl-C, nothing left behind."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="DATA, ARCH and file formats: see the README. Example: hwsim demo --out out",
)
@click.version_option(package_name="hwsim", prog_name="hwsim")
def hwsim() -> None:
    """Will a trained network still be right on noisy in-memory-computing hardware?

    At what energy, area and latency?
    """


for verb in (
    *(demo, map_verb, simulate, optimize, train, sweep, cosim, report),
    *(rtl, arch, device, validation),
):
    hwsim.add_command(verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; its exit status."""
    settings = Settings(tuple(arguments))
    try:
        with hwsim.make_context("hwsim", list(arguments), obj=settings) as context:
            hwsim.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python must not complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Terminated:
        click.echo("hwsim: terminated", err=True)
        return TERMINATED
    except (KeyboardInterrupt, click.Abort):
        click.echo("hwsim: interrupted", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a defect is reported as one
        if settings.debug:
            traceback.print_exc()
        status, message = _judge(error)
        click.echo(f"hwsim: error: {' '.join(message.split())}", err=True)
        return status
    return 0


def _terminate(*_: object) -> Never:
    raise Terminated


def _judge(error: Exception) -> tuple[int, str]:
    """Exit status and message of an error."""
    match error:
        case HwsimError():
            return WRONG_INPUT, str(error)
        case click.exceptions.NoArgsIsHelpError():
            return WRONG_INPUT, f"expected a verb; try: {_path(error)} --help"
        case click.ClickException():
            return WRONG_INPUT, f"{_path(error)}: {error.format_message()}"
        case OSError(errno=errno.ENOSPC, strerror=str() as problem):
            return WRONG_INPUT, f"cannot be written: {problem}"
        case OSError(filename=str() as name, strerror=str() as problem):
            return WRONG_INPUT, f"{name}: {problem}"
    return DEFECT, f"defect in hwsim: {type(error).__name__}: {error} (--debug shows where)"


def _path(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return "hwsim" if context is None else str(context.command_path)
