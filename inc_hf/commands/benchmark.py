"""`inc-hf benchmark`."""

import argparse

from rich.console import Console

from inc_hf.benchmark import BenchmarkResult, fit
from inc_hf.commands.main import EXIT_OK
from inc_hf.config import BenchmarkConfig
from inc_hf.errors import UsageError
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.batches import batches_of
from inc_hf.models.tasks import auto_class_of
from inc_hf.models.tokenizer import load_tokenizer
from inc_hf.runtimes import load_model


def benchmark(args: argparse.Namespace) -> int:
    """Measure a model as the arguments say, and print a table; returns the exit code."""
    name = args.model or args.model_positional
    if name is None:
        raise UsageError("Which model? Give a directory or a Hub name: inc-hf benchmark MODEL")
    if args.dataset and not args.task:
        raise UsageError("A --dataset is for a score, which needs --task, e.g. text-classification.")
    dataset = None
    if args.dataset:
        dataset = load_dataset_file_or_hub(args.dataset, args.dataset_config, args.split, None)
    conf = BenchmarkConfig(
        num_of_instance=args.instances,
        cores_per_instance=args.cores,
        warmup=args.warmup,
        iteration=-1 if args.iterations is None else args.iterations,
    )
    result = fit(
        name,
        conf,
        baseline=args.baseline or True,
        backend=args.backend,
        task=args.task,
        seconds=args.seconds,
        batch_size=args.batch,
        sequence_length=args.seq,
    )
    if dataset is not None:
        _add_scores(result, name, dataset, args)
    _report(result, args)
    return EXIT_OK


def _add_scores(result: BenchmarkResult, name: str, dataset, args: argparse.Namespace) -> None:
    """Of the model, and of the baseline if it is no twin with random weights."""
    result.measurements[-1].score = _score(name, args.backend, dataset, args)
    if args.baseline:
        result.measurements[0].score = _score(args.baseline, "torch", dataset, args)


def _score(name: str, backend: str, dataset, args: argparse.Namespace) -> float:
    model = load_model(auto_class_of(name, args.task), name, backend=backend)
    batches = batches_of(dataset, model, load_tokenizer(name), batch_size=32)
    (score,) = evaluate_task(model.eval(), batches, args.task, args.metric).values()
    return score


def _report(result: BenchmarkResult, args: argparse.Namespace) -> None:
    console = Console()
    console.print(result.to_table())
    for note in result.notes:
        console.print(note, style="yellow" if note is not result.notes[0] or result.is_noisy else None)
    if args.json:
        console.print(f"Written: {result.to_json_file(args.json)}", highlight=False)
    if args.plot:
        console.print(f"Drawn: {result.plot(args.plot)}", highlight=False)
