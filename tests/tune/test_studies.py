"""Studies that several processes share, and what becomes of those who are killed."""

import json
import logging
import sys

import pytest
import torch
from fitting import ERROR_GOAL, NEVER_MET, ErrorAgainstFloat, config, images, net
from studies import HARMFUL, evaluations, launched, together
from torch import nn

from inc_hf import TuningCriterion
from inc_hf.config import set_resume_from, set_workspace
from inc_hf.errors import UsageError
from inc_hf.models.fingerprint import fingerprint_of
from inc_hf.quantization import fit

optuna = pytest.importorskip("optuna")
pytest_plugins = ["workspace_fixture"]

STORAGES = ["journal", "sqlite"]


def trials_of(folder, storage=None):
    """The history in a folder, and the complete trials of the one study there."""
    trials = json.loads((folder / "workspace" / "history.json").read_text())["trials"]
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "workspace" / "study.journal"))
    storage = storage or optuna.storages.JournalStorage(backend)
    [name] = optuna.get_all_study_names(storage)
    return trials, optuna.load_study(study_name=name, storage=storage).get_trials()


def check_nothing_is_lost_or_torn(folder, kills, storage=None):
    history, study = trials_of(folder, storage)
    complete = [trial for trial in study if trial.state.name == "COMPLETE"]
    fingerprints = [trial["fingerprint"] for trial in history]
    assert sorted(fingerprints) == sorted(trial.user_attrs["fingerprint"] for trial in complete)
    assert len(fingerprints) == len(set(fingerprints))
    counts = evaluations(folder)
    begun, ended = (sum(n for (_, what), n in counts.items() if what == word) for word in ("begin", "end"))
    # one that was killed at the end of an evaluation, before it could tell, has lost that one
    assert len(history) <= ended <= begun <= len(history) + kills
    assert not [trial for trial in study if trial.state.name in ("RUNNING", "WAITING")]


class TestTogether:
    @pytest.mark.slow("inc_hf/tune", "tests/studies.py")
    @pytest.mark.parametrize("kills", [0, 5])
    def test_in_a_database(self, tmp_path, kills):
        url = f"sqlite:///{tmp_path}/study.db"
        settings = {"strategy_kwargs": {"storage": url, "study_name": "ours"}, "max_trials": 12, "goal": 0}
        results = together(tmp_path, strategy="random", workers=3, kills=kills, **settings)
        assert len(results) == 3 and all(result == results[0] for result in results)
        assert len(results[0]["trials"]) == 12
        check_nothing_is_lost_or_torn(tmp_path, kills, url)

    def test_all_end_when_the_goal_is_met(self, tmp_path):
        results = together(tmp_path, strategy="tpe", workers=3)
        assert len(results) == 3 and results[0] == results[1] == results[2]
        assert results[0]["met"] and not HARMFUL & set(results[0]["modules"])
        check_nothing_is_lost_or_torn(tmp_path, 0)
        assert max(evaluations(tmp_path).values()) == 1

    def test_five_kills(self, tmp_path):
        results = together(tmp_path, strategy="tpe", workers=2, kills=5, max_trials=25, goal=0)
        assert len(results) == 2 and results[0] == results[1] and len(results[0]["trials"]) == 25
        check_nothing_is_lost_or_torn(tmp_path, 5)
        assert len((tmp_path / "kills").read_text().splitlines()) > 2

    @pytest.mark.slow("inc_hf/tune", "tests/studies.py")
    def test_accelerate_launch(self, tmp_path):
        results = launched(tmp_path, 2, strategy="tpe", max_trials=12, goal=0, seconds=0.5)
        assert len(results) == 2 and results[0] == results[1] and len(results[0]["trials"]) == 12
        check_nothing_is_lost_or_torn(tmp_path, 0)

    @pytest.mark.slow("inc_hf/tune", "tests/studies.py")
    @pytest.mark.parametrize("strategy", ["tpe", "bayesian"])
    def test_thirty_kills(self, tmp_path, strategy):
        settings = {"workers": 4, "kills": 30, "max_trials": 120, "goal": 0, "seconds": 0.3}
        results = together(tmp_path, strategy=strategy, **settings)
        assert len(results) >= 4 and all(result == results[0] for result in results)
        check_nothing_is_lost_or_torn(tmp_path, 30)
        assert len((tmp_path / "kills").read_text().splitlines()) == 30


