"""How good a model is, and where its zeros are."""

import copy

import torch
from recipe.data import Split
from transformers import DataCollatorWithPadding, PreTrainedModel

from inc_hf import PostTrainingQuantConfig, optimize, quantization

MEASURED = ("fp32", "int8", "divergence", "layers")
BATCH = 32


@torch.no_grad()
def logits_of(model: PreTrainedModel, split: Split) -> torch.Tensor:
    """Logarithms of the probabilities, of shape `(rows, labels)`."""
    pad = DataCollatorWithPadding(split.tokenizer)
    rows = [{k: v for k, v in row.items() if k != "label"} for row in split.test]
    logits = [model(**pad(rows[i : i + BATCH])).logits for i in range(0, len(rows), BATCH)]
    return torch.cat(logits).log_softmax(-1)


def scores_of(model: PreTrainedModel, dense: PreTrainedModel, split: Split) -> dict[str, float]:
    """Accuracy as it is and as INT8, and the divergence from the dense model, which is less a matter of luck."""
    int8 = optimize(quantization.fit(copy.deepcopy(model), PostTrainingQuantConfig(approach="dynamic")).model)
    labels = torch.tensor([row["label"] for row in split.test])
    found = {name: logits_of(m, split) for name, m in {"fp32": model, "int8": int8, "dense": dense}.items()}
    divergence = torch.nn.functional.kl_div(found["fp32"], found["dense"], log_target=True, reduction="batchmean")
    accuracy = {name: (found[name].argmax(-1) == labels).float().mean().item() for name in ("fp32", "int8")}
    return {**accuracy, "divergence": divergence.item()}


def zeros(model: PreTrainedModel) -> list[float]:
    """Share of zeros of each encoder layer."""
    shares = []
    for layer in model.bert.encoder.layer:
        weights = [m.weight for m in layer.modules() if isinstance(m, torch.nn.Linear)]
        shares.append(sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights))
    return shares
