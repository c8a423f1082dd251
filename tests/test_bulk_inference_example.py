"""examples/bulk_inference: each text has its prediction once, also where a worker is killed in the middle."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch
from example_scripts import EXAMPLES
from tiny import offline_environment, quantized, tiny_model, tiny_tokenizer

from inc_hf import IncModelForSequenceClassification, optimize

datasets = pytest.importorskip("datasets")
FOLDER = EXAMPLES / "bulk_inference"
TEXTS = [f"{'good ' * (i % 5)}{'bad ' * (i % 3)}film" for i in range(400)]
KILLED = """
import os, signal, sys
import classifier
plain = classifier.Classifier.__call__

class Killed(classifier.Classifier):
    def __call__(self, batch):
        if 256 in list(batch["id"]) and not os.path.exists({flag!r}):
            open({flag!r}, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)

"""
MAP = KILLED + "classifier.Classifier = Killed\nimport predict\npredict.main(sys.argv[1:])\n"
RAY = KILLED + "import predict_ray\npredict_ray.main(sys.argv[1:], Killed)\n"


@pytest.fixture
def files(tmp_path):
    """A checkpoint, and texts."""
    quantized(tiny_model("bert")).save_pretrained(tmp_path / "int8", tiny_tokenizer())
    datasets.Dataset.from_dict({"id": range(len(TEXTS)), "text": TEXTS}).to_parquet(tmp_path / "texts.parquet")
    return tmp_path


def run(code, files, *arguments):
    (files / "run.py").write_text(code.format(flag=str(files / "killed")))
    environment = {**offline_environment(), "OMP_NUM_THREADS": "1", "RAY_DISABLE_METRICS_COLLECTION": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(FOLDER), *sys.path])
    line = [sys.executable, "run.py", "int8", "texts.parquet", "--workers", "2", "--batch-size", "16", *arguments]
    done = subprocess.run(line, cwd=files, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def assert_each_once(rows, files):
    rows = sorted(rows, key=lambda row: row["id"])
    assert [(row["id"], row["text"]) for row in rows] == list(enumerate(TEXTS))
    model = optimize(IncModelForSequenceClassification.from_pretrained(files / "int8").eval())
    inputs = tiny_tokenizer()(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        scores, labels = model(**inputs).logits.softmax(-1).max(-1)
    assert [row["label"] for row in rows] == [model.config.id2label[int(label)] for label in labels]
    torch.testing.assert_close(torch.tensor([row["score"] for row in rows]), scores, rtol=1e-6, atol=1e-7)


@pytest.mark.slow("examples/bulk_inference", "inc_hf/inference", "inc_hf/checkpoint")
def test_map_goes_on_where_a_process_was_killed(files):
    code, told = run(MAP, files, "-o", "out.parquet")
    assert code != 0 and (files / "killed").exists() and not (files / "out.parquet").exists(), told
    kept = [path.name for path in (files / ".out-parts").glob("predictions-*.arrow")]
    code, told = run(MAP, files, "-o", "out.parquet")
    assert code == 0 and "400 texts in" in told, told
    assert_each_once(datasets.Dataset.from_parquet(str(files / "out.parquet"), cache_dir=files / "read"), files)
    assert len(kept) <= 1, "the one that ended before the other was killed"


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='no Ray: pip install "ray[data]"')
@pytest.mark.slow("examples/bulk_inference", "inc_hf/inference", "inc_hf/checkpoint")
def test_ray_gives_the_work_of_a_killed_process_to_another(files):
    code, told = run(RAY, files, "-o", "out")
    assert code == 0 and "400 texts in" in told and (files / "killed").exists(), told
    assert_each_once(datasets.Dataset.from_parquet(str(files / "out/*.parquet"), cache_dir=files / "read"), files)


@pytest.mark.parametrize("name", ["predict", "predict_ray"])
def test_another_kind_of_file_is_refused(name, files, monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    if name == "predict_ray":
        pytest.importorskip("ray")
    from example_scripts import script

    with pytest.raises(SystemExit):
        script(FOLDER / f"{name}.py").main(["int8", "texts.txt", "-o", "out"])
    assert "texts.txt ends with '.txt', not with one of .csv" in capsys.readouterr().err
