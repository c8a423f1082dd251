"""What is said at the end of a job, as a table or as JSON."""

import argparse
from pathlib import Path
from typing import Any

from inc_hf.checkpoint.header import weights_size
from inc_hf.commands.output import show
from inc_hf.evaluation.named_data import data_in_words
from inc_hf.inference.layers import layers_of
from inc_hf.quantize.in_words import model_in_words
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.card import PRUNED

SCORES = {
    "before": "FP32 score before",
    "dense": "FP32 score, dense",
    "teacher": "teacher's score",
    "after": "score",
}
TRAININGS = {"fine-tuning": "new head trained", "last": "trained"}


def facts_of(made: Any, result: Any, scores: dict[str, dict[str, float]], args: argparse.Namespace) -> dict[str, Any]:
    """As JSON has them: shares in [0, 1], sizes in bytes."""
    quantized = quantized_modules(result.model)
    layers = layers_of(result.model).values() if made.is_pruned else ()
    pruned = [layer.zeros for layer in layers if layer.zeros.share >= PRUNED or layer.zeros.zero_blocks]
    facts: dict[str, Any] = {"saved_in": args.output}
    if made.told:
        facts["trained"] = made.told
    if pruned:
        share = sum(zeros.zeros for zeros in pruned) / sum(zeros.weights for zeros in pruned)
        facts["zeros"] = {"share": round(share, 4), "layers": len(pruned)}
    if quantized:
        facts |= {"modules_quantized": len(quantized), "activations": model_in_words(result.model)}
    if quantized and result.coverage is not None:
        facts["weights_in_integers"] = round(result.coverage.share, 4)
    facts["weights_on_disk"] = weights_size(Path(args.output))
    if result.score is not None:
        facts |= {"metric": result.metric, "dataset": result.dataset}
        facts["scores"] = {name: score[result.metric] for name, score in scores.items()}
    return facts


def tell(made: Any, result: Any, scores: dict[str, Any], args: argparse.Namespace, address: str | None) -> None:
    """Print what was made, how it scores and where it is."""
    facts = facts_of(made, result, scores, args)
    notes = [f"Look inside with: inc-hf info {args.output}"]
    if result.score is None:
        notes.insert(0, "Nothing was evaluated: --eval FILE|NAME scores the result, and the dense model, too.")
    if address is not None:
        facts["uploaded_to"] = address
        notes.append(f"Uploaded to {address}")
    show(args, f"{type(result.model).__name__}, {args.done}", facts, _rows_of(facts), notes)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _rows_of(facts: dict[str, Any]) -> dict[str, str]:
    rows = {"saved in": facts["saved_in"]}
    for name, told in facts.get("trained", {}).items():
        rows[TRAININGS[name]] = f"{told['epochs']:g} epochs, {_steps(told['steps'])}, {told['seconds']:.0f} s"
    if "zeros" in facts:
        rows["zeros"] = f"{100 * facts['zeros']['share']:.1f} % of {facts['zeros']['layers']} layers"
    if "modules_quantized" in facts:
        rows |= {"modules quantized": str(facts["modules_quantized"]), "activations": facts["activations"]}
    if "weights_in_integers" in facts:
        rows["weights in integers"] = f"{100 * facts['weights_in_integers']:.1f} %"
    rows["weights on disk"] = f"{facts['weights_on_disk'] / 1e6:.1f} MB"
    if "scores" in facts:
        rows["scored by"] = f"{facts['metric']} on {data_in_words(facts['dataset'])}"
        rows |= {SCORES[name]: f"{score:.4f}" for name, score in facts["scores"].items()}
    return rows
