"""A directory that was overwritten is the new model; what was no part of the older one stays."""

import json

import pytest
from folders import fill, names_in

from inc_hf.checkpoint import save_checkpoint
from inc_hf.checkpoint.stale import stale_names
from inc_hf.config import options, set_workspace
from inc_hf.report import Facts, page_of

CARD = "---\ntags:\n- int8\n---\n# Older"
HISTORY = json.dumps({"version": 1, "baseline": 0.9, "trials": []})
GONE = {
    "weights": ["model.safetensors", "model-00001-of-00003.safetensors", "model.safetensors.index.json"],
    "pickles": ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"],
    "runtimes": ["onnx/model_quantized.onnx", "onnx/model.onnx_data", "openvino/model.xml", "openvino/model.bin"],
    "their configs": ["onnx/config.json", "onnx/tokenizer.json", "onnx/deep/decoder.onnx"],
    "beside": ["model.onnx", "model.onnx_data", "openvino_model.xml", "openvino_model.bin"],
    "frameworks": ["tf_model.h5", "flax_model.msgpack", "model-Q4.gguf", "original/consolidated.00.pth"],
    "parts": ["2_Dense/model.safetensors", "2_Dense/pytorch_model.bin", "a/b/model-00001-of-00002.safetensors"],
    "adapters": ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"],
    "of other tools": ["best_model.pt", "best_configure.yaml", "quantize_config.json", "ort_config.json"],
    "of others": ["model.bin", "gptq_model-4bit.bin", "quant_config.json", "quanto_qmap.json", "recipe.yaml"],
    "configs": ["generation_config.json", "inc_config.json"],
    "unfinished": [".model.safetensors.1a2b3c4d.part", "onnx/.onnx.1a2b3c4d.part/model.onnx"],
}
STORIES = ["history.json", "stage.json", "diagnosis.csv", "report.html"]  # which may be files of others
KEPT = {
    "files": ["notes.txt", "data/words.csv", "vectors/mine.safetensors", "onnx/notes.txt", "README.txt"],
    "hidden": [".git/HEAD", ".git/lfs/model.safetensors", ".gitattributes"],
    "training": ["training_args.bin", "optimizer.pt", "trainer_state.json", "runs/log"],
    "checkpoints": ["checkpoint-10/model.safetensors", "checkpoint-10/optimizer.pt"],
    "tokenizer": ["vocab.txt", "tokenizer_config.json", "preprocessor_config.json"],
    "README": [
        "README.md",
        "2_Dense/config.json",
        "modules.json",
        "history.json",
        "stage.json",
        "diagnosis.csv",
        "report.html",
        "deploy.json",
        "deploy/mine.json",
    ],
}
DEPLOY = '{"deploy_version": 1, "groups": []}'


def save(folder, *names):
    def write(directory):
        fill(directory, ["config.json", "model.safetensors", *names], "new")

    save_checkpoint(write, folder, overwrite=True)
    return names_in(folder)


