"""`inc-hf benchmark`."""

import argparse
from typing import TYPE_CHECKING, Any

from inc_hf.commands import values
from inc_hf.commands.arguments import (
    add_model_argument,
    add_score_arguments,
    add_trust_argument,
    check_model,
    check_output_file,
    check_score_arguments,
    model_of,
)
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.config import BenchmarkConfig

if TYPE_CHECKING:
    from inc_hf.benchmark import BenchmarkResult


RUNTIMES = ("torch", "onnxruntime", "openvino", "ipex")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf benchmark` and of `optimum-cli inc benchmark`."""
    add_model_argument(parser)
    add_trust_argument(parser)
    parser.add_argument(
        "--backend", type=values.one_of(RUNTIMES), default="torch", metavar="B", help=", ".join(RUNTIMES)
    )
    parser.add_argument(
        "--baseline",
        type=values.path,
        metavar="MODEL",
        help="the float model; default: one of the same architecture, random weights",
    )
    how = parser.add_argument_group("how to measure")
    how.add_argument(
        "--instances", type=values.integer(1), default=1, metavar="N", help="processes at once (default: %(default)s)"
    )
    how.add_argument(
        "--cores", type=values.integer(1), metavar="N", help="physical cores of each (default: all, shared out evenly)"
    )
    how.add_argument(
        "--batch", type=values.integer(1), default=1, metavar="N", help="samples in a batch (default: %(default)s)"
    )
    how.add_argument(
        "--seq", type=values.integer(1), metavar="N", help="tokens in a sample (default: 128, or as many as it takes)"
    )
    how.add_argument(
        "--seconds",
        type=values.number(0, is_open=True),
        default=10,
        metavar="S",
        help="for each model (default: %(default)s)",
    )
    how.add_argument(
        "--iterations", type=values.integer(1), metavar="N", help="batches of each instance, instead of --seconds"
    )
    how.add_argument(
        "--warmup", type=values.integer(0), default=5, metavar="N", help="batches before them (default: %(default)s)"
    )
    add_score_arguments(parser.add_argument_group("accuracy, too"))
    output = parser.add_argument_group("output")
    output.add_argument("--json", type=values.path, metavar="FILE", help="write all numbers")
    output.add_argument(
        "--plot", type=values.path, metavar="FILE", help="draw latencies, and scores against them, e.g. latency.png"
    )


def benchmark(args: argparse.Namespace) -> int:
    """Measure a model as the arguments say, and print a table; returns the exit code."""
    name = model_of(args, "inc-hf benchmark MODEL")
    check_score_arguments(args)
    if args.baseline:
        check_model(args.baseline)
    from inc_hf.benchmark import fit
    from inc_hf.commands.loading import check_dataset, load_dataset, load_tokenizer, outline_of

    _check_output(args, [name, *filter(None, [args.baseline])])
    dataset = load_dataset(args)
    for model in filter(None, (name, args.baseline)):
        outline = outline_of(model, args.task, args.trust_remote_code)
        tokenizer = None if dataset is None else load_tokenizer(model, args.trust_remote_code)
        check_dataset(outline, dataset, tokenizer, args)
    result = fit(
        name,
        _config_of(args),
        baseline=args.baseline or True,
        backend=args.backend,
        task=args.task,
        seconds=args.seconds,
        batch_size=args.batch,
        sequence_length=args.seq,
        trust_remote_code=args.trust_remote_code,
    )
    if dataset is not None:
        _add_scores(result, name, dataset, args)
    _report(result, args)
    return EXIT_OK


def _check_output(args: argparse.Namespace, models: list[str]) -> None:
    """What could not be written fails before anything is measured."""
    from inc_hf.benchmark.plot import check_plot

    for path in filter(None, (args.json, args.plot)):
        check_output_file(path, models)
    if args.plot:
        check_plot(args.plot)


def _config_of(args: argparse.Namespace) -> BenchmarkConfig:
    return BenchmarkConfig(
        num_of_instance=args.instances,
        cores_per_instance=args.cores,
        warmup=args.warmup,
        iteration=-1 if args.iterations is None else args.iterations,
    )


def _add_scores(result: "BenchmarkResult", name: str, dataset: Any, args: argparse.Namespace) -> None:
    """Of the model, and of the baseline if it is no twin with random weights."""
    from inc_hf.commands.loading import load_model, load_tokenizer, scores_of
    from inc_hf.evaluation.agreement import agreement
    from inc_hf.evaluation.named_data import named_data
    from inc_hf.models.batches import batches_of

    first, last = result.measurements[0], result.measurements[-1]
    tokenizer = load_tokenizer(name, args.trust_remote_code)
    model = load_model(name, args.task, args.trust_remote_code, backend=args.backend).eval()
    ((metric, last.score),) = scores_of(model, dataset, tokenizer, args).items()
    result.scored_on = {"metric": metric, "dataset": named_data(dataset)}
    if args.baseline:
        float_model = load_model(args.baseline, args.task, args.trust_remote_code, backend="torch").eval()
        of_baseline = load_tokenizer(args.baseline, args.trust_remote_code)
        (first.score,) = scores_of(float_model, dataset, of_baseline, args).values()
        batches = batches_of(dataset, model, tokenizer, batch_size=32)
        last.agreement = agreement(model, float_model, batches, args.task)


def _report(result: "BenchmarkResult", args: argparse.Namespace) -> None:
    from rich.console import Console

    console = Console()
    console.print(result.to_table())
    for note in result.notes:
        console.print(note, style="yellow" if note is not result.notes[0] or result.is_noisy else None)
    if (same := result.measurements[-1].agreement) is not None:
        console.print(f"Same answers as {result.measurements[0].name}: {100 * same:.1f} %", highlight=False)
    if args.json:
        console.print(f"Written: {result.to_json_file(args.json)}", highlight=False)
    if args.plot:
        console.print(f"Drawn: {result.plot(args.plot)}", highlight=False)
