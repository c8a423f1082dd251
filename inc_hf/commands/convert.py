"""`inc-hf convert`."""

import argparse
from pathlib import Path

import torch
from rich.console import Console

from inc_hf import mix_precision
from inc_hf.checkpoint.save import check_output_directory
from inc_hf.commands.info import weights_size
from inc_hf.commands.main import EXIT_GOAL_MISSED, EXIT_OK
from inc_hf.config import AccuracyCriterion, MixedPrecisionConfig
from inc_hf.errors import UsageError
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.batches import batches_of
from inc_hf.models.tasks import auto_class_of
from inc_hf.models.tokenizer import load_tokenizer
from inc_hf.results.mixed import MixedModel
from inc_hf.runtimes import load_model

IN_FLOAT = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}


def convert(args: argparse.Namespace) -> int:
    """Bring a model's weights to another dtype, and save it; returns the exit code."""
    name = args.model or args.model_positional
    if name is None:
        raise UsageError("Which model? Give a directory or a Hub name: inc-hf convert MODEL -o DIR")
    if args.dataset and not args.task:
        raise UsageError("A --dataset is for a score, which needs --task, e.g. text-classification.")
    check_output_directory(args.output, args.overwrite)
    criterion = {} if args.tolerance is None else {"tolerable_loss": args.tolerance}
    conf = MixedPrecisionConfig(
        precisions=args.dtype,
        accuracy_criterion=AccuracyCriterion(**criterion),
        op_name_dict=dict.fromkeys(args.keep_fp32, IN_FLOAT),
    )
    model = load_model(auto_class_of(name, args.task), name, dtype=torch.float32)
    tokenizer = load_tokenizer(name)
    eval_func = None
    if args.dataset:
        dataset = load_dataset_file_or_hub(args.dataset, args.dataset_config, args.split, None)

        def eval_func(model):
            return evaluate_task(model, batches_of(dataset, model, tokenizer, 32), args.task, args.metric)

    result = mix_precision.fit(model, conf, eval_func)
    result.save_pretrained(args.output, tokenizer, args.overwrite)
    _report(result, Path(args.output))
    return EXIT_GOAL_MISSED if result.met_criterion is False else EXIT_OK


def _report(result: MixedModel, directory: Path) -> None:
    console = Console()
    floats = sum(p.numel() for p in result.model.parameters()) * 4
    size = weights_size(directory)
    console.print(f"{directory}: {size / 1e6:.1f} MB, in float32 {floats / 1e6:.1f} MB", highlight=False)
    console.print(repr(result), highlight=False)
    console.print(mix_precision.what_it_means_here())
