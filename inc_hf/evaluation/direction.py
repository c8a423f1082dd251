"""Which score is better, by the name of the metric."""

import re
from dataclasses import replace
from typing import Any

from inc_hf.config import AccuracyCriterion
from inc_hf.errors import UsageError

# The last of these words in a name decides: "eval_loss", "word_error_rate", "MeanSquaredError".
LOWER = set(
    "loss error errors err mse rmse mae mape smape wape mase msle rmsle mdape mpe epe mpjpe nll perplexity ppl wer "
    "cer mer wil der eer ter ece bpb bpc entropy ce divergence kld brier distance levenshtein hausdorff chamfer "
    "deviation deviance latency runtime seconds fid kid lpips misclassification drop degradation fpr fnr".split()
)
HIGHER = set(
    "accuracy acc f1 fbeta precision recall topk top matthews mcc correlation pearson pearsonr spearman spearmanr "
    "kappa auc auroc auprc ap map ndcg mrr bleu sacrebleu bleurt comet rouge rouge1 rouge2 rougel rougelsum meteor "
    "chrf nist sari bertscore squad match em miou iou jaccard dice similarity r2 likelihood sensitivity specificity "
    "tpr tnr hits psnr ssim pesq stoi sdr throughput".split()
)
# Words that would say the reverse, or nothing, one by one.
LOWER_PHRASES = (
    "negative_log_likelihood", "neg_log_likelihood", "false_positive_rate", "false_negative_rate", "abs_rel",
    "bits_per_byte", "bits_per_character",
)  # fmt: skip
HIGHER_PHRASES = (
    "true_positive_rate", "true_negative_rate", "explained_variance", "r_squared", "reciprocal_rank",
    "samples_per_second", "steps_per_second", "tokens_per_second",
    "d2_absolute_error", "d2_pinball", "d2_tweedie", "d2_log_loss", "d2_brier",
)  # fmt: skip
COUNTED = re.compile(r"(top|ap|map|f|rouge|bleu|ndcg|recall|precision)\d+")  # "ap50", "f2"; better higher


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
    apart = re.sub(r"(?<=[a-z0-9]{2})(?=[A-Z])", "_", name).lower()  # but for "mAP" and "mIoU"
    words = [word for word in re.split(r"[^a-z0-9]+", apart) if word]
    for phrase in LOWER_PHRASES + HIGHER_PHRASES:
        if f"_{phrase}_" in f"_{'_'.join(words)}_":
            return phrase in HIGHER_PHRASES
    known = [word not in LOWER for word in words if word in LOWER | HIGHER or COUNTED.fullmatch(word)]
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
