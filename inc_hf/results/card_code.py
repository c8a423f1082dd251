"""The code of a model card: pasted into a file, it loads the model and, where that is one line, computes something."""

from collections.abc import Mapping
from typing import Any

THIS_REPOSITORY = "this repository"  # until an upload knows its name
TEXT = '"a joy to watch"'
# What `pipeline` gets, by the name of the task.
CALLS = {
    "text-classification": TEXT,
    "token-classification": TEXT,
    "text-generation": '"The film is", max_new_tokens=20',
}
SENTENCES = {"CrossEncoder": f'model.predict([("a good film", {TEXT})])'}


def code_of(model: Mapping[str, Any], is_quantized: bool) -> str:
    """Python that loads a model from [`THIS_REPOSITORY`].

    Args:
        model: `model` of `inc_config.json`.
        is_quantized (`bool`): whether it is to be made ready for our kernels.
    """
    if sentence := model["sentence"]:
        return _of_sentences(sentence, is_quantized)
    names = [model["loaded_by"], *(["optimize"] if is_quantized else [])]
    load = f'{model["loaded_by"]}.from_pretrained("{THIS_REPOSITORY}")'
    call = CALLS.get(model["task"]) if model["reads_texts"] else None
    lines = ["from transformers import AutoTokenizer, pipeline"] if call else []
    lines += [f"from inc_hf import {', '.join(names)}", "", f"model = {f'optimize({load})' if is_quantized else load}"]
    if call:
        lines += [
            f'tokenizer = AutoTokenizer.from_pretrained("{THIS_REPOSITORY}")',
            f'print(pipeline("{model["task"]}", model=model, tokenizer=tokenizer)({call}))',
        ]
    return "\n".join(lines)


def _of_sentences(sentence: str, is_quantized: bool) -> str:
    load = f'{sentence}("{THIS_REPOSITORY}")'
    lines = ["import inc_hf"] if is_quantized else []
    lines += [f"from sentence_transformers import {sentence}", ""]
    lines += [f"model = {f'inc_hf.optimize({load})' if is_quantized else load}"]
    return "\n".join([*lines, f"print({SENTENCES.get(sentence, f'model.encode({TEXT}).shape')})"])
