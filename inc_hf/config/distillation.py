"""Config classes of knowledge distillation."""

from dataclasses import dataclass, field
from typing import Any

from inc_hf.config.base import ConfigMixin, JsonDict, JsonList, build
from inc_hf.config.checks import (
    check_bool,
    check_choice,
    check_choices,
    check_float,
    check_list,
    check_string,
    parse_json,
    wrong_type,
)
from inc_hf.errors import UsageError

SELF_LOSS_TYPES = ("CE", "KL", "L2")
LAYER_LOSS_TYPES = ("MSE", "KL", "L1")
STUDENT_LOSS_TYPES = ("CE", "MSE")
TEACHER_LOSS_TYPES = ("CE", "KL", "MSE")


class _LossConfigMixin(ConfigMixin):
    """What the three losses have in common."""

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """The loss in the form of INC 1.X: its name (the class name without `Config`) and its settings."""
        return {type(self).__name__.removesuffix("Config"): dict(self)}


@dataclass
class KnowledgeDistillationLossConfig(_LossConfigMixin):
    """
    Distillation from the teacher's logits: `w0 * student_loss + w1 * T**2 * loss(student / T, teacher / T)`.

    Args:
        temperature (`float`, *optional*, defaults to 1.0):
            What both logits are divided by before the softmax, more than 0.
        loss_types (`list[str]`, *optional*, defaults to `["CE", "CE"]`):
            Loss against the labels (`"CE"` or `"MSE"`; only a name, the model's own loss is used), then loss against
            the teacher (`"CE"`, `"KL"` or `"MSE"`).
        loss_weights (`list[float]`, *optional*, defaults to `[0.5, 0.5]`):
            Weights of the two losses, each in [0, 1], with the sum 1.
    """

    temperature: float = 1.0
    loss_types: list[str] = field(default_factory=lambda: ["CE", "CE"])
    loss_weights: list[float] = field(default_factory=lambda: [0.5, 0.5])

    def _check_fields(self):
        self.temperature = check_float("temperature", self.temperature, low=0, open_low=True)
        types = _check_pair("loss_types", self.loss_types)
        self.loss_types = [
            check_choice("loss_types[0]", types[0], STUDENT_LOSS_TYPES),
            check_choice("loss_types[1]", types[1], TEACHER_LOSS_TYPES),
        ]
        self.loss_weights = _check_weights(_check_pair("loss_weights", self.loss_weights))
        if abs(sum(self.loss_weights) - 1) > 1e-6:
            raise UsageError(f"`loss_weights` must have the sum 1, got {self.loss_weights}.")


@dataclass
class IntermediateLayersKnowledgeDistillationLossConfig(_LossConfigMixin):
    """
    Distillation from the outputs of the teacher's inner layers.

    Args:
        layer_mappings (`list` or `str`, *optional*, defaults to `[]`):
            One item per pair of layers, or the JSON text of the list: `[("layer",)]` (the same name in both models) or
            `[("student_layer",), ("teacher_layer",)]`. A layer may be a plain string, and may have a second element
            that picks the feature from its output: a key, an index or a function. The name `""` is the whole model.
            Stored as `[[student_layer], [teacher_layer]]` with the picker behind the name if there is one.
        loss_types (`list[str]`, *optional*):
            `"MSE"`, `"KL"`, `"L1"` or a `torch.nn.Module` for each item. Empty means `"MSE"` for all.
        loss_weights (`list[float]`, *optional*):
            Weight of each item, in [0, 1]. Empty means equal weights with the sum 1.
        add_origin_loss (`bool`, *optional*, defaults to `False`):
            Whether to add the student's own loss.
    """

    layer_mappings: JsonList = field(default_factory=list)
    loss_types: list[str] = field(default_factory=list)
    loss_weights: list[float] = field(default_factory=list)
    add_origin_loss: bool = False

    def _check_fields(self):
        mappings = parse_json("layer_mappings", self.layer_mappings, list)
        self.layer_mappings = [_check_layers(f"layer_mappings[{i}]", item) for i, item in enumerate(mappings)]
        types = _fill("loss_types", self.loss_types, len(mappings), "MSE")
        self.loss_types = [_check_layer_loss(f"loss_types[{i}]", item) for i, item in enumerate(types)]
        weights = _fill("loss_weights", self.loss_weights, len(mappings), 1 / max(len(mappings), 1))
        self.loss_weights = _check_weights(weights)
        check_bool("add_origin_loss", self.add_origin_loss)

    def _check_together(self):
        _check_lengths(self)