@pytest.mark.parametrize("names", GONE.values(), ids=GONE)
def test_what_goes_with_the_older_model(names, tmp_path):
    fill(tmp_path / "out", names)
    assert save(tmp_path / "out") == ["config.json", "model.safetensors"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("names", KEPT.values(), ids=KEPT)
def test_what_stays(names, tmp_path):
    fill(tmp_path / "out", names)
    (tmp_path / "out" / "empty").mkdir()
    assert save(tmp_path / "out") == sorted([*names, "config.json", "model.safetensors"])
    assert all((tmp_path / "out" / name).read_text() == "old" for name in names)
    assert (tmp_path / "out" / "empty").is_dir()


def test_a_readme_of_the_user_is_not_replaced_by_a_card(tmp_path):
    fill(tmp_path / "out", ["README.md"], "# My notes")
    assert "README.md" in save(tmp_path / "out", "README.md")
    assert (tmp_path / "out" / "README.md").read_text() == "# My notes"
    fill(tmp_path / "out", ["README.md"], CARD)
    save(tmp_path / "out", "README.md")
    assert (tmp_path / "out" / "README.md").read_text() == "new"


@pytest.mark.parametrize(
    "name, text",
    [
        ("README.md", CARD),
        ("history.json", HISTORY),
        ("stage.json", '{"stage": "prune"}'),
        ("diagnosis.csv", "module,scheme,weight_error,output_error\n"),
        ("weights_table.csv", "module,float_min,float_max,int8_min,int8_max,mse\n"),
        ("activations_table.csv", "module,float_min,float_max,int8_min,int8_max,clipped\n"),
        ("diagnosis.json", '{"about": {}, "parts": []}'),
        ("report.html", page_of(Facts("older"))),
        ("deploy.json", DEPLOY),
        ("deploy/0123456789abcdef.json", DEPLOY),
        ("baselines.json", '{"baselines": []}'),
    ],
)
def test_stories_of_the_older_model(name, text, tmp_path):
    fill(tmp_path / "out", [name], text)
    assert save(tmp_path / "out") == ["config.json", "model.safetensors"]


def test_the_workspace_may_be_the_directory(tmp_path):
    before = options.workspace
    set_workspace(tmp_path / "out")
    try:
        fill(tmp_path / "out", ["history.json"], HISTORY)
        fill(tmp_path / "out", ["deploy/0123.json"], DEPLOY)
        assert {"history.json", "deploy/0123.json"} <= set(save(tmp_path / "out"))
    finally:
        set_workspace(before)


@pytest.mark.parametrize("kind", ["config.json", "adapter_config.json"])
def test_a_folder_that_is_a_checkpoint_of_its_own(kind, tmp_path):
    fill(tmp_path / "out", ["other/model.safetensors"])
    fill(tmp_path / "out", [f"other/{kind}"], '{"model_type": "bert"}')
    assert names_in(tmp_path / "out" / "other") == sorted([kind, "model.safetensors"])
    assert {f"other/{kind}", "other/model.safetensors"} < set(save(tmp_path / "out"))


def test_a_tokenizer_or_processor_is_replaced_as_a_whole(tmp_path):
    older = ["spiece.model", "tokenizer.json", "preprocessor_config.json"]
    fill(tmp_path / "out", older)
    assert set(older) < set(save(tmp_path / "out"))
    found = save(tmp_path / "out", "tokenizer_config.json", "vocab.txt")
    assert "spiece.model" not in found and "tokenizer.json" not in found and "preprocessor_config.json" in found
    assert "preprocessor_config.json" not in save(tmp_path / "out", "processor_config.json")


def test_a_folder_of_a_runtime_is_merged(tmp_path):
    fill(tmp_path / "out", ["onnx/model.onnx", "onnx/decoder_model_merged.onnx", "onnx/notes.txt"])
    save(tmp_path / "out", "onnx/model.onnx")
    assert names_in(tmp_path / "out" / "onnx") == ["model.onnx", "notes.txt"]
    assert (tmp_path / "out" / "onnx" / "model.onnx").read_text() == "new"


def test_names_in_a_repository():
    gone = [name for names in GONE.values() for name in names if not name.endswith(".part")]
    gone = [name for name in gone if ".part/" not in name]
    kept = [name for names in KEPT.values() for name in names if "2_Dense" not in name]
    kept = [name for name in kept if name not in STORIES]
    other = ["other/config.json", "other/model.safetensors"]
    new = {"config.json", "model.safetensors", "README.md"}
    found = stale_names([*gone, *kept, *other, *new], new)
    assert sorted(found) == sorted(set(gone) - new)


def test_a_link_to_the_files_of_a_runtime(tmp_path):
    fill(tmp_path, ["elsewhere/model.onnx", "out/config.json"])
    (tmp_path / "out" / "onnx").symlink_to(tmp_path / "elsewhere")
    assert save(tmp_path / "out") == ["config.json", "model.safetensors"]
    assert not (tmp_path / "out" / "onnx").exists() and (tmp_path / "elsewhere" / "model.onnx").exists()
