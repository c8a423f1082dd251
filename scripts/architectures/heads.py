"""Which of its classes stands for an architecture: one with a head, if there is one."""

import transformers
from transformers import CONFIG_MAPPING
from transformers.models.auto import modeling_auto

ENCODERS = ("SEQUENCE_CLASSIFICATION", "MASKED_LM")
# From first to last; a model that can be a masked LM is an encoder, whatever else it can be.
HEADS = (
    "SEQ_TO_SEQ_CAUSAL_LM",
    "SPEECH_SEQ_2_SEQ",
    "CAUSAL_LM",
    *ENCODERS,
    "CTC",
    "IMAGE_CLASSIFICATION",
    "AUDIO_CLASSIFICATION",
    "VIDEO_CLASSIFICATION",
    "IMAGE_TEXT_TO_TEXT",
    "MULTIMODAL_LM",
    "OBJECT_DETECTION",
    "UNIVERSAL_SEGMENTATION",
    "SEMANTIC_SEGMENTATION",
    "DEPTH_ESTIMATION",
    "IMAGE_TO_IMAGE",
    "TABLE_QUESTION_ANSWERING",
    "TIME_SERIES_PREDICTION",
    "TEXT_TO_WAVEFORM",
    "KEYPOINT_DETECTION",
    "IMAGE_MATTING",
    "TEXT_RECOGNITION",
    "PRETRAINING",
)


def mapping_of(head: str | None) -> dict[str, str | tuple[str, ...]]:
    """Model type -> name of its class, or of several."""
    return getattr(modeling_auto, "MODEL_MAPPING_NAMES" if head is None else f"MODEL_FOR_{head}_MAPPING_NAMES")


def head_of(model_type: str) -> str | None:
    """None is the base model.

    Raises:
        LookupError: transformers has no class for this model type by itself.
    """
    is_encoder = model_type in mapping_of("MASKED_LM")
    for head in (*HEADS[:2], *ENCODERS) if is_encoder else (*HEADS, None):
        if model_type in mapping_of(head) and takes_config_of(model_class(model_type, head), model_type):
            return head
    raise LookupError(model_type)


def takes_config_of(found: type, model_type: str) -> bool:
    """Not one that is for a part of the model only."""
    config_class = getattr(found, "config_class", None)
    return config_class is None or config_class.model_type not in part_types(model_type)


def part_types(model_type: str) -> set[str]:
    """Model types of the nested configs."""
    parts = getattr(CONFIG_MAPPING[model_type], "sub_configs_defaults", None) or {}
    return {part.model_type for part in parts.values()}


def model_class(model_type: str, head: str | None) -> type:
    names = mapping_of(head)[model_type]
    for name in [names] if isinstance(names, str) else names[::-1]:
        if found := getattr(transformers, name, None):
            return found
    raise LookupError(f"{model_type}: {names}")


def model_types() -> list[str]:
    """All that can stand by themselves, in alphabetical order."""
    found = []
    for model_type in CONFIG_MAPPING:
        try:
            model_class(model_type, head_of(model_type))
        except (LookupError, ImportError):  # a library is missing
            continue
        found.append(model_type)
    return sorted(found)
