import subprocess
import sys
from pathlib import Path

import evaluate
import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score, matthews_corrcoef

import inc_hf.evaluation.metrics
from inc_hf.evaluation.metrics import GLUE_METRIC, load_metric
from inc_hf.evaluation.metrics.inc_glue.inc_glue import IncGlue

METRICS_FOLDER = Path(inc_hf.evaluation.metrics.__file__).parent
ACCURACY_TASKS = sorted(task for task, name in GLUE_METRIC.items() if name == "accuracy")

# 5 of 8 are right; class 1: 3 hits, 2 false alarms, 1 miss.
REFERENCES = [1, 1, 1, 1, 0, 0, 0, 0]
PREDICTIONS = [1, 1, 1, 0, 1, 1, 0, 0]
SCORES = [0.0, 1.5, 2.5, 3.0, 5.0]
GUESSES = [0.5, 1.0, 4.0, 2.0, 4.5]

pytestmark = pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")


@pytest.fixture(autouse=True)
def cache_in_tmp_path(monkeypatch, tmp_path):
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path))


def compute(task: str, predictions, references) -> dict[str, float]:
    return load_metric("glue", task).compute(predictions=predictions, references=references)


@pytest.mark.parametrize("task", ACCURACY_TASKS)
def test_accuracy_tasks(task):
    assert compute(task, PREDICTIONS, REFERENCES) == {"accuracy": 5 / 8}


@pytest.mark.parametrize("task", ["mrpc", "qqp"])
def test_accuracy_and_f1_tasks(task):
    result = compute(task, PREDICTIONS, REFERENCES)
    assert result == {"accuracy": 5 / 8, "f1": pytest.approx(2 * 3 / (2 * 3 + 2 + 1))}
    assert result["f1"] == f1_score(REFERENCES, PREDICTIONS)


def test_cola():
    result = compute("cola", PREDICTIONS, REFERENCES)
    by_hand = (3 * 2 - 2 * 1) / np.sqrt((3 + 2) * (3 + 1) * (2 + 2) * (2 + 1))
    assert result == {"matthews_correlation": pytest.approx(by_hand)}
    assert result["matthews_correlation"] == matthews_corrcoef(REFERENCES, PREDICTIONS)


def test_stsb():
    result = compute("stsb", GUESSES, SCORES)
    assert result == {
        "pearson": pytest.approx(pearsonr(SCORES, GUESSES).statistic),
        "spearmanr": pytest.approx(spearmanr(SCORES, GUESSES).statistic),
    }
    # Ranks 1 2 4 3 5 against 1 2 3 4 5: 1 - 6 * 2 / (5 * 24).
    assert result["spearmanr"] == pytest.approx(0.9)


def test_mnli_has_three_classes():
    assert compute("mnli", [0, 1, 2, 2], [0, 1, 2, 1]) == {"accuracy": 3 / 4}


@pytest.mark.parametrize("task", sorted(GLUE_METRIC))
def test_the_number_that_counts_is_among_the_results(task):
    result = compute(task, PREDICTIONS, REFERENCES)
    assert GLUE_METRIC[task] in result
    assert all(type(value) is float for value in result.values())


@pytest.mark.parametrize("predictions", [[1, 1, 1], [0, 0, 0]], ids=["ones", "zeros"])
@pytest.mark.parametrize("references", [[0, 1, 1], [1, 1, 1]], ids=["varied", "constant"])
def test_constant_predictions_have_no_correlation(predictions, references):
    assert compute("cola", predictions, references) == {"matthews_correlation": 0.0}
    assert compute("stsb", predictions, references) == {"pearson": 0.0, "spearmanr": 0.0}


def test_constant_references_have_no_correlation():
    assert compute("cola", [0, 1, 1], [1, 1, 1]) == {"matthews_correlation": 0.0}
    assert compute("stsb", [0.0, 1.0, 2.0], [3.0, 3.0, 3.0]) == {"pearson": 0.0, "spearmanr": 0.0}


