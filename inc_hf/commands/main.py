"""`inc-hf quantize | export | convert | benchmark | info | demo`, and the arguments that `optimum-cli inc` shares."""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

EXIT_OK, EXIT_BAD_INPUT, EXIT_GOAL_MISSED, EXIT_INTERRUPTED = 0, 2, 3, 130
EXIT_CODES = (
    "exit codes: 0 done; 2 bad input, nothing was written; 3 saved, but the accuracy goal was missed; "
    "130 interrupted (saved, if a trial had ended)"
)
EPILOG = (
    """\
examples:
  inc-hf quantize ./my-model -o ./my-model-int8
  inc-hf quantize ./my-model -o out --approach static --texts calibration.txt
  inc-hf quantize user/model -o out --task text-classification --dataset validation.tsv --tolerance 0.01

"""
    + EXIT_CODES
)


def add_quantize_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf quantize` and of `optimum-cli inc quantize`."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, EPILOG
    parser.add_argument("model_positional", nargs="?", metavar="MODEL", help="directory or Hub name of an FP32 model")
    parser.add_argument("-m", "--model", help="the same, as an option")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="where to save the quantized model")
    how = parser.add_argument_group("how to quantize")
    how.add_argument(
        "--approach",
        metavar="A",
        help="dynamic (per token, needs no data; default), static (per tensor, needs --texts or --dataset), auto, "
        "or weight_only",
    )
    how.add_argument("--observer", help="static ranges: minmax (default), moving_average, kl, percentile or mse")
    how.add_argument(
        "--weight-bits", type=int, metavar="N", help="2 to 8; default 8, or 7 on a CPU without VNNI instructions"
    )
    how.add_argument(
        "--smooth-quant", type=float, metavar="ALPHA", help="SmoothQuant with this alpha, e.g. 0.5; needs data"
    )
    how.add_argument("--keep-fp32", nargs="+", default=[], metavar="REGEX", help="modules that stay in float")
    how.add_argument("--config", metavar="FILE", help="JSON file of a PostTrainingQuantConfig; other options win")
    data = parser.add_argument_group("data for calibration and evaluation")
    data.add_argument("--texts", metavar="FILE", help="calibration texts, one a line")
    data.add_argument("--dataset", metavar="FILE|NAME", help="csv, tsv, json or parquet file, or a Hub dataset")
    data.add_argument("--dataset-config", metavar="NAME", help="configuration of a Hub dataset, e.g. sst2")
    data.add_argument("--split", default="validation", help="split of a Hub dataset (default: %(default)s)")
    data.add_argument("--samples", type=int, metavar="N", help="calibration samples (default: 100)")
    data.add_argument("--batch-size", type=int, default=8, metavar="N", help="default: %(default)s")
    goal = parser.add_argument_group("accuracy goal")
    goal.add_argument("--task", help="e.g. text-classification; with a labelled --dataset, tunes to the goal")
    goal.add_argument("--metric", help="GLUE task whose metric counts, e.g. mrpc (default: accuracy)")
    goal.add_argument("--tolerance", type=float, metavar="X", help="relative loss that is accepted (default: 0.01)")
    goal.add_argument("--max-trials", type=int, metavar="N", help="default: 100")
    goal.add_argument("--workspace", metavar="DIR", help="history of the trials (default: nc_workspace/DATE)")
    goal.add_argument(
        "--resume-from", metavar="DIR", help="workspace of an earlier run, whose trials are not repeated"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=("compressed-tensors", "inc"), help="default: the first that fits")
    output.add_argument("--overwrite", action="store_true", help="replace a directory that is not empty")
    output.add_argument("--push-to-hub", metavar="REPO", help="upload the result as well")
    output.add_argument("--seed", type=int, default=42, help="default: %(default)s")


def run_quantize(args: argparse.Namespace) -> int:
    """`inc-hf quantize`; returns the exit code."""
    from inc_hf.commands.quantize import quantize

    return _guarded(quantize, args)


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf export` and of `optimum-cli inc export`."""
    parser.add_argument("model_positional", nargs="?", metavar="MODEL", help="directory or Hub name of a model")
    parser.add_argument("-m", "--model", help="the same, as an option")
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="where to write; default: onnx/ in the model's directory"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an output directory that is not empty")
    parser.add_argument("--task", help="e.g. text-classification; default: that of the checkpoint")
    parser.add_argument(
        "--dtype",
        choices=("fp32", "bf16"),
        default="fp32",
        help="of a model that is not quantized; bf16 halves the file, and computes in fp32 (default: %(default)s)",
    )
    parser.add_argument(
        "--quant-format",
        choices=("QDQ", "QOperator"),
        default="QDQ",
        help="how static activations are written (default: %(default)s)",
    )
    parser.add_argument("--opset", type=int, default=18, metavar="N", help="default: %(default)s")


def run_export(args: argparse.Namespace) -> int:
    """`inc-hf export`; returns the exit code."""
    from inc_hf.commands.export import export

    return _guarded(export, args)


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf convert` and of `optimum-cli inc convert`."""
    parser.add_argument("model_positional", nargs="?", metavar="MODEL", help="directory or Hub name of a model")
    parser.add_argument("-m", "--model", help="the same, as an option")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="where to save the model")
    parser.add_argument("--overwrite", action="store_true", help="replace an output directory that is not empty")
    parser.add_argument("--dtype", choices=("bf16", "fp16"), default="bf16", help="of the weights (%(default)s)")
    parser.add_argument("--keep-fp32", nargs="+", default=[], metavar="REGEX", help="modules that stay in float32")
    goal = parser.add_argument_group("accuracy goal, which modules go back to float32 for")
    _add_score_arguments(goal)
    goal.add_argument("--tolerance", type=float, metavar="X", help="relative loss that is accepted (default: 0.01)")


