"""`distillation` of 1.X as a config of 2.X."""

from typing import Any

from inc_hf.config import DistillationConfig
from inc_hf.config.distillation import CRITERIA
from inc_hf.migrate.conf.building import built
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.frameworks import refuse_onnxruntime
from inc_hf.migrate.conf.sections import Conf

PLACE = ("distillation", "train", "criterion")
LAYERS = "IntermediateLayersKnowledgeDistillationLoss"
# INC's own, where a file has none
DEFAULT = Named("KnowledgeDistillationLoss", {"temperature": 1.0, "loss_types": ["CE", "KL"]})


def distillation_config(conf: Conf, teacher: Any = None) -> DistillationConfig | None:
    """
    Of `distillation`.

    Args:
        teacher (`torch.nn.Module` or `str`, *optional*): 1.X got it in the script, not in the file.
    """
    if conf.distillation is None:
        return None
    refuse_onnxruntime(conf, "distillation")
    train = conf.distillation.train
    criterion = DEFAULT if train is None or train.criterion is None else train.criterion
    settings: dict[str, Any] = {"criterion": {criterion.name: _settings(conf, criterion)}, "teacher_model": teacher}
    if train is not None and train.optimizer is not None:
        settings["optimizer"] = {train.optimizer.name: dict(train.optimizer.args)}
    return built(conf, PLACE, DistillationConfig, settings)


def _settings(conf: Conf, criterion: Named) -> dict[str, Any]:
    if criterion.name not in CRITERIA:
        raise conf.error(
            f"{criterion.name!r} has no teacher in it; a loss of distillation is one of {', '.join(CRITERIA)}.", *PLACE
        )
    settings = dict(criterion.args)
    if criterion.name == LAYERS:
        place = (*PLACE, LAYERS, "layer_mappings")
        settings["layer_mappings"] = [_pair(conf, item, place) for item in settings["layer_mappings"]]
    return settings


def _pair(conf: Conf, item: Any, place: tuple[str, ...]) -> list:
    """1.X has `[student, teacher]`, or `[student, output, teacher, output]`; 2.0 `[[layer]]`, `[[student, output],
    [teacher, output]]`."""
    if not isinstance(item, list | tuple) or len(item) not in (1, 2, 4):
        raise conf.error(
            "must have items [student_layer, teacher_layer] or [student_layer, output, teacher_layer, output], got "
            f"{item!r:.80}.",
            *place,
        )
    sides = [item[:2], item[2:]] if len(item) == 4 else item
    return [_side(conf, side, place) for side in sides]


def _side(conf: Conf, side: Any, place: tuple[str, ...]) -> list:
    parts = list(side) if isinstance(side, list | tuple) else [side]
    if not parts or len(parts) > 2 or not isinstance(parts[0], str):
        raise conf.error(f"must name layers, got {side!r:.80}.", *place)
    picker = parts[1] if len(parts) == 2 else ""
    if isinstance(picker, bool) or not isinstance(picker, str | int):
        raise conf.error(f"picks an output by a number or a key, got {picker!r:.80}.", *place)
    if picker == "":
        return [parts[0]]
    return [parts[0], int(picker) if isinstance(picker, str) and picker.isdecimal() else picker]
