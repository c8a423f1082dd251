"""What models do: one row for each task, from which all who know tasks take what they need.

`import inc_hf` reads the rows and is to be quick, so that this file imports transformers only where it is called.
"""

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_hf.config.checks import did_you_mean
from inc_hf.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Task:
    """A task, and the names of what belongs to it.

    Args:
        name (`str`): as in `transformers.pipeline`.
        auto_class (`str`): the class of transformers that loads its models.
        endings (`tuple[str, ...]`): of the names of its model classes.
        output (`str`, *optional*): what its models return, in `transformers.modeling_outputs`; None if they generate.
        per_token (`bool`): whether there are logits of each token, not of each sample.
        hears (`bool`): whether its inputs are sound; names of such models may end like those of models that read.
        scored_by (`str`, *optional*): what is compared with labels, see `inc_hf.evaluation.tasks`; None if nothing is,
            so that the task cannot be asked for.
    """

    name: str
    auto_class: str
    endings: tuple[str, ...]
    output: str | None = None
    per_token: bool = False
    hears: bool = False
    scored_by: str | None = "class"

    @property
    def inc_class(self) -> str:
        """The class of `inc_hf` that loads its models."""
        return self.auto_class.replace("Auto", "Inc")

    @property
    def is_labelled(self) -> bool:
        """Whether its models are trained for this very task, and are no start for others."""
        return self.scored_by is not None and self.output is not None and self.name != "fill-mask"


TASKS = (
    Task(
        "text-classification",
        "AutoModelForSequenceClassification",
        ("ForSequenceClassification",),
        "SequenceClassifierOutput",
    ),
    Task(
        "token-classification",
        "AutoModelForTokenClassification",
        ("ForTokenClassification",),
        "TokenClassifierOutput",
        per_token=True,
    ),
    Task(
        "question-answering",
        "AutoModelForQuestionAnswering",
        ("ForQuestionAnswering",),
        "QuestionAnsweringModelOutput",
        scored_by="span",
    ),
    Task("fill-mask", "AutoModelForMaskedLM", ("ForMaskedLM",), "MaskedLMOutput", per_token=True),
    Task("multiple-choice", "AutoModelForMultipleChoice", ("ForMultipleChoice",), "MultipleChoiceModelOutput"),
    Task("text-generation", "AutoModelForCausalLM", ("ForCausalLM", "LMHeadModel"), scored_by="next token"),
    Task("text2text-generation", "AutoModelForSeq2SeqLM", ("ForConditionalGeneration",)),
    Task(
        "automatic-speech-recognition",
        "AutoModelForSpeechSeq2Seq",
        ("ForConditionalGeneration",),
        hears=True,
        scored_by=None,
    ),
    Task(
        "image-classification", "AutoModelForImageClassification", ("ForImageClassification",), "ImageClassifierOutput"
    ),
    Task(
        "audio-classification",
        "AutoModelForAudioClassification",
        ("ForAudioClassification", "ForSequenceClassification"),
        "SequenceClassifierOutput",
        hears=True,
    ),
    # The last, since "LMHeadModel" ends in "Model", too.
    Task("feature-extraction", "AutoModel", ("Model",), "BaseModelOutputWithPooling", scored_by=None),
)
SCORED = {task.name: task for task in TASKS if task.scored_by is not None}  # what users may pass as `task`
TASK_ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}  # of `pipeline`
HUB_KEYWORDS = (
    "cache_dir",
    "force_download",
    "local_files_only",
    "revision",
    "subfolder",
    "token",
    "trust_remote_code",
)


def task_of(model_class: str, hears: bool) -> Task | None:
    """The task that a class of this name is for, None if the name does not tell. Of two that end alike, `hears`
    decides."""
    found = [task for task in TASKS if model_class.endswith(task.endings)]
    return next((task for task in found if task.hears == hears), found[0] if found else None)


