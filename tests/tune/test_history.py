import json
import re
from dataclasses import replace

import pytest

from inc_hf.tune import History, Trial

TRIALS = [
    Trial("static, 100 samples", "aaaa", 0.81, 1.5, 1000, False, 8),
    Trial("static, observer mse", "bbbb", 0.9, 1.25, 1000, True, 8),
]


BEGUN = [replace(trial, baseline=0.9) for trial in TRIALS]  # as they are read from a file that does not say


@pytest.fixture
def stored(tmp_path):
    history = History(tmp_path / "workspace" / "history.json", baseline=0.9)
    for trial in TRIALS:
        history.add(trial)
    return history.path


def test_nothing_is_written_before_the_first_trial(tmp_path):
    History(tmp_path / "workspace" / "history.json", baseline=0.9)
    assert not (tmp_path / "workspace").exists()


def test_file_is_complete_after_each_trial(tmp_path):
    history = History(tmp_path / "a" / "b" / "history.json", baseline=0.9)
    for count, trial in enumerate(TRIALS, 1):
        history.add(trial)
        stored = json.loads(history.path.read_text())
        assert stored["baseline"] == 0.9
        assert [Trial(**entry) for entry in stored["trials"]] == TRIALS[:count]
        assert [path.name for path in history.path.parent.iterdir()] == ["history.json"]


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history = History(baseline=0.9)
    history.add(TRIALS[0])
    assert history.trials == TRIALS[:1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("of", ["file", "directory"])
def test_resume(stored, of):
    history = History()
    history.resume_from(stored if of == "file" else str(stored.parent))
    assert history.baseline == 0.9
    assert history.earlier == {"aaaa": BEGUN[0], "bbbb": BEGUN[1]}
    assert history.trials == []


def test_earlier_trials_stay_on_disk_until_they_are_tried_again(stored):
    """A resumed search writes to the same file, and may be interrupted long before it has caught up."""
    history = History(stored, baseline=0.9)
    history.resume_from(stored)
    history.add(TRIALS[1])
    again = History()
    again.resume_from(stored)
    assert again.earlier == {"aaaa": BEGUN[0], "bbbb": BEGUN[1]}
    history.add(TRIALS[0])
    assert [entry["fingerprint"] for entry in json.loads(stored.read_text())["trials"]] == ["bbbb", "aaaa"]


def fingerprints(path):
    return [entry["fingerprint"] for entry in json.loads(path.read_text())["trials"]]


def test_a_search_that_does_not_resume_keeps_what_is_there(stored):
    history = History.of_workspace(stored.parent)
    assert history.earlier == {} and history.kept == BEGUN
    history.baseline = 0.5
    history.add(replace(TRIALS[0], score=0.3, baseline=0.5))
    assert fingerprints(stored) == ["aaaa", "aaaa", "bbbb"]
    again = History.of_workspace(stored.parent, resume_from=stored)
    assert again.earlier["aaaa"].score == 0.3
    again.add(again.earlier["aaaa"])
    assert fingerprints(stored) == ["aaaa", "aaaa", "bbbb"], "one was taken up, the others stay"


def test_two_searches_in_one_workspace_at_once_keep_the_trials_of_both(stored):
    first, second = (History.of_workspace(stored.parent) for _ in range(2))
    first.baseline = second.baseline = 0.9
    first.add(replace(TRIALS[0], fingerprint="cccc", score=float("nan")))
    second.add(replace(TRIALS[0], fingerprint="dddd"))
    second.add(replace(TRIALS[0], fingerprint="eeee"))
    assert sorted(fingerprints(stored)) == ["aaaa", "bbbb", "cccc", "dddd", "eeee"]


def test_trials_that_began_with_another_model_are_not_taken_up(tmp_path):
    history = History(tmp_path / "history.json", baseline=0.9)
    history.add(replace(TRIALS[0], baseline=0.9))
    other = History.of_workspace(tmp_path)
    other.baseline = 0.7
    other.add(replace(TRIALS[1], baseline=0.7))
    assert History.of_workspace(tmp_path, tmp_path).earlier == {"bbbb": replace(TRIALS[1], baseline=0.7)}


def test_of_several_models_each_goes_on_with_its_own_trials(tmp_path):
    for baseline in (0.9, 0.7):
        history = History.of_workspace(tmp_path)
        history.begin(baseline)
        history.add(replace(TRIALS[0], score=baseline - 0.1, baseline=baseline))
    for baseline in (0.9, 0.7):
        history = History.of_workspace(tmp_path, resume_from=tmp_path)
        assert history.begin(baseline)
        assert history.earlier["aaaa"].score == baseline - 0.1
    assert not history.begin(0.5) and history.earlier == {}, "worth a warning"


@pytest.mark.parametrize(
    ("origin", "is_taken_up"),
    [
        ({"model": "m", "evaluation": "e"}, True),
        ({"model": "m"}, True),
        ({"model": "m", "evaluation": "e", "calibration": "c"}, True),
        ({}, True),
        ({"model": "another", "evaluation": "e"}, False),
        ({"model": "m", "evaluation": "another"}, False),
    ],
)
def test_trials_of_the_same_score_and_another_origin_are_not_taken_up(origin, is_taken_up, tmp_path):
    history = History.of_workspace(tmp_path)
    history.begin(0.9, {"model": "m", "evaluation": "e"})
    history.add(replace(TRIALS[0], baseline=0.9, origin=history.origin))
    again = History.of_workspace(tmp_path, tmp_path)
    assert again.begin(0.9, origin) is is_taken_up
    assert list(again.earlier) == ["aaaa"] * is_taken_up
    again.add(replace(TRIALS[1], baseline=0.9, origin=again.origin))
    assert fingerprints(history.path) == ["bbbb", "aaaa"], "nothing is lost"


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_truncated_file(stored, share):
    text = stored.read_text()
    stored.write_text(text[: int(len(text) * share)])
    with pytest.raises(ValueError, match=re.escape(f"{stored} is not a tuning history")):
        History().resume_from(stored)


@pytest.mark.parametrize(
    "content",
    [
        {"version": 2, "baseline": 0.9, "trials": []},
        {"baseline": 0.9, "trials": []},
        {"version": 1, "baseline": 0.9},
        {"version": 1, "trials": []},
        {"version": 1, "baseline": 0.9, "trials": [{"label": "x"}]},
        {"version": 1, "baseline": 0.9, "trials": [{"fingerprint": "aaaa", "label": "x"}]},
        {"version": 1, "baseline": 0.9, "trials": ["x"]},
        {"version": 1, "baseline": 0.9, "trials": None},
        {"version": 1, "baseline": 0.9, "trials": [{**vars(TRIALS[0]), "score": "high"}]},
        {"version": 1, "baseline": 0.9, "trials": [{**vars(TRIALS[0]), "score": None}]},
        {"version": 1, "baseline": None, "trials": []},
        [],
        "text",
        None,
    ],
    ids=[
        "version",
        "no version",
        "no trials",
        "no baseline",
        "trial without fingerprint",
        "trial without score",
        "trial is text",
        "trials are null",
        "score is text",
        "score is null",
        "baseline is null",
        "list",
        "text",
        "null",
    ],
)
def test_damaged_file(tmp_path, content):
    path = tmp_path / "history.json"
    path.write_text(json.dumps(content))
    history = History()
    with pytest.raises(ValueError, match="is not a tuning history that can be resumed"):
        history.resume_from(path)
    assert history == History()


def test_binary_file(tmp_path):
    path = tmp_path / "history.json"
    path.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(ValueError, match="is not a tuning history that can be resumed"):
        History().resume_from(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "history.json"))):
        History().resume_from(tmp_path)
