"""`inc-hf prune` without a dataset: at once, and without training."""

import argparse
import logging
from typing import Any

import torch

from inc_hf.commands.arguments import SPLIT
from inc_hf.commands.loading import check_dataset, load_model, load_tokenizer, outline_of, read_dataset
from inc_hf.commands.quantize import read_texts
from inc_hf.commands.training.data import Data
from inc_hf.commands.training.plan import Plan
from inc_hf.commands.training.result import Made, conclude, finish
from inc_hf.errors import UsageError
from inc_hf.models.batches import batches_of, labels_are_inputs
from inc_hf.prune.oneshot import prune_oneshot
from inc_hf.recipe import pruning_config

logger = logging.getLogger(__name__)

SAMPLES = 128  # what the papers take
WITH_TEXTS, WITHOUT = "sparse_gpt", "magnitude"


def prune_once(name: str, args: argparse.Namespace, plan: Plan) -> int:
    """Prune by the texts, or by the size of the weights if there are none; returns the exit code."""
    data, outline, texts = _inputs(name, args)
    chosen = {"pruning_type": WITH_TEXTS if texts else WITHOUT, **plan.pruning}
    config = pruning_config(outline, **chosen)
    model = load_model(name, args.task, args.trust_remote_code, dtype=torch.float32)
    logger.warning("Pruning without training costs accuracy; with --task and --dataset the model learns meanwhile.")
    batches = None
    if texts:
        batches = batches_of(texts, model, data.tokenizer, keep_labels=labels_are_inputs(model))
    prune_oneshot(model, config, batches)
    made = Made(model, name, dense=name, is_pruned=True)
    return conclude(made, *finish(made, args, plan, data), args)


def _inputs(name: str, args: argparse.Namespace) -> tuple[Data, Any, list[str] | None]:
    """The data that judges, the model without weights, and the texts, all seen to fit."""
    outline = outline_of(name, args.task, args.trust_remote_code)
    if getattr(outline.config, "quantization_config", None) is not None:
        raise UsageError(f"{name} is already quantized; start from the float model.")
    tokenizer = load_tokenizer(name, args.trust_remote_code)
    evaluation = read_dataset(args.eval, args.eval_split or SPLIT, args) if args.eval else None
    check_dataset(outline, evaluation, tokenizer, args, args.eval)
    texts = read_texts(args.texts, args.samples or SAMPLES) if args.texts else None
    if texts and tokenizer is None:
        raise UsageError(f"{name} has no tokenizer, which --texts need; put its files there.")
    return Data(None, evaluation, tokenizer), outline, texts