def auto_class_of(name: str | os.PathLike, task: str | None = None, **kwargs: Any) -> type:
    """The class to load a checkpoint with: that of the task, otherwise the one that wrote the checkpoint, or as which
    sentence-transformers loads it, whose names in configs may be those of an older one.

    Raises:
        ValueError: an unknown task, or none and the checkpoint does not name its class.
    """
    import transformers

    from inc_hf.models.sentence_files import fetch_sentence_files

    task = check_task(task)
    if task is not None:
        return getattr(transformers, SCORED[task].auto_class)
    by_sentences = _task_by_sentences(fetch_sentence_files(name, **kwargs))
    config = transformers.AutoConfig.from_pretrained(name, **kwargs)
    found = loader_of(config)
    if by_sentences is not None and (found is None or task_of(found.__name__, hears=False) is not by_sentences):
        return getattr(transformers, by_sentences.auto_class)
    if found is None:
        raise UsageError(f"{name} does not say what model it is; pass `task`, one of {', '.join(SCORED)} (--task).")
    return found


def _task_by_sentences(folder: Path | None) -> Task | None:
    """What sentence-transformers loads the encoder for, whose files lie in a folder."""
    from inc_hf.models.sentence_files import sentence_task

    return next((task for task in TASKS if folder is not None and task.name == sentence_task(folder)), None)


def loader_of(config: "PreTrainedConfig") -> type | None:
    """The class that wrote a checkpoint, or the auto class for what the code beside it calls its architecture."""
    import transformers

    if (found := class_of_architecture(config)) is not None:
        return found
    names, own = architectures_of(config), getattr(config, "auto_map", None) or {}
    found = (getattr(transformers, key, None) for key, value in own.items() if str(value).rpartition(".")[2] in names)
    return next(filter(None, found), None)


def check_task(task: Any, needed: bool = False) -> str | None:
    """The task by its own name. Raise ValueError for what is none; None is one where none is `needed`."""
    if isinstance(task, str):
        task = TASK_ALIASES.get(task, task)
    if (task is not None or needed) and not (isinstance(task, str) and task in SCORED):
        raise UsageError(
            f"Unknown task {task!r}; choose one of {', '.join(sorted(SCORED))}{did_you_mean(task, SCORED)}"
        )
    return task


def check_is_for(task: str | None, name: str | os.PathLike, may_have_its_shape: bool = False, **kwargs: Any) -> None:
    """Raise ValueError for a task that a checkpoint was not trained for.

    Args:
        may_have_its_shape (`bool`): whether a head of another task will do, if its weights have the right shapes.
        kwargs: of the Hub, as `from_pretrained` takes them.

    Raises:
        ValueError: models of this kind cannot do the task, or what does it would be random, or of another task.
    """
    import transformers

    if (task := check_task(task)) is None:
        return
    auto_class = getattr(transformers, SCORED[task].auto_class)
    config = transformers.AutoConfig.from_pretrained(name, **kwargs)
    own = class_of_architecture(config)
    if hasattr(config, "auto_map") or own is None:  # of code that is not ours to judge
        return
    its = task_of(own.__name__, own.main_input_name in ("input_features", "input_values"))
    what = f"{name} is a {own.__name__}" + (f", for {its.name}" if its is not None else "")
    if type(config) not in auto_class._model_mapping:
        raise UsageError(f"{what}; models of the type {config.model_type!r} cannot do {task!r}. Leave the task out.")
    if not may_have_its_shape and its is not None and its.output and SCORED[task].output not in (None, its.output):
        raise UsageError(f"{what}, and was not trained for {task!r}. Leave the task out, or choose another model.")
    if lacking := parts_that_lack(own, auto_class._model_mapping[type(config)], config):
        raise UsageError(
            f"{what}; for {task!r} it lacks {', '.join(lacking)}, which would be random. Leave the task out, or "
            "choose a model that was trained for it."
        )


