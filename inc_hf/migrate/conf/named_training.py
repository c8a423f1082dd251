"""The optimizers, losses and metrics that a conf of INC 1.X can name, with their settings."""

from inc_hf.migrate.conf.fields import Needed, Parse
from inc_hf.migrate.conf.list_values import flags, numbers, optional_list
from inc_hf.migrate.conf.values import anything, choice, flag, integer, number, reduction, text

ADAM: dict[str, Parse] = {
    **dict.fromkeys(("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay"), number()),
    "amsgrad": flag,
}
OPTIMIZERS: dict[str, dict[str, Parse]] = {
    "SGD": {"learning_rate": Needed(number()), "momentum": number(), "nesterov": flag, "weight_decay": number()},
    "AdamW": ADAM,
    "Adam": ADAM,
}
CROSS_ENTROPY: dict[str, Parse] = {"reduction": reduction, "from_logits": flag}
WEIGHTS = optional_list(number(low=0))
CRITERIA: dict[str, dict[str, Parse]] = {
    "CrossEntropyLoss": CROSS_ENTROPY,
    "SparseCategoricalCrossentropy": CROSS_ENTROPY,
    "KnowledgeDistillationLoss": {
        "temperature": number(low=0, open_low=True),
        "loss_types": optional_list(choice(("CE", "KL", "MSE"))),
        "loss_weights": WEIGHTS,
    },
    "IntermediateLayersKnowledgeDistillationLoss": {
        "layer_mappings": Needed(optional_list(anything)),
        "loss_types": optional_list(choice(("MSE", "KL", "L1"))),
        "loss_weights": WEIGHTS,
        "add_origin_loss": flag,
    },
    "SelfKnowledgeDistillationLoss": {
        "layer_mappings": Needed(optional_list(anything)),
        "temperature": number(low=0, open_low=True),
        "loss_types": optional_list(choice(("L2", "CE", "KL"))),
        "loss_weights": WEIGHTS,
        "add_origin_loss": flag,
    },
}

IOU = {"anno_path": text, "iou_thrs": anything, "map_points": integer(low=0)}
COCO_MAP: dict[str, Parse] = {"anno_path": text, "map_key": text}
COMPARED: dict[str, Parse] = {"compare_label": flag}
METRICS: dict[str, dict[str, Parse]] = {
    "topk": {"": integer(low=1)},
    "mAP": IOU,
    "COCOmAP": COCO_MAP,
    "COCOmAPv2": {**COCO_MAP, "output_index_mapping": anything},
    "VOCmAP": {"anno_path": text},
    "SquadF1": {},
    "MSE": COMPARED,
    "RMSE": COMPARED,
    "MAE": COMPARED,
    "Accuracy": {},
    "Loss": {},
    "BLEU": {},
    "F1": {},
    "mIOU": {"num_classes": integer(low=1)},
    "GLUE": {"task": text},
    "ROC": {"task": text},
}
MULTI_METRICS: dict[str, dict[str, Parse]] = {
    "weight": {"": numbers},
    "higher_is_better": {"": flags},
    **METRICS,
}
