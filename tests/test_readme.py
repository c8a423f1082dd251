"""The Python blocks of the README run, one after the other, as a new user would paste them."""

import re
from pathlib import Path

import pytest
from tiny import tiny_model, tiny_tokenizer

pytest_plugins = ["worker_fixture"]

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.usefixtures("forked_workers")
def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_model("bert").save_pretrained("my-sst2-model")
    tiny_tokenizer().save_pretrained("my-sst2-model")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 3
    namespace = {}
    for block in blocks:
        exec(compile(block, README.name, "exec"), namespace)
    assert (tmp_path / "my-sst2-model-int8" / "model.safetensors").exists()
    assert namespace["result"].met_criterion is not None