@dataclass
class SelfKnowledgeDistillationLossConfig(_LossConfigMixin):
    """
    Distillation from a model's deep layers to its own shallow ones.

    Args:
        layer_mappings (`list` or `str`, *optional*, defaults to `[]`):
            Groups of pairs of keys of the student's output, `[[["shallow", "deep"], ...], ...]`, or their JSON text.
        temperature (`float`, *optional*, defaults to 1.0):
            What logits are divided by before the softmax, more than 0.
        loss_types (`list[str]`, *optional*):
            `"CE"`, `"KL"` or `"L2"` for each group. Empty means `"CE"` for all.
        loss_weights (`list[float]`, *optional*):
            Weight of each group, in [0, 1]. Empty means equal weights with the sum 1.
        add_origin_loss (`bool`, *optional*, defaults to `False`):
            Whether to add the student's own loss.
    """

    layer_mappings: JsonList = field(default_factory=list)
    temperature: float = 1.0
    loss_types: list[str] = field(default_factory=list)
    loss_weights: list[float] = field(default_factory=list)
    add_origin_loss: bool = False

    def _check_fields(self):
        groups = parse_json("layer_mappings", self.layer_mappings, list)
        self.layer_mappings = [_check_group(f"layer_mappings[{i}]", group) for i, group in enumerate(groups)]
        self.temperature = check_float("temperature", self.temperature, low=0, open_low=True)
        types = _fill("loss_types", self.loss_types, len(groups), "CE")
        self.loss_types = check_choices("loss_types", types, SELF_LOSS_TYPES)
        weights = _fill("loss_weights", self.loss_weights, len(groups), 1 / max(len(groups), 1))
        self.loss_weights = _check_weights(weights)
        check_bool("add_origin_loss", self.add_origin_loss)

    def _check_together(self):
        _check_lengths(self)


CRITERIA = {
    "KnowledgeDistillationLoss": KnowledgeDistillationLossConfig,
    "IntermediateLayersKnowledgeDistillationLoss": IntermediateLayersKnowledgeDistillationLossConfig,
    "SelfKnowledgeDistillationLoss": SelfKnowledgeDistillationLossConfig,
}


@dataclass
class DistillationConfig(ConfigMixin):
    """
    From which model a student learns, and what.

    Args:
        teacher_model (`torch.nn.Module` or `str`, *optional*):
            The teacher, or the name or path to load it from.
        criterion (one of the three loss configs, `dict`, `str` or `list`, *optional*):
            The loss. May be a dict of its name, without `Config`, and its settings, such as
            `{"KnowledgeDistillationLoss": {"temperature": 2.0}}`, or the JSON text of one; its name or its class alone
            stand for its defaults, and None for a [`KnowledgeDistillationLossConfig`] with them. A list of these,
            which INC does not know, is several losses that are added, such as one on hidden states and one on logits;
            the student's own loss then counts as often as they ask for it together.
        optimizer (`dict` or `str`, *optional*, defaults to `{"SGD": {"learning_rate": 0.0001}}`):
            Not used, as in INC: the training loop has its own optimizer. May be the name or class of one.
        trust_remote_code (`bool`, *optional*, defaults to `False`):
            Whether code that lies beside a teacher that is loaded may be executed.
    """

    UNREAD = ("optimizer",)

    teacher_model: Any | str | None = None
    criterion: (
        KnowledgeDistillationLossConfig
        | str
        | IntermediateLayersKnowledgeDistillationLossConfig
        | SelfKnowledgeDistillationLossConfig
        | dict
        | list
        | None
    ) = None
    optimizer: JsonDict = field(default_factory=lambda: {"SGD": {"learning_rate": 0.0001}})
    trust_remote_code: bool = False

    def _check_fields(self):
        check_bool("trust_remote_code", self.trust_remote_code)
        self.criterion = _build_criterion(self.criterion)
        self.optimizer = _check_optimizer(self.optimizer)

    def _check_together(self):
        for loss in self.criterion if isinstance(self.criterion, list) else [self.criterion]:
            loss.check()

    def to_dict(self) -> dict[str, Any]:
        """The fields as values that JSON knows, see [`ConfigMixin.to_dict`]; each loss as `{name: settings}`."""
        is_list = isinstance(self.criterion, list)
        losses = [_named(loss) for loss in (self.criterion if is_list else [self.criterion])]
        return {**super().to_dict(), "criterion": losses if is_list else losses[0]}


def _named(loss: _LossConfigMixin) -> dict[str, dict[str, Any]]:
    return {next(iter(loss.config)): loss.to_dict()}


