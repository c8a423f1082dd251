"""Registers `optimum-cli inc`: the commands of `inc-hf` under optimum's roof, but for the demo."""

import sys
from argparse import ArgumentParser
from importlib.machinery import PathFinder
from importlib.util import find_spec

from optimum.commands.base import BaseOptimumCLICommand, CommandInfo

from inc_hf.commands.main import COMMANDS, guarded


def _command_name() -> str:
    """`inc`, or `inc-hf` where optimum-intel up to 1.27, which registers `inc` itself, is installed."""
    intel = find_spec("optimum.intel")
    if intel is None:
        return "inc"
    # Not `find_spec("optimum.intel.neural_compressor")`: that would import the whole of optimum.intel at start-up.
    old_plugin = PathFinder.find_spec("optimum.intel.neural_compressor", intel.submodule_search_locations)
    return "inc" if old_plugin is None else "inc-hf"


def _subcommand(name: str) -> CommandInfo:
    """One command of `inc-hf` as a command of optimum."""
    help_text, add_arguments, run_command = COMMANDS[name]

    class Command(BaseOptimumCLICommand):
        @staticmethod
        def parse_args(parser: ArgumentParser) -> None:
            add_arguments(parser)

        def run(self) -> None:
            if code := guarded(run_command, self.args):
                sys.exit(code)

    return CommandInfo(name, help_text[0].upper() + help_text[1:] + ".", Command)


class IncCommand(BaseOptimumCLICommand):
    COMMAND = CommandInfo(name=_command_name(), help="Quantize models for CPU and look at quantized ones (inc_hf).")
    SUBCOMMANDS = tuple(
        map(_subcommand, ("quantize", "export", "convert", "benchmark", "info", "report", "card", "migrate"))
    )


REGISTER_COMMANDS = [IncCommand]
