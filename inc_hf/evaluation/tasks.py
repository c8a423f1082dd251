"""Scores of a model by task, on a labelled dataset."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from inc_hf.errors import UsageError, usage_error_for
from inc_hf.evaluation.metrics import GLUE_METRIC, load_metric
from inc_hf.models.tasks import SCORED
from inc_hf.quantize.workflow import run


def evaluate_task(
    model: nn.Module, batches: Iterable[Mapping[str, Tensor]], task: str, metric: str | None = None
) -> dict[str, float]:
    """Score of a model on labelled batches.

    Args:
        task (`str`): one of `inc_hf.models.tasks.SCORED`.
        metric (`str`, *optional*): a GLUE task such as "mrpc", whose metric is computed; None is the accuracy of the
            task's predictions (of tokens, for language models), or Pearson's correlation for one label.

    Raises:
        ValueError: an unknown task or metric, no batches, or batches without labels.
    """
    if task not in SCORED:
        raise UsageError(f"Unknown task {task!r}; choose one of {', '.join(sorted(SCORED))}.")
    if metric is not None and metric not in GLUE_METRIC:
        raise UsageError(f"Unknown GLUE task {metric!r}; choose one of {', '.join(sorted(GLUE_METRIC))}.")
    score = SCORES[SCORED[task].scored_by]
    predictions, references = [], []
    with torch.no_grad():
        for batch in tqdm(batches, desc="Evaluating", unit="batch", leave=False):
            # torch's, for a label or a token that the model does not know, and for labels of another task
            with usage_error_for("The evaluation data does not fit the model", (IndexError, ValueError)):
                output = run(model, batch)
            predicted, reference = score(output, batch)
            predictions.append(predicted.reshape(-1))
            references.append(reference.reshape(-1))
    check_not_empty(predictions)
    return _score(torch.cat(predictions), torch.cat(references), metric)


def _score(predictions: Tensor, references: Tensor, metric: str | None) -> dict[str, float]:
    known = references != -100
    if not known.any():
        raise UsageError("All labels are -100, which stands for what is not to be counted; evaluation needs others.")
    predictions, references = predictions[known], references[known]
    if metric is None and not predictions.is_floating_point():
        return {"accuracy": float((predictions == references).double().mean())}
    name = metric or "stsb"
    with usage_error_for(f"The metric of {name!r} does not fit the predictions", ValueError):
        result = load_metric("glue", name).compute(predictions=predictions, references=references)
    main = GLUE_METRIC[name]
    return {main: float(result[main])}


def labels_of(batch: Mapping[str, Tensor], key: str = "labels") -> Tensor:
    """The labels of a batch.

    Raises:
        ValueError: it has none.
    """
    if key not in batch:
        raise UsageError(f"Evaluation needs labels: the batches have {sorted(batch)}, not {key!r}.")
    return batch[key]


def check_repeatable(data: Any, name: str) -> None:
    """Raise ValueError for an iterator, which a search could read for its first evaluation only."""
    if not isinstance(data, Iterator):
        return
    try:
        next(data)
    except StopIteration:
        check_not_empty([])
    raise UsageError(
        f"`{name}` is a {type(data).__name__}, which can be read once, but the model is evaluated several times; pass "
        "a list, a dataloader or a dataset, or `datasets.IterableDataset.from_generator(function)`."
    )


def check_not_empty(collected: list[Tensor]) -> None:
    """Raise ValueError if no batch came."""
    if not collected:
        raise UsageError(
            "The evaluation data is empty, or an iterator that was read before; pass a list or a dataloader."
        )


def _classification(output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    logits = output.logits
    return (logits[..., 0] if logits.shape[-1] == 1 else logits.argmax(-1)), labels_of(batch)


def _question_answering(output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    predicted = torch.stack([output.start_logits.argmax(-1), output.end_logits.argmax(-1)])
    return predicted, torch.stack([labels_of(batch, "start_positions"), labels_of(batch, "end_positions")])


def _next_token(output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    labels = batch.get("labels")
    if labels is None:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        labels = batch["input_ids"].masked_fill(mask == 0, -100)
    return output.logits[:, :-1].argmax(-1), labels[:, 1:]


# By `scored_by` of a task.
SCORES: dict[str, Callable] = {"class": _classification, "span": _question_answering, "next token": _next_token}
