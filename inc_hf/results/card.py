"""Model cards, made of what `inc_config.json` says, see [`inc_hf.results.write_card`]."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from inc_hf.checkpoint.card_text import marked
from inc_hf.evaluation.named_data import data_in_words
from inc_hf.results.about import PRUNED
from inc_hf.results.card_code import THIS_REPOSITORY, code_of
from inc_hf.results.card_picture import PICTURE, Bars, draw
from inc_hf.results.story import HUB_NAME

Summary = Mapping[str, Any]
SMALLER = 0.95  # of the float size; what is not is no gain to draw


def card_of(summary: Summary) -> ModelCard:
    """The card of a model: what was done, how it compares with the float one, how to use it, its limits.

    Args:
        summary: what `inc_config.json` holds.
    """
    template = (files("inc_hf.results") / "templates" / "model_card.md").read_text(encoding="utf-8")
    compression, tuning, zeros = summary["compression"], summary["tuning"], summary.get("zeros") or {}
    card = ModelCard.from_template(
        _metadata(summary),
        template_str=template,
        title=(summary.get("base_model") or summary["model"]["class"]).rpartition("/")[2],
        base=summary.get("base_model") or "A local model",
        code=code_of(summary["model"], compression["word"] == "quantized"),
        rows=_table(summary),
        picture=PICTURE if bars_of(summary) else None,
        picture_words=", ".join(bars.name.lower() for bars in bars_of(summary)),
        done="\n".join(f"- {line}" for line in _done(summary)),
        zeros=zeros if zeros.get("weights", 0) >= PRUNED else None,
        scored_on=data_in_words(tuning.get("dataset") or {}),
        **{key: summary.get(key) for key in ("model", "compression", "coverage", "tuning", "kernels", "measured")},
        versions=summary,
    )
    card.text = "\n" + marked(re.sub(r"\n{3,}", "\n\n", card.text))  # what is not said leaves no gap
    return card


def name_repository(card: Path, repo_id: str) -> None:
    """Let a card that was written say where its model is."""
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace(f'"{THIS_REPOSITORY}"', f'"{repo_id}"'), encoding="utf-8")


def picture_of(summary: Summary) -> str | None:
    """The picture of a card, None if nothing is known that could be compared."""
    return draw(bars_of(summary), summary["compression"]["word"])


def bars_of(summary: Summary) -> list[Bars]:
    """What is known of both models, and can be drawn from zero on."""
    tuning, size, measured = summary["tuning"], summary["size"], summary.get("measured") or {}
    bars = []
    if None not in (pair := (tuning.get("baseline"), tuning.get("score"))) and min(pair) >= 0:
        bars.append(Bars(_metric(summary).capitalize(), *pair, *(f"{score:.4f}" for score in pair)))
    if _is_smaller(size):
        pair = size["as_fp32"], size["weights"]
        bars.append(Bars("Weights on disk", *pair, *map(_size, pair)))
    if None not in (pair := (measured.get("fp32_ms"), measured.get("ms"))):
        bars.append(Bars(f"Time, {measured['batches']}", *pair, *(f"{ms:.1f} ms" for ms in pair)))
    return bars


def _table(summary: Summary) -> str:
    """The float model beside this one; a model that is itself in float and not pruned stands alone."""
    word, rows = summary["compression"]["word"], [list(row) for row in _rows(summary)]
    lines = [["", "FP32", word], ["---"] * 3, *rows]
    if word == "trained" and summary["tuning"].get("baseline") is None:
        lines = [[line[0], line[2]] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(summary: Summary) -> Iterator[tuple[str, str, str]]:
    """What is compared, in the float model and in this one, in words."""
    tuning, size, measured = summary["tuning"], summary["size"], summary.get("measured") or {}
    data = data_in_words(tuning.get("dataset") or {})
    on = f" on {data}" if data else ""
    if tuning.get("score") is not None:
        yield f"{_metric(summary)}{on}", _score(tuning.get("baseline")), _score(tuning["score"])
    for name, score in (tuning.get("all_scores") or {}).items():
        if name != tuning.get("metric"):
            yield f"{name}{on}", _score((tuning.get("baseline_scores") or {}).get(name)), _score(score)
    if measured.get("agreement") is not None:
        yield "same answers as FP32", "", f"{100 * measured['agreement']:.1f} %"
    yield "weights on disk", _size(size["as_fp32"]), _size(size["weights"])
    if measured.get("ms") is not None:
        before = measured.get("fp32_ms")
        speed = f" ({before / measured['ms']:.1f} × as fast)" if before else ""
        yield (
            f"median time, {measured['batches']}",
            f"{before:.1f} ms" if before else "",
            f"{measured['ms']:.1f} ms{speed}",
        )


def _done(summary: Summary) -> Iterator[str]:
    """What training did, as the callbacks have noted it."""
    training = summary.get("training") or {}
    for told in training.get("pruning", []):
        yield (
            f"Pruned in training to {100 * told['target_sparsity']:.0f} % zeros of pattern {told['pattern']} "
            f"({told['pruning_type']}, steps {told['start_step']} to {told['end_step']})."
        )
    if told := training.get("distillation"):
        teacher = _teacher(told["teacher"]) if told["teacher"] else "without a teacher"
        yield f"Distilled {teacher} for {told['steps']} steps ({', '.join(told['losses'])})."
    if told := training.get("quantization"):
        yield f"Trained with rounded weights for {told['steps']} steps ({told['approach']} activations)."


def _teacher(name: str) -> str:
    return f"from {name}" if "/" in name else f"from a teacher of the class {name}"


def _metadata(summary: Summary) -> ModelCardData:
    model, compression, tuning = summary["model"], summary["compression"], summary["tuning"]
    base, dataset = summary.get("base_model"), tuning.get("dataset") or {}
    results = list(_results(summary))
    return ModelCardData(
        library_name="sentence-transformers" if model["sentence"] else "transformers",
        pipeline_tag=None if model["sentence"] else model["task"],
        tags=compression["tags"],
        base_model=base,
        base_model_relation=compression["relation"] if base else None,
        datasets=[dataset["name"]] if HUB_NAME.fullmatch(dataset.get("name", "")) else None,
        metrics=[tuning["metric"]] if tuning.get("metric") else None,
        model_name=f"{model['class']}, {compression['word']}" if results else None,
        eval_results=results or None,
        **(summary.get("from_base") or {}),
    )


def _results(summary: Summary) -> Iterator[EvalResult]:
    """The scores for the `model-index`, which has none of unnamed data, metrics or tasks."""
    tuning, task = summary["tuning"], summary["model"]["task"]
    dataset, name = tuning.get("dataset") or {}, tuning.get("metric")
    if tuning.get("score") is None or not (dataset.get("name") and name and task):
        return
    for metric, score in {name: tuning["score"], **(tuning.get("all_scores") or {})}.items():
        yield EvalResult(
            task_type=task,
            dataset_type=dataset["name"],
            dataset_name=data_in_words(dataset),
            dataset_config=dataset.get("config"),
            dataset_split=dataset.get("split"),
            metric_type=metric,
            metric_value=score,
        )


def _is_smaller(size: Mapping[str, int]) -> bool:
    return size["weights"] < SMALLER * size["as_fp32"]


def _metric(summary: Summary) -> str:
    return summary["tuning"].get("metric") or "score"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
