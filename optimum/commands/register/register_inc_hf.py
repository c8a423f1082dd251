"""Registers `optimum-cli inc quantize | export | convert | benchmark | info`: `inc-hf` under optimum's roof."""

import sys
from argparse import ArgumentParser
from importlib.machinery import PathFinder
from importlib.util import find_spec

from optimum.commands.base import BaseOptimumCLICommand, CommandInfo

from inc_hf.cli import (
    add_benchmark_arguments,
    add_convert_arguments,
    add_export_arguments,
    add_info_arguments,
    add_quantize_arguments,
)


def _command_name() -> str:
    """`inc`, or `inc-hf` where optimum-intel up to 1.27, which registers `inc` itself, is installed."""
    intel = find_spec("optimum.intel")
    if intel is None:
        return "inc"
    # Not `find_spec("optimum.intel.neural_compressor")`: that would import the whole of optimum.intel at start-up.
    old_plugin = PathFinder.find_spec("optimum.intel.neural_compressor", intel.submodule_search_locations)
    return "inc" if old_plugin is None else "inc-hf"


class IncQuantizeCommand(BaseOptimumCLICommand):
    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        add_quantize_arguments(parser)

    def run(self) -> None:
        from inc_hf.cli import run_quantize

        if code := run_quantize(self.args):
            sys.exit(code)


class IncExportCommand(BaseOptimumCLICommand):
    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        add_export_arguments(parser)

    def run(self) -> None:
        from inc_hf.cli import run_export

        if code := run_export(self.args):
            sys.exit(code)


class IncConvertCommand(BaseOptimumCLICommand):
    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        add_convert_arguments(parser)

    def run(self) -> None:
        from inc_hf.cli import run_convert

        if code := run_convert(self.args):
            sys.exit(code)


class IncBenchmarkCommand(BaseOptimumCLICommand):
    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        add_benchmark_arguments(parser)

    def run(self) -> None:
        from inc_hf.cli import run_benchmark

        if code := run_benchmark(self.args):
            sys.exit(code)


class IncInfoCommand(BaseOptimumCLICommand):
    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        add_info_arguments(parser)

    def run(self) -> None:
        from inc_hf.cli import run_info

        if code := run_info(self.args):
            sys.exit(code)


class IncCommand(BaseOptimumCLICommand):
    COMMAND = CommandInfo(name=_command_name(), help="Quantize models for CPU and look at quantized ones (inc_hf).")
    SUBCOMMANDS = (
        CommandInfo("quantize", "Quantize a model and save it.", IncQuantizeCommand),
        CommandInfo("export", "Write a model as ONNX.", IncExportCommand),
        CommandInfo("convert", "Store the weights of a model in bfloat16.", IncConvertCommand),
        CommandInfo("benchmark", "Measure a model beside the float one.", IncBenchmarkCommand),
        CommandInfo("info", "Show what a checkpoint holds.", IncInfoCommand),
    )


REGISTER_COMMANDS = [IncCommand]