def test_f1_without_a_positive_is_zero():
    assert compute("mrpc", [0, 0], [0, 0]) == {"accuracy": 1.0, "f1": 0.0}


@pytest.mark.parametrize("convert", [list, np.array, torch.tensor], ids=["list", "numpy", "torch"])
@pytest.mark.parametrize("task", ["sst2", "mrpc", "cola"])
def test_add_batch(task, convert):
    metric = IncGlue(config_name=task)
    for batch in (slice(0, 5), slice(5, 8)):
        metric.add_batch(predictions=convert(PREDICTIONS[batch]), references=convert(REFERENCES[batch]))
    assert metric.compute() == compute(task, PREDICTIONS, REFERENCES)


@pytest.mark.parametrize("convert", [list, np.array, torch.tensor], ids=["list", "numpy", "torch"])
def test_add(convert):
    metric = IncGlue(config_name="stsb")
    for guess, score in zip(convert(GUESSES), convert(SCORES), strict=True):
        metric.add(prediction=guess, reference=score)
    assert metric.compute() == compute("stsb", GUESSES, SCORES)


@pytest.mark.parametrize("task", ["sst2", "mrpc", "cola", "stsb"])
def test_load_by_path(task):
    metric = evaluate.load(str(METRICS_FOLDER / "inc_glue"), task)
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES) == compute(task, PREDICTIONS, REFERENCES)


def test_load_accuracy_and_f1_by_path():
    accuracy = evaluate.load(str(METRICS_FOLDER / "inc_accuracy"))
    f1 = evaluate.load(str(METRICS_FOLDER / "inc_f1"))
    assert accuracy.compute(predictions=PREDICTIONS, references=REFERENCES) == {"accuracy": 5 / 8}
    assert f1.compute(predictions=PREDICTIONS, references=REFERENCES) == {"f1": pytest.approx(2 / 3)}


@pytest.mark.parametrize("task", [None, "sst-2"])
def test_unknown_task_lists_the_tasks(task):
    with pytest.raises(ValueError, match="choose one of cola, mnli, mnli_matched, .*, stsb, wnli"):
        load_metric("glue", task)


def test_accuracy():
    assert load_metric("accuracy").compute(predictions=PREDICTIONS, references=REFERENCES) == {"accuracy": 5 / 8}


@pytest.mark.parametrize("average", ["binary", "macro"])
def test_f1(average):
    # Class 1: 6 / 9; class 0: 2 hits, 1 false alarm, 2 misses.
    expected = {"binary": 6 / 9, "macro": (6 / 9 + 4 / 7) / 2}[average]
    result = load_metric("f1").compute(predictions=PREDICTIONS, references=REFERENCES, average=average)
    assert result == {"f1": pytest.approx(expected)}
    assert result["f1"] == f1_score(REFERENCES, PREDICTIONS, average=average)


def test_other_metrics_come_from_evaluate(monkeypatch):
    monkeypatch.setattr(evaluate, "load", lambda *args: args)
    assert load_metric("rouge") == ("rouge", None)
    assert load_metric("super_glue", "boolq") == ("super_glue", "boolq")


@pytest.mark.parametrize("package", ["evaluate", "sklearn.metrics", "scipy.stats"])
def test_missing_package_names_the_extra(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "inc_hf.evaluation.metrics.inc_glue.inc_glue")
    with pytest.raises(ImportError, match=r'pip install "inc-hf\[evaluate\]"'):
        load_metric("glue", "sst2")


def test_import_is_light():
    code = """if True:
        import sys, inc_hf
        before = set(sys.modules)
        import inc_hf.evaluation.metrics
        print(*{"evaluate", "datasets", "sklearn", "scipy"} & (set(sys.modules) - before))
    """
    root = METRICS_FOLDER.parents[2]
    output = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout
    assert output.strip() == ""
