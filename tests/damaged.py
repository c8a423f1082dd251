"""What users hand over by mistake: damaged models, files of another kind, data without labels; built once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tiny import quantized, tiny_model, tiny_tokenizer

NOISE = bytes(range(128, 256)) * 4
Change = Callable[[Path], object]


def build(folder: Path) -> dict[str, Path]:
    """Everything below `folder`, by name."""
    tiny_model("bert").save_pretrained(folder / "model")
    tiny_tokenizer().save_pretrained(folder / "model")
    quantized("bert").save_pretrained(folder / "int8", tiny_tokenizer())
    for name, change in MODELS.items():
        shutil.copytree(folder / "model", folder / name)
        change(folder / name)
    for name, change in QUANTIZED.items():
        shutil.copytree(folder / "int8", folder / name)
        change(folder / name)
    for name, content in FILES.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "nothing").mkdir()
    return {path.name.replace(".", "_"): path for path in folder.iterdir()}


def config(**values: object) -> Change:
    """Other values in config.json."""
    return lambda model: edit(model / "config.json", values)


def edit(path: Path, values: dict) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def file(name: str, content: str | bytes) -> Change:
    """Another content of a file."""
    return lambda model: (model / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(name: str, length: int) -> Change:
    """Only the beginning of a file."""
    return lambda model: (model / name).write_bytes((model / name).read_bytes()[:length])


def scheme(**values: object) -> Change:
    """Other values in the first group of the `quantization_config`."""

    def change(model: Path) -> None:
        found = json.loads((model / "config.json").read_text())["quantization_config"]
        first = next(iter(found["config_groups"].values()))
        first.update(values)
        edit(model / "config.json", {"quantization_config": found})

    return change


MODELS: dict[str, Change] = {
    "config_cut": cut("config.json", 100),
    "config_empty": file("config.json", ""),
    "config_list": file("config.json", "[1, 2]"),
    "config_null": file("config.json", "null"),
    "config_noise": file("config.json", NOISE),
    "no_type": config(model_type=None, architectures=None),
    "martian": config(model_type="martian"),
    "type_number": config(model_type=7),
    "architecture_absent": config(architectures=["NoSuchModel"]),
    "architecture_number": config(architectures=[3]),
    "architecture_text": config(architectures="BertModel"),
    "architectures_number": config(architectures=5),
    "architecture_function": config(architectures=["pipeline"]),
    "size_text": config(hidden_size="abc"),
    "size_null": config(hidden_size=None),
    "size_negative": config(hidden_size=-8),
    "size_other": config(hidden_size=24),
    "layers_list": config(num_hidden_layers=[1, 2]),
    "activation_absent": config(hidden_act="purple"),
    "labels_text": config(id2label="no"),
    "dtype_absent": config(dtype="float23"),
    "tokenizer_cut": cut("tokenizer.json", 200),
    "tokenizer_empty": file("tokenizer.json", ""),
    "tokenizer_object": file("tokenizer.json", "{}"),
    "tokenizer_noise": file("tokenizer.json", NOISE),
    "tokenizer_config_list": file("tokenizer_config.json", "[]"),
    "tokenizer_config_cut": cut("tokenizer_config.json", 20),
    "weights_cut": cut("model.safetensors", 5000),
    "weights_empty": file("model.safetensors", b""),
    "weights_noise": file("model.safetensors", NOISE),
    "weights_absent": lambda model: (model / "model.safetensors").unlink(),
}
QUANTIZED: dict[str, Change] = {
    "method_list": config(quantization_config=[1]),
    "method_text": config(quantization_config="int8"),
    "method_absent": config(quantization_config={"quant_method": "purple"}),
    "groups_list": config(quantization_config={"quant_method": "compressed-tensors", "config_groups": [1]}),
    "groups_null": config(quantization_config={"quant_method": "compressed-tensors", "config_groups": None}),
    "bits_text": scheme(weights={"num_bits": "eight"}),
    "bits_null": scheme(weights=None),
    "targets_number": scheme(targets=3),
    "header_list": file("model.safetensors", (2).to_bytes(8, "little") + b"[]"),
    "header_number": file("model.safetensors", (7).to_bytes(8, "little") + b'{"a":1}'),
    "header_bare": file("model.safetensors", (8).to_bytes(8, "little") + b'{"a":{}}'),
    "summary_list": file("inc_config.json", '["inc_hf_version"]'),
    "summary_bare": file("inc_config.json", '{"inc_hf_version": "1"}'),
    "summary_noise": file("inc_config.json", NOISE),
    "summary_cut": cut("inc_config.json", 30),
}
GOOD = "the film was good\t1\na dull plot\t0\n" * 4
FILES: dict[str, str | bytes] = {
    "noise.txt": NOISE,
    "blank.txt": "\n  \n",
    "good.txt": "the film was good\na dull plot\n",
    "noise.json": NOISE,
    "empty.json": "",
    "list.json": "[1]",
    "number.json": "7",
    "null.json": "null",
    "cut.json": '{"approach": ',
    "unknown.json": '{"aproach": "static"}',
    "wrong.json": '{"approach": 5}',
    "wrong_dict.json": '{"op_type_dict": "Linear"}',
    "good.tsv": "sentence\tlabel\n" + GOOD,
    "empty.csv": "",
    "header.csv": "sentence,label\n",
    "ragged.csv": "sentence,label\na,1\nb,0,7,8\n",
    "noise.csv": NOISE,
    "words.csv": "sentence,label\nthe film,good\na plot,bad\n",
    "large.csv": "sentence,label\nthe film,7\na plot,9\n",
    "negative.csv": "sentence,label\nthe film,-3\na plot,-1\n",
    "unlabelled.csv": "sentence\nthe film\na plot\n",
    "numbers.csv": "a,b\n1,2\n3,4\n",
    "missing.csv": "sentence,label\nthe film,\n,1\n",
    "fake.parquet": "sentence,label\na,1\n",
    "empty.parquet": "",
    "fake_data.json": "sentence,label\n",
    "number_data.json": "7",
    "mixed_data.jsonl": '{"sentence": "a", "label": 1}\n{"sentence": {"b": 1}, "label": "x"}\n',
}
