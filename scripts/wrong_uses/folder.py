"""The folder that wrong command lines are tried in: a tiny model, data, and what users take for either by mistake."""

import json
import shutil
from pathlib import Path

from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "bad", "film", "dull", "great", "plot"]
FILES = {
    "texts.txt": "a good film\na dull plot\n" * 8,
    "data.tsv": "sentence\tlabel\n" + "a good film\t1\na bad plot\t0\n" * 8,
    "other.tsv": "sentence\tlabel\na great film\t1\na dull plot\t0\n",
    "empty.tsv": "",
    "header.tsv": "sentence\tlabel\n",
    "labels_3_4.tsv": "sentence\tlabel\na good film\t3\na bad plot\t4\n",
    "labels_words.tsv": "sentence\tlabel\na good film\tpos\na bad plot\tneg\n",
    "labels_floats.tsv": "sentence\tlabel\na good film\t0.5\na bad plot\t1.5\n",
    "labels_missing.tsv": "sentence\tlabel\na good film\t1\na bad plot\t\n",
    "no_labels.tsv": "sentence\na good film\na bad plot\n",
    "no_texts.tsv": "label\n1\n0\n",
    "numbers.tsv": "x\ty\tlabel\n1\t2\t0\n3\t4\t1\n",
    "ragged.tsv": "sentence\tlabel\na good film\t1\tmore\t3\na bad plot\t0\n",
    "data.xyz": "sentence\tlabel\na good film\t1\n",
    "not_json.json": "approach: static",
    "list.json": "[1, 2]",
    "unknown_key.json": json.dumps({"aproach": "static"}),
    "wrong_value.json": json.dumps({"approach": 3}),
    "wrong_type.json": json.dumps({"op_type_dict": ["Linear"]}),
    "blank.txt": "\n\n\n",
    "empty.txt": "",
}
BINARY = bytes(range(256)) * 4


def fill(folder: Path) -> None:
    """Makes `model`, `int8` and all the files; needs no network."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name in ("binary.tsv", "binary.txt", "binary.json"):
        (folder / name).write_bytes(BINARY)
    _model(folder / "model")
    from inc_hf import IncQuantizer, PostTrainingQuantConfig

    quantizer = IncQuantizer.from_pretrained(str(folder / "model"), task="text-classification")
    quantizer.quantize(PostTrainingQuantConfig(approach="dynamic"), folder / "int8")
    (folder / "empty_folder").mkdir()
    (folder / "full_folder").mkdir()
    (folder / "full_folder/mine.txt").write_text("mine")
    _damaged(folder)


def _model(folder: Path) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForSequenceClassification(
        BertConfig(vocab_size=len(WORDS), max_position_embeddings=64, **sizes)
    ).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)


def _damaged(folder: Path) -> None:
    """Copies of the model that lack something."""
    for name in ("no_config", "no_weights", "no_tokenizer", "bad_config", "cut_weights", "of_another_model"):
        shutil.copytree(folder / "model", folder / name)
    (folder / "no_config/config.json").unlink()
    (folder / "no_weights/model.safetensors").unlink()
    for path in (folder / "no_tokenizer").iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()
    (folder / "bad_config/config.json").write_text('{"model_type": ')
    weights = folder / "cut_weights/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    config = json.loads((folder / "model/config.json").read_text())
    (folder / "of_another_model/config.json").write_text(json.dumps({**config, "hidden_size": 32}))
