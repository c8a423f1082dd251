"""After the training: quantize, evaluate, save, tell."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from inc_hf.checkpoint import save_checkpoint
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.commands.loading import load_model
from inc_hf.commands.training.arguments import SEED
from inc_hf.commands.training.data import Data
from inc_hf.commands.training.plan import Plan
from inc_hf.commands.training.tell import tell
from inc_hf.commands.uploading import push_saved, upload
from inc_hf.config import PostTrainingQuantConfig
from inc_hf.evaluation.named_data import named_data
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.inference.optimize import ready_copy
from inc_hf.models.batches import batches_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantizer import IncQuantizer
from inc_hf.results.compressed import CompressedModel
from inc_hf.results.quantized import QuantizedModel

Result = CompressedModel | QuantizedModel
Scores = dict[str, dict[str, float]]  # of which model -> metric -> score


@dataclass
class Made:
    """A trained model, and how it became one.

    Args:
        dense: the name of the model before the last training, if that could do its task.
        callbacks: those of the last training.
        told: training -> steps, epochs, seconds.
    """

    model: PreTrainedModel
    name: str
    dense: str | None = None
    callbacks: list[Any] = field(default_factory=list)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_pruned: bool = False


def finish(made: Made, args: argparse.Namespace, plan: Plan, data: Data) -> tuple[Result, Scores]:
    """Quantize if that is asked for, evaluate and save."""
    scores = _scores_before(made, args, plan, data)
    result = _quantized(made.model, args, plan, data) if _is_to_be_quantized(made, plan) else _trained(made)
    if data.evaluation is not None:
        scores["after"] = _score(ready_copy(result.model), args, data)
        _put_scores(result, scores, data)
    _save(result, args, data)
    return result, scores


def conclude(made: Made, result: Result, scores: Scores, args: argparse.Namespace) -> int:
    """Upload if that is asked for, and tell; returns the exit code."""
    address = None
    try:
        if args.push_to_hub:
            address = upload(lambda repo: push_saved(Path(args.output), repo, "Upload compressed model"), args)
    finally:  # it is saved, whatever becomes of the upload
        tell(made, result, scores, args, address)
    return EXIT_OK


def _is_to_be_quantized(made: Made, plan: Plan) -> bool:
    return plan.quantization is not None and not quantized_modules(made.model)


def _scores_before(made: Made, args: argparse.Namespace, plan: Plan, data: Data) -> Scores:
    """What the result is compared with: the model as it was, the dense one, the teacher."""
    if data.evaluation is None:
        return {}
    is_compressed = plan.pruning is not None or plan.qat
    scores = {}
    if made.dense is not None:
        model = _loaded(made.dense, args)
        scores["dense" if is_compressed else "before"] = _score(model, args, data)
    if plan.teacher is not None:
        scores["teacher"] = _score(_loaded(plan.teacher, args), args, data)
    if not is_compressed and plan.quantization is not None:
        scores["dense"] = _score(made.model, args, data)
    return scores


def _loaded(name: str, args: argparse.Namespace) -> PreTrainedModel:
    return load_model(name, args.task, args.trust_remote_code, dtype=torch.float32).eval()


def _score(model: PreTrainedModel, args: argparse.Namespace, data: Data) -> dict[str, float]:
    batches = batches_of(data.evaluation, model, data.tokenizer, batch_size=32)
    return evaluate_task(model, batches, args.task, args.metric)


def _quantized(model: PreTrainedModel, args: argparse.Namespace, plan: Plan, data: Data) -> QuantizedModel:
    seed = plan.training.get("seed", SEED)
    config = PostTrainingQuantConfig.from_dict(plan.quantization)
    needs_data = config.approach != "dynamic" or config.recipe("smooth_quant")
    quantizer = IncQuantizer(model, task=args.task, seed=seed, tokenizer=data.tokenizer)
    samples = data.train.shuffle(seed=seed) if needs_data else None
    return quantizer.quantize(config, calibration_dataset=samples)


def _trained(made: Made) -> CompressedModel:
    result = CompressedModel(made.model)
    found = [callback.coverage for callback in made.callbacks if getattr(callback, "coverage", None) is not None]
    result.coverage = found[-1] if found else getattr(made.model, "coverage", None)
    return result


def _put_scores(result: Result, scores: Scores, data: Data) -> None:
    """Into what is saved beside the model."""
    ((result.metric, result.score),) = scores["after"].items()
    before = scores.get("dense") or scores.get("before") or {}
    result.baseline = before.get(result.metric)
    result.dataset = named_data(data.evaluation)


def _save(result: Result, args: argparse.Namespace, data: Data) -> None:
    if isinstance(result, QuantizedModel):
        result.save_pretrained(args.output, data.tokenizer, overwrite=args.overwrite)
    else:
        save_checkpoint(lambda directory: result.write(directory, data.tokenizer), args.output, args.overwrite)
