"""`inc-hf`: its parser, its log, and what becomes of an error.

Each file beside this one is a command: `add_arguments(parser)`, and the function of its name, which takes the parsed
arguments and returns the exit code. A command imports torch, transformers and what needs them inside that function:
help and wrong arguments are then answered at once. `optimum-cli inc` offers the same table of commands.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from inc_hf.commands import (
    benchmark,
    card,
    convert,
    demo,
    distill,
    export,
    info,
    migrate,
    prune,
    quantize,
    report,
    train,
)
from inc_hf.commands.exit_codes import EXIT_BAD_INPUT, EXIT_CODES, EXIT_INTERRUPTED
from inc_hf.commands.output import add_output_arguments, speaking
from inc_hf.commands.processes import is_main
from inc_hf.config.checks import did_you_mean
from inc_hf.errors import UsageError
from inc_hf.version import __version__

Run = Callable[[argparse.Namespace], int]

# Name -> what it is for, its arguments, and what runs it
COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Run]] = {
    "quantize": ("quantize a model to INT8 and save it", quantize.add_arguments, quantize.quantize),
    "train": ("prune, distil and quantize a model on your data", train.add_arguments, train.train),
    "prune": ("make weights zero, while the model learns or at once", prune.add_arguments, prune.prune),
    "distill": ("let a model learn from a larger one", distill.add_arguments, distill.distill),
    "export": ("write a model as ONNX, checked against torch", export.add_arguments, export.export),
    "convert": ("store the weights of a model in bfloat16", convert.add_arguments, convert.convert),
    "benchmark": ("measure a model beside the float one", benchmark.add_arguments, benchmark.benchmark),
    "info": ("show what a checkpoint holds, or what this machine offers", info.add_arguments, info.info),
    "report": ("make one page of a checkpoint or a workspace", report.add_arguments, report.report),
    "card": ("write the model card of a directory anew", card.add_arguments, card.card),
    "migrate": ("bring scripts and confs of INC and optimum-intel here", migrate.add_arguments, migrate.migrate),
    "demo": ("fine-tune, quantize, save, load and compare a real model", demo.add_arguments, demo.demo),
}


def guarded(run: Run, args: argparse.Namespace) -> int:
    """Run a command; bad input becomes one line on stderr, a programming error keeps its traceback.

    A ValueError that is no UsageError is a programming error, too. What other packages raise on a user's file is made
    one where they are called, by `usage_error_for`.
    """
    try:
        with speaking(args):
            return run(args)
    except KeyboardInterrupt:
        print("inc-hf: interrupted before there was a result; nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:  # those whose classes are slow to import are asked for only if there is an error
        if not isinstance(error, UsageError | OSError | ImportError) and not isinstance(error, _known_errors()):
            raise
        logging.getLogger(__name__).debug("Details", exc_info=True)
        return _refused(error)


def _known_errors() -> tuple[type[Exception], ...]:
    """Those that are about what was asked for, though they are neither a UsageError nor one of the system."""
    from huggingface_hub.errors import HfHubHTTPError
    from safetensors import SafetensorError

    from inc_hf.benchmark.instances import BenchmarkError
    from inc_hf.export.onnx import ExportError

    return ExportError, BenchmarkError, HfHubHTTPError, SafetensorError


def _refused(error: Exception) -> int:
    if is_main():  # of several processes, which all find the same fault
        print(f"inc-hf: error: {' '.join(str(error).split())}", file=sys.stderr)
    return getattr(error, "exit_code", EXIT_BAD_INPUT)


class Parser(argparse.ArgumentParser):
    """Raises what is wrong, for one line without the usage, which would fill a screen."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None) -> Any:
        """As a parser of a command it knows its options, of which the one of all commands would not think."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            near = did_you_mean(unknown[0], self._option_string_actions).removesuffix(".")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help.")


def build_parser() -> Parser:
    """The parser of all commands. What it refuses is a [`UsageError`]."""
    parser = Parser(prog="inc-hf", description="Make Hugging Face models small and fast on CPUs.", epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, with tracebacks of errors")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (help_text, add_arguments, run) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        add_arguments(command)
        add_output_arguments(command)
        command.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    try:
        args = build_parser().parse_args(argv)
    except UsageError as error:
        return _refused(error)
    _log_to_stderr(logging.DEBUG if args.verbose else logging.INFO)
    return guarded(args.run, args)


def _log_to_stderr(level: int) -> None:
    """Standard output is for results."""
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False, show_level=False)
    logger = logging.getLogger("inc_hf")
    logger.handlers = [handler]
    logger.setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