def run_convert(args: argparse.Namespace) -> int:
    """`inc-hf convert`; returns the exit code."""
    from inc_hf.commands.convert import convert

    return _guarded(convert, args)


def _add_score_arguments(group: Any) -> None:
    group.add_argument("--task", help="e.g. text-classification")
    group.add_argument(
        "--dataset", metavar="FILE|NAME", help="labelled csv, tsv, json or parquet file, or Hub dataset"
    )
    group.add_argument("--dataset-config", metavar="NAME", help="configuration of a Hub dataset, e.g. sst2")
    group.add_argument("--split", default="validation", help="split of a Hub dataset (default: %(default)s)")
    group.add_argument("--metric", help="GLUE task whose metric counts, e.g. mrpc (default: accuracy)")


def add_benchmark_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf benchmark` and of `optimum-cli inc benchmark`."""
    parser.add_argument("model_positional", nargs="?", metavar="MODEL", help="directory or Hub name of a model")
    parser.add_argument("-m", "--model", help="the same, as an option")
    parser.add_argument("--backend", default="torch", metavar="B", help="torch (default), onnxruntime, openvino, ipex")
    parser.add_argument(
        "--baseline", metavar="MODEL", help="the float model; default: one of the same architecture, random weights"
    )
    how = parser.add_argument_group("how to measure")
    how.add_argument("--instances", type=int, default=1, metavar="N", help="processes at once (default: %(default)s)")
    how.add_argument("--cores", type=int, metavar="N", help="physical cores of each (default: all, shared out evenly)")
    how.add_argument("--batch", type=int, default=1, metavar="N", help="samples in a batch (default: %(default)s)")
    how.add_argument("--seq", type=int, default=128, metavar="N", help="tokens in a sample (default: %(default)s)")
    how.add_argument("--seconds", type=float, default=10, metavar="S", help="for each model (default: %(default)s)")
    how.add_argument("--iterations", type=int, metavar="N", help="batches of each instance, instead of --seconds")
    how.add_argument("--warmup", type=int, default=5, metavar="N", help="batches before them (default: %(default)s)")
    _add_score_arguments(parser.add_argument_group("accuracy, too"))
    output = parser.add_argument_group("output")
    output.add_argument("--json", metavar="FILE", help="write all numbers")
    output.add_argument("--plot", metavar="FILE", help="draw latencies, and scores against them, e.g. latency.png")


def run_benchmark(args: argparse.Namespace) -> int:
    """`inc-hf benchmark`; returns the exit code."""
    from inc_hf.commands.benchmark import benchmark

    return _guarded(benchmark, args)


def add_info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", metavar="DIR", help="a checkpoint; without it, about this machine")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run_info(args: argparse.Namespace) -> int:
    """`inc-hf info`; returns the exit code."""
    from inc_hf.commands.info import info

    return _guarded(info, args)


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", default="demo", metavar="DIR", help="results (default: ./%(default)s)")
    parser.add_argument("--retrain", action="store_true", help="fine-tune again instead of reusing the last model")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON, too")


def run_demo(args: argparse.Namespace) -> int:
    """`inc-hf demo`; returns the exit code."""
    from inc_hf.demo.run import demo

    return _guarded(demo, args)


def _guarded(command: Any, args: argparse.Namespace) -> int:
    """Run a command; bad input becomes one line on stderr, a programming error keeps its traceback."""
    from huggingface_hub.errors import HfHubHTTPError
    from safetensors import SafetensorError

    from inc_hf.benchmark.instances import BenchmarkError
    from inc_hf.export.onnx import ExportError

    known = (ValueError, TypeError, OSError, ImportError, ExportError, BenchmarkError, HfHubHTTPError, SafetensorError)
    try:
        return command(args)
    except known as error:
        logging.getLogger(__name__).debug("Details", exc_info=True)
        print(f"inc-hf: error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("inc-hf: interrupted before there was a result; nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED


COMMANDS = {
    "quantize": ("quantize a model to INT8 and save it", add_quantize_arguments, run_quantize),
    "export": ("write a model as ONNX, checked against torch", add_export_arguments, run_export),
    "convert": ("store the weights of a model in bfloat16", add_convert_arguments, run_convert),
    "benchmark": ("measure a model beside the float one", add_benchmark_arguments, run_benchmark),
    "info": ("show what a checkpoint holds, or what this machine offers", add_info_arguments, run_info),
    "demo": ("fine-tune, quantize, save, load and compare a real model", add_demo_arguments, run_demo),
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inc-hf", description="Make Hugging Face models small and fast on CPUs.", epilog=EXIT_CODES
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, with tracebacks of errors")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (help_text, add_arguments, run) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        add_arguments(command)
        command.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    args = build_parser().parse_args(argv)
    from rich.console import Console
    from rich.logging import RichHandler

    # standard output is for results
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False, show_level=False)
    logger = logging.getLogger("inc_hf")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if args.verbose else logging.INFO)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