def tuned(evaluate, model=None, goal=NEVER_MET, strategy="random", max_trials=4, timeout=0, **kwargs):
    conf = config("dynamic", goal)
    conf.tuning_criterion = TuningCriterion(strategy, kwargs, timeout=timeout, max_trials=max_trials)
    return fit(model or net(), conf, eval_func=evaluate)


@pytest.fixture
def evaluate():
    return ErrorAgainstFloat(net(), images())


@pytest.mark.usefixtures("workspace")
class TestOfOne:
    def test_what_a_dashboard_shows(self, workspace, evaluate):
        result = tuned(evaluate, study_name="ours", max_trials=3)
        backend = optuna.storages.journal.JournalFileBackend(str(workspace / "study.journal"))
        study = optuna.load_study(study_name="ours", storage=optuna.storages.JournalStorage(backend))
        assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
        first = study.trials[0]
        assert first.params == {"conv": "dynamic", "hidden": "dynamic", "head": "dynamic"}
        assert first.value > 10 and first.datetime_complete > first.datetime_start
        shown = {name: first.user_attrs[name] for name in ("label", "fingerprint", "score", "latency", "size")}
        trial = result.trials[0]
        assert list(shown.values()) == [trial.label, trial.fingerprint, trial.score, trial.seconds, trial.bytes]
        kept = {"deploy", "deploy.json", "history.json", "study.journal"}
        assert {path.name for path in workspace.iterdir()} == kept

    @pytest.mark.parametrize("storage", STORAGES)
    def test_goes_on_by_the_same_storage(self, tmp_path, evaluate, storage, caplog):
        kwargs = {"storage": f"sqlite:///{tmp_path}/x.db" if storage == "sqlite" else str(tmp_path / "x.journal")}
        first = tuned(evaluate, max_trials=2, **kwargs)
        set_workspace(tmp_path / "another")
        evaluate.calls = 0
        second = tuned(evaluate, max_trials=4, **kwargs)
        assert evaluate.calls == 1 + 2 and second.trials[:2] == first.trials
        assert "Going on with the 2 trials of the study 'random-" in caplog.text
        again = tuned(evaluate, max_trials=4, **kwargs)
        assert evaluate.calls == 1 + 2 + 1 and again.score == second.score and again.trials == second.trials

    def test_a_search_that_was_interrupted_goes_on_as_it_would_have(self, tmp_path, evaluate):
        whole = tuned(evaluate, strategy="tpe", max_trials=5)
        set_workspace(tmp_path / "first")
        tuned(evaluate, strategy="tpe", max_trials=2)
        set_workspace(tmp_path / "second")
        set_resume_from(tmp_path / "first")
        evaluate.calls = 0
        resumed = tuned(evaluate, strategy="tpe", max_trials=5)
        assert evaluate.calls == 1 + 3
        assert [t.fingerprint for t in resumed.trials] == [t.fingerprint for t in whole.trials]

    def test_with_fewer_trials_than_there_are_the_best_comes_back(self, evaluate):
        best = tuned(evaluate, max_trials=4)
        assert tuned(evaluate, max_trials=2).score == best.score

    def test_all_there_is_was_tried(self, evaluate):
        """Seven points, since one module at least is in integers."""
        result = tuned(evaluate, max_trials=50)
        assert len(result.trials) == 7 and min(trial.score for trial in result.trials) == result.score

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
    def test_what_was_not_finished_is_tried_again(self, evaluate, error):
        def fails(model):
            if evaluate.calls == 2:
                evaluate.calls += 1
                raise error
            return evaluate(model)

        try:
            assert tuned(fails, max_trials=3).interrupted
        except ZeroDivisionError:
            pass
        evaluate.calls = 10
        result = tuned(fails, max_trials=3)
        assert evaluate.calls == 10 + 1 + 2 and len(result.trials) == 3

    def test_the_last_trial_is_told(self, workspace, evaluate):
        tuned(evaluate, max_trials=1)
        assert [t.state.name for t in trials_of(workspace.parent)[1]] == ["COMPLETE"]

    def test_time_is_for_better_ones(self, evaluate):
        result = tuned(evaluate, goal=ERROR_GOAL, timeout=100, max_trials=5)
        assert result.met_criterion and len(result.trials) == 5


