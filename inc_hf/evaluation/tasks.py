"""Scores of a model by task, on a labelled dataset."""

import inspect
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.config.arguments import check_data, check_model
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.answers import IGNORED, Answers, Problem, answers_of, check_classes, classes_of, logits_of
from inc_hf.evaluation.counts import Accuracy, Count
from inc_hf.evaluation.glue import OF_NUMBERS, GlueScore
from inc_hf.evaluation.loop import Watch, watch_all
from inc_hf.evaluation.metrics import check_glue_task
from inc_hf.models.batches import batch_length
from inc_hf.models.labels import LABEL_COLUMNS
from inc_hf.models.tasks import SCORED, check_task
from inc_hf.quantize.workflow import error_of_data, run
from inc_hf.telling import progress_bar


def evaluate_task(
    model: nn.Module,
    batches: Iterable[Mapping[str, Tensor]],
    task: str,
    metric: str | None = None,
    watch: Watch = watch_all,
) -> dict[str, float]:
    """Score of a model on labelled batches, of which only one is in memory.

    Args:
        task (`str`): one of `inc_hf.models.tasks.SCORED`.
        metric (`str`, *optional*): a GLUE task such as "mrpc", whose metric is computed; None is the accuracy of the
            task's predictions (of tokens, for language models; of each label, where a sample has several), or
            Pearson's correlation for one number a sample.
        watch (*optional*): may end the evaluation after a batch.

    Raises:
        ValueError: an unknown task or metric, or one that does not fit what the model gives, no batches, batches
            without labels, or labels that the model does not know.
    """
    check_model(model)
    check_data("batches", batches)
    check_not_empty(batches is not None)
    task = check_task(task, needed=True)
    check_glue_task(metric)
    count: Count | None = None
    rows = 0
    with torch.no_grad():
        for batch in progress_bar(batches, desc="Evaluating", unit="batch", leave=False):
            if not isinstance(batch, Mapping):
                came = reprlib.repr(batch)
                raise UsageTypeError(f"A batch must be a dict of tensors by the names of inputs, got {came}.")
            found = answers_to(model, batch, task, rows)
            count = count or count_for(metric, found[0])
            right = [count.update(answers) for answers in found]
            rows += (samples := batch_length(batch))
            known = None if right[0] is None else torch.cat(right)
            if watch(samples, known, torch.cat([answers.labels.reshape(-1) for answers in found])):
                break
    check_not_empty(rows)
    return {getattr(count, "name", "accuracy"): count.result()}


def answers_to(model: nn.Module, batch: Mapping[str, Tensor], task: str, first_row: int = 0) -> list[Answers]:
    """What a model answers to a labelled batch.

    Args:
        first_row (`int`): the number of the batch's first sample, for messages.
    """
    inputs = _inputs_of(model, batch, SCORED[task].output is None, first_row)
    with error_of_data(model, "evaluation", inputs):
        output = run(model, inputs)
    return SCORES[SCORED[task].scored_by](model, output, batch, first_row)


def count_for(metric: str | None, answers: Answers) -> Count:
    """What counts answers of this kind."""
    if answers.problem is Problem.NUMBERS and answers.samples != len(answers.labels):
        raise UsageError("Several numbers a sample (regression) have no metric here; pass `eval_fn`.")
    if metric in (None, "accuracy") and answers.problem is not Problem.NUMBERS:
        return Accuracy()
    return GlueScore(metric or OF_NUMBERS)


def _inputs_of(model: nn.Module, batch: Mapping[str, Any], generates: bool, first_row: int) -> dict[str, Any]:
    """The batch without labels, whose loss nobody wants; a decoder that generates makes its inputs from them."""
    if "labels" in batch and generates and getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        check_classes(batch["labels"], model.config.get_text_config(decoder=True).vocab_size, first_row)
        return dict(batch)
    parameters = inspect.signature(model.forward).parameters
    needed = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    return {key: value for key, value in batch.items() if key not in LABEL_COLUMNS or key in needed}


def labels_of(batch: Mapping[str, Tensor], key: str = "labels") -> Tensor:
    """The labels of a batch.

    Raises:
        ValueError: it has none.
    """
    if key not in batch:
        names = "'label' or 'labels'" if key == "labels" else repr(key)
        raise UsageError(
            f"Evaluation needs labels: the batches have {sorted(batch)}, not {key!r}; name a column {names}."
        )
    return batch[key]


def check_repeatable(data: Any, name: str) -> None:
    """Raise ValueError for an iterator, which a search could read for its first evaluation only."""
    if not isinstance(data, Iterator):
        return
    if next(data, None) is None:
        check_not_empty(0)
    raise UsageError(
        f"`{name}` is a {type(data).__name__}, which can be read once, but the model is evaluated several times; pass "
        "a list, a dataloader or a dataset, or `datasets.IterableDataset.from_generator(function)`."
    )


def check_not_empty(rows: int) -> None:
    """Raise ValueError if no sample came."""
    if not rows:
        raise UsageError(
            "The evaluation data is empty, or an iterator that was read before; pass a list or a dataloader."
        )


def _classification(model: nn.Module, output: Any, batch: Mapping[str, Tensor], row: int) -> list[Answers]:
    return [answers_of(model, logits_of(output), labels_of(batch), row)]


def _question_answering(model: nn.Module, output: Any, batch: Mapping[str, Tensor], row: int) -> list[Answers]:
    if getattr(output, "start_logits", None) is None:
        _refuse_task("question-answering", "spans", model)
    return [
        classes_of(output.start_logits, labels_of(batch, "start_positions"), row),
        classes_of(output.end_logits, labels_of(batch, "end_positions"), row),
    ]


def _next_token(model: nn.Module, output: Any, batch: Mapping[str, Tensor], row: int) -> list[Answers]:
    labels = batch.get("labels")
    if labels is None and "input_ids" not in batch:
        labels_of(batch)
    if labels is None:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        labels = batch["input_ids"].masked_fill(mask == 0, IGNORED)
    logits = logits_of(output)
    if logits.ndim != 3:
        _refuse_task("text-generation", "scores of tokens", model)
    if labels.shape != logits.shape[:-1]:
        raise UsageError(
            f"The evaluation data does not fit the model: labels of shape {tuple(labels.shape)} for the tokens of "
            f"{tuple(logits.shape[:-1])}."
        )
    return [classes_of(logits[:, :-1], labels[:, 1:], row)]


def _refuse_task(task: str, what: str, model: nn.Module) -> None:
    raise UsageError(
        f"A {type(model).__name__} is not for the task {task!r}: it gives no {what}; choose its own task."
    )


# By `scored_by` of a task.
SCORES: dict[str, Callable] = {"class": _classification, "span": _question_answering, "next token": _next_token}
