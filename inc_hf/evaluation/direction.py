"""Which score is better, by the name of the metric."""

import re
from dataclasses import replace
from typing import Any

from inc_hf.config import AccuracyCriterion
from inc_hf.errors import UsageError

# The last of these words in a name decides: "eval_loss", "word_error_rate", "MeanSquaredError".
LOWER = set(
    "loss error errors mse rmse mae mape smape mase msle rmsle nll perplexity ppl wer cer mer wil der eer ter bpb bpc "
    "entropy divergence brier distance deviation latency fid".split()
)
HIGHER = set(
    "accuracy acc f1 precision recall topk top matthews mcc correlation pearson pearsonr spearman spearmanr kappa auc "
    "auroc bleu sacrebleu rouge rouge1 rouge2 rougel rougelsum meteor chrf bertscore match em map miou iou r2 "
    "likelihood".split()
)
# Names whose words would say the reverse.
LOWER_NAMES = {"negative_log_likelihood", "nll"}


def higher_is_better(metric: Any) -> bool | None:
    """Whether a higher score is a better one; None if neither the metric nor its name says so.

    Args:
        metric: a name, INC's `{name: settings}`, or an object: its own `higher_is_better`, as those of torchmetrics
            have, or the name of its class.
    """
    if isinstance(metric, dict):
        metric = next(iter(metric), None)
    if isinstance(said := getattr(metric, "higher_is_better", None), bool):
        return said
    return _by_name(metric if isinstance(metric, str) else type(metric).__name__)


def _by_name(name: str) -> bool | None:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    words = [word for word in re.split(r"[^a-z0-9]+", apart) if word]
    if LOWER_NAMES & {"_".join(words), "_".join(words[1:])}:
        return False
    known = [word in HIGHER for word in words if word in LOWER | HIGHER]
    if not known:
        return None
    is_negated = bool({"neg", "negative"} & set(words))  # scikit-learn's "neg_mean_squared_error"
    return known[-1] != is_negated


def in_direction_of(criterion: AccuracyCriterion, metric: Any) -> AccuracyCriterion:
    """The criterion with the direction of the metric, where that is known.

    Raises:
        ValueError: the criterion was given the other direction.
    """
    higher = higher_is_better(metric)
    if higher is None or higher == criterion.higher_is_better:
        return criterion
    if criterion.direction_is_given:
        name = metric if isinstance(metric, str | dict) else type(metric).__name__
        raise UsageError(
            f"Of the metric {name!r} a {'higher' if higher else 'lower'} score is better, but the accuracy criterion "
            f"has `higher_is_better={criterion.higher_is_better}`; leave it out, or set it to {higher}."
        )
    return replace(criterion, higher_is_better=higher)