def _build_criterion(value: Any) -> _LossConfigMixin | list[_LossConfigMixin]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = parse_json("criterion", value, list)
    if not isinstance(value, (list, tuple)):
        return _build_loss(value)
    if not value:
        raise UsageError("`criterion` is an empty list; give at least one loss, or None for the default.")
    return [_build_loss(item) for item in value]


def _build_loss(value: Any) -> _LossConfigMixin:
    if isinstance(value, _LossConfigMixin):
        return value
    name = _name_of_loss(value)
    if name is not None:
        return CRITERIA[name]()
    if value is None:
        return KnowledgeDistillationLossConfig()
    if not isinstance(value, (dict, str)):
        classes = ", ".join(f"{name}Config" for name in CRITERIA)
        raise wrong_type("criterion", f"an object of {classes}, a dict or its JSON text", value)
    settings = parse_json("criterion", value, dict)
    if len(settings) != 1:
        raise UsageError(
            f"`criterion` must be a dict of one loss, {{name: settings}} with the name one of {', '.join(CRITERIA)}, "
            f"got the keys {list(settings)}."
        )
    ((name, config),) = settings.items()
    check_choice("criterion", name, CRITERIA)
    return build(f"criterion[{name!r}]", config, CRITERIA[name])


def _name_of_loss(value: Any) -> str | None:
    """A loss that is given as a class or by its name, as INC's guide has it; those of 1.X begin with `PyTorch`."""
    if isinstance(value, type):
        value = value.__name__
    if not isinstance(value, str) or value.lstrip().startswith(("{", "[")):
        return None
    name = value.removeprefix("PyTorch").removesuffix("Config").removesuffix("Wrapper")
    return check_choice("criterion", name, CRITERIA)


def _check_optimizer(value: Any) -> dict[str, Any]:
    """`{name: settings}`, also of the name or the class alone."""
    if isinstance(value, type):
        value = value.__name__
    if isinstance(value, str) and value.isidentifier():
        return {value: {}}
    return dict(parse_json("optimizer", value, dict))


def _fill(name: str, value: Any, length: int, default: Any) -> list:
    """The items of `value`, or `length` times `default` if it is empty."""
    return [default] * length if value is None or value == [] else check_list(name, value)


def _check_lengths(config: _LossConfigMixin) -> None:
    length = len(config.layer_mappings)
    for name in ("loss_types", "loss_weights"):
        if len(config[name]) != length:
            raise UsageError(
                f"`{name}` must have one item per item of `layer_mappings`, {length}, got {len(config[name])}."
            )


def _check_pair(name: str, value: Any) -> list:
    items = check_list(name, value)
    if len(items) != 2:
        raise UsageError(f"`{name}` must have two items, for the labels and for the teacher, got {len(items)}.")
    return items


def _check_weights(weights: list) -> list[float]:
    return [check_float(f"loss_weights[{i}]", weight, 0, 1) for i, weight in enumerate(weights)]


def _check_layers(where: str, value: Any) -> list[list]:
    sides = [_check_layer(f"{where}[{i}]", side) for i, side in enumerate(check_list(where, value))]
    if len(sides) not in (1, 2):
        raise UsageError(
            f"`{where}` must be [(layer,)] or [(student_layer,), (teacher_layer,)], got {len(sides)} layers."
        )
    return [sides[0], list(sides[-1])]


def _check_layer(where: str, value: Any) -> list:
    layer = [value] if isinstance(value, str) else check_list(where, value, "a layer name or (layer name, picker)")
    if len(layer) not in (1, 2):
        raise UsageError(f"`{where}` must be (layer name,) or (layer name, picker), got {len(layer)} items.")
    check_string(f"{where}[0]", layer[0])
    if len(layer) == 2 and not (isinstance(layer[1], (str, int)) or callable(layer[1])):
        raise wrong_type(f"{where}[1]", "a key, an index or a function", layer[1])
    return layer


def _check_layer_loss(name: str, value: Any) -> Any:
    return value if callable(value) else check_choice(name, value, LAYER_LOSS_TYPES)


def _check_group(where: str, value: Any) -> list[list[str]]:
    pairs = [check_list(f"{where}[{i}]", pair) for i, pair in enumerate(check_list(where, value))]
    for i, pair in enumerate(pairs):
        if len(pair) != 2:
            raise UsageError(f"`{where}[{i}]` must be a pair of keys, [shallow, deep], got {len(pair)} items.")
        for j, key in enumerate(pair):
            check_string(f"{where}[{i}][{j}]", key)
    return pairs
