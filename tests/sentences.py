"""What tests say to models of sentence-transformers, and the files of one, which need no sentence-transformers."""

import json
from pathlib import Path

from tiny import tiny_model, tiny_tokenizer

TEXTS = ["the film", "a good plot but dull", "not very great and a very bad film was the dull plot", "dull"]
PAIRS = [("the film", text) for text in TEXTS]
PROMPTS = {"query": "a very good ", "text": "the "}
PARTS = ("models.Transformer", "models.Pooling", "models.Dense")
PATHS = ("", "1_Pooling", "2_Dense")
CARD = "---\nlanguage: en\ntags:\n- sentence-transformers\nlicense: mit\n---\n# Ours\n\nAs it was.\n"
# What lies beside the files that transformers and a tokenizer write.
BESIDE = {
    "modules.json": json.dumps(
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.{part}"}
            for i, (part, path) in enumerate(zip(PARTS, PATHS, strict=True))
        ]
    ),
    "config_sentence_transformers.json": json.dumps({"prompts": PROMPTS, "similarity_fn_name": "dot"}),
    "sentence_bert_config.json": json.dumps({"max_seq_length": 16, "do_lower_case": False}),
    "1_Pooling/config.json": json.dumps({"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True}),
    "2_Dense/config.json": json.dumps({"in_features": 16, "out_features": 8}),
    "2_Dense/model.safetensors": "weights",
    "README.md": CARD,
}


def write_sentence_model(folder: Path, model=None, **changed: str | None) -> Path:
    """Write a float model (by default the base of a tiny BERT), a tokenizer and what lies beside them.

    Args:
        changed: the contents of files by their names, None leaves one out.
    """
    (model or tiny_model("bert").bert).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    for name, text in (BESIDE | changed).items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return folder