@pytest.mark.usefixtures("workspace")
class TestRefused:
    def test_another_model_options_or_evaluation(self, workspace, evaluate):
        tuned(evaluate, study_name="ours", max_trials=1)
        other = net()
        with torch.no_grad():
            other.head.weight.add_(0.1)
        journal = workspace / "study.journal"
        for model, function, words in (
            (other, evaluate, "another model"),
            (net(), lambda m: evaluate(m) + 1, "another evaluation: the float model scored 0.0000 there, 1.0000 now"),
        ):
            before = journal.read_text()
            with pytest.raises(UsageError, match=f"study 'ours' in .*study.journal is of {words}.*`study_name`"):
                tuned(function, model, study_name="ours", max_trials=1)
            assert journal.read_text() == before
            tuned(function, model, max_trials=1)  # has one of its own by default
        conf = config("dynamic", NEVER_MET, op_name_dict={"head": {"weight": {"dtype": "fp32"}}})
        conf.tuning_criterion = TuningCriterion("tpe", {"study_name": "ours"})
        with pytest.raises(UsageError, match="another config, with other modules or options"):
            fit(net(), conf, eval_func=evaluate)

    @pytest.mark.parametrize(
        ("storage", "error", "words"),
        [
            (
                "sqlite:////nowhere/study.db",
                UsageError,
                "sqlite:////nowhere/study.db cannot be opened: .*unable to open",
            ),
            ("postgresql://me:secret@nowhere/x", ImportError, r"me:\*\*\*@nowhere/x needs a package.*psycopg"),
            ("nonsense://x", UsageError, "nonsense://x cannot be opened"),
            ("://", UsageError, "`storage` is no URL of a database, such as sqlite:///study.db"),
            (5, TypeError, r"`strategy_kwargs\['storage'\]` must be a string"),
            (".", UsageError, "is a directory"),
            ("notes.txt", UsageError, "notes.txt is not a journal of Optuna"),
        ],
    )
    def test_storages(self, tmp_path, monkeypatch, evaluate, workspace, storage, error, words):
        """Before the float model is evaluated, which may take hours."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "notes.txt").write_text("not a journal\nat all\n")
        evaluate.calls = 0
        with pytest.raises(error, match=words) as caught:
            tuned(evaluate, storage=storage)
        assert "\n" not in str(caught.value) and "secret" not in str(caught.value)
        assert evaluate.calls == 0 and not workspace.exists()
        assert (tmp_path / "notes.txt").read_text() == "not a journal\nat all\n"

    @pytest.mark.parametrize(("strategy", "package"), [("tpe", "optuna"), ("bayesian", "scipy")])
    def test_without_the_packages(self, evaluate, monkeypatch, strategy, package):
        monkeypatch.setitem(sys.modules, package, None)
        evaluate.calls = 0
        with pytest.raises(ImportError, match=rf"'{strategy}' needs {package}: pip install \"inc-hf\[tune\]\""):
            tuned(evaluate, strategy=strategy)
        assert evaluate.calls == 0


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(("level", "lines"), [(logging.WARNING, 0), (logging.INFO, 1)])
def test_optuna_is_as_loud_as_we_are(evaluate, level, lines):
    ours, theirs, told = logging.getLogger("inc_hf"), logging.getLogger("optuna"), []
    before, handler = theirs.level, logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    theirs.addHandler(handler)
    ours.setLevel(level)
    try:
        tuned(evaluate, max_trials=1)
    finally:
        ours.setLevel(logging.NOTSET)
        theirs.removeHandler(handler)
    assert len(told) == lines and all("A new study created" in line for line in told)
    assert theirs.level == before


def test_models_are_told_apart_by_their_weights():
    model = nn.Linear(40, 40)
    before = fingerprint_of(model)
    assert before == fingerprint_of(model)
    with torch.no_grad():
        model.weight.mul_(1.001)
    assert before != fingerprint_of(model)
