"""The tokenizer of a checkpoint, if it has one."""

import os
from typing import Any

from transformers import AutoTokenizer

from inc_hf.models.files import find_file

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


def load_tokenizer(name: str | os.PathLike) -> Any:
    """The tokenizer of a checkpoint, or None: `AutoTokenizer` makes up an empty one where there are no files."""
    return AutoTokenizer.from_pretrained(name) if any(find_file(name, file) for file in TOKENIZER_FILES) else None
