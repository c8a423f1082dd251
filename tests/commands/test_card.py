"""`inc-hf card`, in this process."""

import json
import re
import shutil
from pathlib import Path

import pytest
from commandline import error_line
from fresh import run_fresh
from huggingface_hub import ModelCard
from reporting import Page
from tiny import quantized, tiny_model, tiny_tokenizer

from inc_hf.checkpoint.card_text import BEGIN, END
from inc_hf.commands.main import main

pytest_plugins = ["worker_fixture"]
CODE = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
DATA = {"name": "nyu-mll/glue", "config": "mrpc", "samples": 8}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Quantized and scored."""
    result = quantized("bert")
    result.score, result.baseline, result.metric, result.dataset = 0.9, 0.91, "f1", DATA
    return result.save_pretrained(tmp_path_factory.mktemp("saved") / "out", tiny_tokenizer())


@pytest.fixture
def out(saved) -> Path:
    return Path(shutil.copytree(saved, "out"))


def card(*arguments: str) -> ModelCard:
    assert main(["card", "out", *arguments]) == 0
    return ModelCard.load("out/README.md")


def test_made_anew_it_is_the_same(out, saved):
    for name in ("README.md", "inc_card.svg"):
        (out / name).unlink()
    card()
    assert all((out / name).read_text() == (saved / name).read_text() for name in ("README.md", "inc_card.svg"))
    told, before = (json.loads((folder / "inc_config.json").read_text()) for folder in (out, saved))
    assert told == before


def test_json(out, capsys):
    assert main(["card", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"card": "out/README.md"}


def test_what_the_user_wrote_stays(out):
    text = (out / "README.md").read_text().replace("tags:\n", "language: de\ntags:\n- mine\n")
    text = (
        text.replace(BEGIN, f"My words.\n\n{BEGIN}\n\nLost: this part is ours.") + "\nMore of mine, with \\1 in it.\n"
    )
    (out / "README.md").write_text(text)
    for _ in range(2):
        made = card("--license", "mit", "--base-model", "user/base")
    before, ours, after = re.split(f"{re.escape(BEGIN)}|{re.escape(END)}", made.text)
    assert (before.strip(), after.strip()) == ("My words.", "More of mine, with \\1 in it.") and "Lost" not in ours
    assert made.data.language == "de" and made.data.tags == ["mine", "int8", "quantized", "cpu", "inc_hf"]
    assert made.data.license == "mit" and made.data.base_model == "user/base" and "user/base, with 8-bit" in ours
    told = json.loads((out / "inc_config.json").read_text())
    assert told["base_model"] == "user/base" and told["from_base"]["license"] == "mit"


@pytest.mark.parametrize(
    "text", ["# Notes\n\nAll mine.\n", "---\nlicense: mit\n---\n\nAll mine.\n"], ids=["notes", "card"]
)
def test_a_card_of_the_user_stays_before_ours(out, text):
    (out / "README.md").write_text(text)
    made = card()
    assert made.text.index("All mine.") < made.text.index(BEGIN)
    assert made.data.license == ("mit" if "license" in text else None) and made.data.library_name == "transformers"


def test_the_code_runs_when_pasted(out, tmp_path):
    (code,) = CODE.findall((out / "README.md").read_text())
    done = run_fresh(code.replace("this repository", "out"), cwd=tmp_path)
    assert done.returncode == 0 and re.fullmatch(r"\[\{'label': 'LABEL_[01]', 'score': 0\.\d+\}\]\n", done.stdout), (
        done
    )


def test_the_picture(out):
    text = (out / "README.md").read_text()
    assert "![FP32 and quantized: f1, weights on disk](inc_card.svg)" in text
    picture = Page((out / "inc_card.svg").read_text())
    assert picture.elements["rect"] == 1 + 4 and not picture.fetched
    words = "".join(picture.sections.values())
    assert {"FP32 0.9100", "quantized 0.9000"} <= set(re.findall(r"[A-Za-z\d]+ 0\.\d+", words))


def test_what_a_trainer_saved(capsys):
    """It has no `inc_config.json`: the weights and the config tell. Nothing is compared, so there is no picture."""
    model = tiny_model("bert")
    for part in model.bert.encoder.layer.parameters():
        part.data[: len(part) // 2] = 0
    model.config.inc_training = {
        "pruning": [
            {"pattern": "4x1", "pruning_type": "snip", "target_sparsity": 0.5, "start_step": 0, "end_step": 9}
        ],
        "distillation": {"teacher": "user/teacher", "losses": ["KnowledgeDistillationLoss"], "steps": 9},
    }
    model.save_pretrained("out")
    made = card("--base-model", "user/base")
    assert made.data.base_model_relation == "finetune" and "pruned" in made.data.tags
    assert re.search(r"pruned: 4\d\.\d % of the weights of its 8 Linear and Conv layers are zero", made.text)
    assert "- Pruned in training to 50 % zeros of pattern 4x1 (snip, steps 0 to 9)." in made.text
    assert "- Distilled from user/teacher for 9 steps (KnowledgeDistillationLoss)." in made.text
    assert not Path("out/inc_card.svg").exists() and "inc_card.svg" not in made.text
    assert (
        re.search(r"\| weights on disk \| \d+\.\d kB \| \d+\.\d kB \|", made.text)
        and "CPU that it was made on" not in made.text
    )
    assert json.loads(Path("out/inc_config.json").read_text())["training"] == model.config.inc_training
    assert main(["info", "out"]) == 0 and main(["report", "out"]) == 0, capsys.readouterr().err


@pytest.mark.slow("inc_hf/benchmark", "inc_hf/commands", "inc_hf/evaluation", "inc_hf/results")
@pytest.mark.usefixtures("forked_workers")
def test_what_a_benchmark_has_measured(out, model_dir, labelled):
    """Scores, the share of equal answers, times, and the machine."""
    task = ["--task", "text-classification", "--dataset", str(labelled), "--baseline", str(model_dir)]
    assert main(["benchmark", "out", *task, "--iterations", "3", "--json", "times.json"]) == 0
    times = json.loads(Path("times.json").read_text())
    times["noise"] = times["scatter"] = 0.0  # tests run beside others
    Path("times.json").write_text(json.dumps(times))
    made = card("--benchmark", "times.json", "--dataset", "user/reviews")
    score = times["measurements"][-1]["score"]
    assert times["measurements"][0]["score"] == 1.0, "the labels are what the float model says"
    assert times["measurements"][-1]["agreement"] == score
    assert f"| accuracy on user/reviews (24 samples) | 1.0000 | {score:.4f} |" in made.text
    assert f"| same answers as FP32 |  | {100 * score:.1f} % |" in made.text
    row = re.escape(f"| median time, {times['about']['batches']} |")
    assert re.search(row + r" \d+\.\d ms \| \d+\.\d ms \(\d+\.\d × as fast\) \|", made.text)
    assert f"Measured on {times['about']['cpu']}, {times['about']['date']}; inc_hf" in made.text
    assert f"Time, {times['about']['batches']}" in Path("out/inc_card.svg").read_text()
    (result,) = made.data.eval_results
    assert (result.dataset_type, result.metric_type, result.metric_value) == ("user/reviews", "accuracy", score)
    times["noise"] = 0.9
    Path("times.json").write_text(json.dumps(times))
    assert "median time" not in card("--benchmark", "times.json").text
    times["measurements"][-1]["bytes"] = 5
    Path("times.json").write_text(json.dumps(times))
    assert main(["card", "out", "--benchmark", "times.json"]) == 2


WRONG = {
    "no directory": (["absent"], "no such directory"),
    "a file": (["notes.txt"], "it is a file"),
    "nothing in it": (["empty"], "holds no model"),
    "no weights": (["bare"], "has no *.safetensors"),
    "weights cut off": (["cut"], "truncated"),
    "a damaged story": (["damaged"], "inc_config.json is damaged"),
    "a README of bytes": (["bytes"], "README.md cannot be read"),
    "metadata that are none": (["broken"], "README.md cannot be read"),
    "a license in words": (
        ["float", "--license", "My License"],
        "--license: it takes an identifier such as apache-2.0",
    ),
    "a base that is a path": (["float", "--base-model", "./base"], "--base-model: it takes a name on the Hub"),
    "a base that lies here": (["float", "--base-model", "here/base"], "--base-model: it takes a name on the Hub"),
    "a metric of no score": (["float", "--metric", "f1"], "it has none; score it with `inc-hf benchmark"),
    "data of no score": (["float", "--dataset", "user/data"], "--dataset says what the score of float is"),
    "no benchmark": (["float", "--benchmark", "absent.json"], "No such file: 'absent.json'"),
    "another file": (["float", "--benchmark", "float/config.json"], "is not what `inc-hf benchmark DIR --json FILE`"),
    "no name": (["float", "--metric", " "], "--metric: it takes a name, got ' '"),
}


@pytest.mark.parametrize("arguments, words", WRONG.values(), ids=WRONG)
def test_wrong_uses(capsys, arguments, words, model_dir):
    Path("notes.txt").write_text("mine")
    for name in ("empty", "here/base"):
        Path(name).mkdir(parents=True)
    for name in ("float", "bare", "cut", "damaged", "bytes", "broken"):
        shutil.copytree(model_dir, name)
    Path("bare/model.safetensors").unlink()
    Path("cut/model.safetensors").write_bytes(Path("float/model.safetensors").read_bytes()[:3000])
    Path("damaged/inc_config.json").write_text('{"inc_hf_version": "0.1.0", "tuning": ')
    Path("broken/README.md").write_text("---\nlicense: [mit\n---\n\nAll mine.\n")
    Path("bytes/README.md").write_bytes(b"\xff\xfe\x00")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(["card", *arguments]) == 2
    assert words in error_line(capsys.readouterr().err)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
