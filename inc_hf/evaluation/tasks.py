"""Scores of a model: by task on a labelled dataset, or by a metric over a dataloader."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from inc_hf.errors import UsageError
from inc_hf.evaluation.metrics import GLUE_METRIC, load_metric
from inc_hf.models.batches import batches_of
from inc_hf.quantize.workflow import run


def evaluate_task(
    model: nn.Module, batches: Iterable[Mapping[str, Tensor]], task: str, metric: str | None = None
) -> dict[str, float]:
    """Score of a model on labelled batches.

    Args:
        task (`str`): one of `TASKS`.
        metric (`str`, *optional*): a GLUE task such as "mrpc", whose metric is computed; None is the accuracy of the
            task's predictions (of tokens, for language models), or Pearson's correlation for one label.

    Raises:
        ValueError: an unknown task or metric, no batches, or batches without labels.
    """
    if task not in TASKS:
        raise UsageError(f"Unknown task {task!r}; choose one of {', '.join(sorted(TASKS))}.")
    if metric is not None and metric not in GLUE_METRIC:
        raise UsageError(f"Unknown GLUE task {metric!r}; choose one of {', '.join(sorted(GLUE_METRIC))}.")
    predictions, references = [], []
    with torch.no_grad():
        for batch in tqdm(batches, desc="Evaluating", unit="batch", leave=False):
            predicted, reference = TASKS[task](run(model, batch), batch)
            predictions.append(predicted.reshape(-1))
            references.append(reference.reshape(-1))
    _check_not_empty(predictions)
    return _score(torch.cat(predictions), torch.cat(references), metric)


def _score(predictions: Tensor, references: Tensor, metric: str | None) -> dict[str, float]:
    known = references != -100
    if not known.any():
        raise UsageError("All labels are -100, which stands for what is not to be counted; evaluation needs others.")
    predictions, references = predictions[known], references[known]
    if metric is None and not predictions.is_floating_point():
        return {"accuracy": float((predictions == references).double().mean())}
    result = load_metric("glue", metric or "stsb").compute(predictions=predictions, references=references)
    main = GLUE_METRIC[metric or "stsb"]
    return {main: float(result[main])}


def _labels(batch: Mapping[str, Tensor], key: str = "labels") -> Tensor:
    if key not in batch:
        raise UsageError(f"Evaluation needs labels: the batches have {sorted(batch)}, not {key!r}.")
    return batch[key]


def _classification(output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    logits = output.logits
    return (logits[..., 0] if logits.shape[-1] == 1 else logits.argmax(-1)), _labels(batch)


def _question_answering(output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    predicted = torch.stack([output.start_logits.argmax(-1), output.end_logits.argmax(-1)])
    return predicted, torch.stack([_labels(batch, "start_positions"), _labels(batch, "end_positions")])


def _next_token(output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    labels = batch.get("labels")
    if labels is None:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        labels = batch["input_ids"].masked_fill(mask == 0, -100)
    return output.logits[:, :-1].argmax(-1), labels[:, 1:]


TASKS: dict[str, Callable] = {
    "text-classification": _classification,
    "image-classification": _classification,
    "audio-classification": _classification,
    "token-classification": _classification,
    "multiple-choice": _classification,
    "fill-mask": _classification,
    "text2text-generation": _classification,
    "question-answering": _question_answering,
    "text-generation": _next_token,
}


def evaluate_metric(dataloader: Iterable, metric: Any) -> Callable[[nn.Module], float]:
    """INC's `eval_dataloader` and `eval_metric` as an evaluation function.

    Args:
        dataloader: batches `(inputs, label)`, or dicts with `labels`.
        metric: "accuracy", "f1", "mse", "mae", "rmse", `{"topk": k}`, or an object with `update(preds, labels)`,
            `reset()` and `result()`.
    """
    score = _metric_function(metric)

    def evaluate(model: nn.Module) -> float:
        outputs, labels = [], []
        for batch in dataloader:
            label = _labels(batch) if isinstance(batch, Mapping) else batch[1]
            inputs = next(batches_of(iter([batch]), model, keep_labels=False))
            output = run(model, inputs)
            outputs.append(output if isinstance(output, Tensor) else output["logits"])
            labels.append(label)
        _check_not_empty(outputs)
        return score(outputs, labels)

    return evaluate


def _metric_function(metric: Any) -> Callable[[list[Tensor], list[Tensor]], float]:
    if hasattr(metric, "update") and hasattr(metric, "result"):
        return lambda outputs, labels: _accumulate(metric, outputs, labels)
    if isinstance(metric, dict) and len(metric) != 1:
        raise UsageError(f"Pass one metric, got {', '.join(metric) or 'none'}; an `eval_func` can combine several.")
    name, argument = next(iter(metric.items())) if isinstance(metric, dict) else (metric, None)
    if str(name).lower() not in METRICS:
        raise UsageError(f"Unknown metric {name!r}; choose one of {', '.join(METRICS)}, or pass an object.")
    function = METRICS[str(name).lower()]
    if str(name).lower() != "topk" and argument:
        raise UsageError(f"The metric {name!r} takes no settings, got {argument!r}.")
    if str(name).lower() == "topk" and argument is not None and not (isinstance(argument, int) and argument >= 1):
        raise UsageError(f"`k` of the metric {name!r} must be an int of at least 1, got {argument!r}.")
    return lambda outputs, labels: float(function(torch.cat(outputs), torch.cat(labels), argument))


def _check_not_empty(collected: list[Tensor]) -> None:
    if not collected:
        raise UsageError(
            "The evaluation data is empty, or an iterator that was read before; pass a list or a dataloader."
        )


def _accumulate(metric: Any, outputs: list[Tensor], labels: list[Tensor]) -> float:
    metric.reset()
    for output, label in zip(outputs, labels, strict=True):
        metric.update(output, label)
    return metric.result()


def _topk(logits: Tensor, labels: Tensor, k: int | None) -> Tensor:
    labels = labels.reshape(*logits.shape[:-1], 1)
    return (logits.topk(k or 1, -1).indices == labels).any(-1).double().mean()


def _f1(logits: Tensor, labels: Tensor, _: None) -> float:
    """F1 of class 1, of two classes."""
    predicted = logits.argmax(-1)
    labels = labels.reshape(predicted.shape)
    true_positives = ((predicted == 1) & (labels == 1)).sum()
    return float(2 * true_positives / ((predicted == 1).sum() + (labels == 1).sum()).clamp(min=1))


def _difference(outputs: Tensor, labels: Tensor) -> Tensor:
    """Never broadcast: outputs of shape `(samples, 1)` belong to labels of shape `(samples,)`, and the reverse."""
    return outputs.reshape(labels.shape) - labels


METRICS: dict[str, Callable] = {
    "topk": _topk,
    "accuracy": _topk,
    "f1": _f1,
    "mse": lambda x, y, _: _difference(x, y).square().mean(),
    "rmse": lambda x, y, _: _difference(x, y).square().mean().sqrt(),
    "mae": lambda x, y, _: _difference(x, y).abs().mean(),
}
