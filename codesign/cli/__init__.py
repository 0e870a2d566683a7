"""The command line `hwsim`.

Modules here import click and nothing heavier at their top: each verb imports what it needs
when it runs, so that `hwsim --help` answers at once.
"""

from codesign.cli.entry import main

__all__ = ["main"]
