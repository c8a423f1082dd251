"""The tokenizer of a checkpoint, or its processor of images or sound, if it has one."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer

from inc_hf.models.files import find_file
from inc_hf.models.source import source_of

logger = logging.getLogger(__name__)

# The first is in every checkpoint with a tokenizer of today, the others in older ones.
TOKENIZER_FILES = (
    "tokenizer_config.json",
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
)


PROCESSOR_FILE = "preprocessor_config.json"


def load_tokenizer(name: str | os.PathLike, **hub: Any) -> Any:
    """The tokenizer of a checkpoint, or what it has for images or sound, or None: `AutoTokenizer` makes up an empty
    one where there are no files.

    Args:
        hub: see [`inc_hf.models.source.source_of`], which may raise.
    """
    hub = source_of(name, **hub)
    if any(find_file(name, file, **hub) for file in TOKENIZER_FILES):
        return AutoTokenizer.from_pretrained(name, **hub)
    path = find_file(name, PROCESSOR_FILE, **hub)
    return None if path is None else _processor(name, path, hub)


def _processor(name: str | os.PathLike, path: str, hub: dict[str, Any]) -> Any:
    """None, with a word, if this installation cannot make it: who brings tensors does not need it."""
    hears = "sampling_rate" in json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        return (AutoFeatureExtractor if hears else AutoImageProcessor).from_pretrained(name, **hub)
    except (ImportError, ValueError) as error:  # a package that is not there, a kind that transformers does not know
        logger.warning("The processor of %s cannot be loaded: %s", name, error)
        return None