def check_loads(
    auto_class: type, config: "PreTrainedConfig", name: str | os.PathLike, is_compressed: bool = False
) -> None:
    """Raise ValueError for an auto class that a checkpoint is not for, with the one that it is for.

    Args:
        is_compressed (`bool`): whether no one goes on to train it, so that it has to hold the head that is asked for.
            Of a float one, that is asked if it has a head of another task, of other shapes: a language model may
            become a classifier, and transformers says what is random then.
    """
    mapping, own = getattr(auto_class, "_model_mapping", None), class_of_architecture(config)
    if mapping is None or own is None or hasattr(config, "auto_map"):
        return
    its = task_of(own.__name__, own.main_input_name in ("input_features", "input_values"))
    needs_head = is_compressed or (its is not None and its.is_labelled)
    if type(config) in mapping and not (
        needs_head and _is_of_another_head(auto_class, own, its if is_compressed else None, config)
    ):
        return
    instead = "IncModel, which leaves its head out" if its is None else f"{its.inc_class}, for {its.name}"
    asked = auto_class.__name__.replace("Auto", "Inc")
    raise UsageError(f"{name} is a {own.__name__}, which {asked} does not load; take {instead}.")


def _is_of_another_head(auto_class: type, own: type, its: Task | None, config: "PreTrainedConfig") -> bool:
    """Whether what an auto class loads has weights that the class `own` does not have, or means others by them than
    the task that the checkpoint is for, if that is given."""
    other = auto_class._model_mapping[type(config)]
    asked = next((task for task in TASKS if task.auto_class == auto_class.__name__), None)
    if asked is None or asked.name == "feature-extraction" or other is own:
        return False
    is_other_output = its is not None and its.output is not None and asked.output not in (None, its.output)
    return is_other_output or bool(parts_that_lack(own, other, config))


def parts_that_lack(own: type, other: Any, config: "PreTrainedConfig") -> list[str]:
    """The modules of a class `other` that a checkpoint of a class `own` has no weights of the same shapes for."""
    if other is own or not isinstance(other, type):
        return []
    has, wants = _shapes(own, config), _shapes(other, config)
    return list(dict.fromkeys(name.rpartition(".")[0] for name, shape in wants.items() if has.get(name) != shape))


def _shapes(model_class: type, config: "PreTrainedConfig") -> dict[str, Any]:
    """Those of the weights, by their names in the model without its head, or else in the head."""
    import torch

    config = copy.deepcopy(config)
    vars(config).pop("quantization_config", None)
    with torch.device("meta"):
        model = model_class(config)
    prefix = f"{model.base_model_prefix}."
    return {
        name.removeprefix(prefix): tuple(value.shape) for name, value in model.named_parameters(remove_duplicate=False)
    }


def class_of_architecture(config: "PreTrainedConfig") -> type | None:
    """The class that wrote a checkpoint: the first of the `architectures` in its config that transformers has."""
    import transformers

    found = (getattr(transformers, name, None) for name in architectures_of(config))
    return next((c for c in found if isinstance(c, type) and issubclass(c, transformers.PreTrainedModel)), None)


def architectures_of(config: "PreTrainedConfig") -> list[str]:
    """The names of classes in a config; what is no list of names names none."""
    names = getattr(config, "architectures", None)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def model_class_of(auto_class: type, config: "PreTrainedConfig", trust_remote_code: bool = False) -> type:
    """The class of torch that a checkpoint is loaded with.

    Raises:
        ValueError: that of transformers, if such a config is of no model for this task.
    """
    import torch
    from transformers import PreTrainedModel

    if issubclass(auto_class, PreTrainedModel):
        return auto_class
    known = auto_class._model_mapping
    found = known[type(config)] if type(config) in known else None
    if isinstance(found, type) and not hasattr(config, "auto_map"):
        return found
    with torch.device("meta"):
        return type(auto_class.from_config(copy.deepcopy(config), trust_remote_code=trust_remote_code))
