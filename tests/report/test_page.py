"""The page as a whole: what it has, that it needs nothing else, and that no name can become a part of it."""

from dataclasses import replace

import pytest
from reporting import EVIL, TRIALS, Page, write_training, write_workspace

from inc_hf.errors import UsageError
from inc_hf.report import Facts, check_replaceable, facts_of, page_of, write_page
from inc_hf.report.sections import SECTIONS


@pytest.fixture
def page(tmp_path):
    write_training(write_workspace(tmp_path))
    return Page(page_of(facts_of(tmp_path)))


def test_sections(page):
    headings = [heading for heading in page.sections if heading]
    assert headings == [s.heading for s in SECTIONS if s.heading != "Zeros of each layer"]
    assert page.elements["svg"] == 1 + 2 * 2 + 3, "trials, ranges, training"
    assert "Zeros of each layer : they are read from a checkpoint" in page.sections["Training"]  # the footer


def test_nothing_is_fetched_or_run(page):
    assert page.fetched == []
    assert not {"script", "link", "img", "iframe", "object"} & page.elements.keys()


def test_each_trial_has_a_row_and_a_place(page):
    text = page.sections["Trials"]
    for trial in TRIALS:
        assert trial.label in text and f"{trial.score:.4f}" in text
    assert page.elements["circle"] >= len(TRIALS)
    assert "not timed" in text and "goal" in text and "latency, times that of the float model" in text
    assert "trial 2, one in float: 0.9490" in text, "said where a pointer rests on it"


def test_the_speed_is_that_of_the_model_returned():
    """Not of another trial that scores the same."""
    slow, fast = replace(TRIALS[1], fingerprint="slow", latency=2.0), replace(TRIALS[1], fingerprint="fast")
    tuning = {"score": slow.score, "baseline": slow.baseline}
    assert "0.50 ×" in Page(page_of(Facts("one", trials=[TRIALS[0], slow], tuning=tuning))).sections[""]
    several = Page(page_of(Facts("two", trials=[slow, fast], tuning=tuning)))
    assert "speed" not in several.sections[""] and "the model returned" not in several.sections["Trials"]
    known = Page(page_of(Facts("two", trials=[slow, fast], tuning={**tuning, "fingerprint": "fast"})))
    assert "2.00 ×" in known.sections[""] and "the model returned" in known.sections["Trials"]
    other = Page(page_of(Facts("other", trials=[slow], tuning={**tuning, "baseline": 0.1})))
    assert "speed" not in other.sections[""]


def test_trials_without_latency():
    trials = [TRIALS[0]]
    text = Page(page_of(Facts("one", trials=trials))).sections["Trials"]
    assert "latency unmeasured" in text and "not timed" not in text


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers(score):
    facts = Facts("odd", trials=[TRIALS[0].__class__("x", "x", score, 0.0, 0, False, 0, 0.5)])
    assert "No trial has a score that is a number." in Page(page_of(facts)).sections["Trials"]


@pytest.mark.parametrize("name", [EVIL, "a\x00\ud800b", "</style><b onclick=x>"], ids=["script", "broken", "tags"])
def test_names_stay_text(name, tmp_path):
    named = name.encode("utf-8", "replace").decode().replace("\x00", "")
    write_workspace(tmp_path, named)
    facts = facts_of(tmp_path)
    facts.name, facts.about = name, {name: name}
    facts.training = [{"step": 1, "loss": 1.0, name: name, f"eval_{name}": 0.5}]
    facts.sensitivity.append({"module": name, "scheme": name, "weight_error": None, "output_error": float("inf")})
    page = Page(write_page(facts, tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.fetched == [] and "script" not in page.elements and page.elements["style"] == 1
    if name == EVIL:
        for heading in ("Sensitivity of each module", "Ranges of the weights", "Size of each part", "Training"):
            assert EVIL in page.sections[heading].replace(" ", ""), heading


def test_long_tables_unfold_without_a_script():
    row = {"scheme": "W8", "weight_error": 1.0, "output_error": 1.0}
    facts = Facts("long", sensitivity=[{"module": f"layer.{i}", **row} for i in range(200)])
    page = Page(page_of(facts))
    assert page.elements["details"] == 1 and "188 more" in page.sections["Sensitivity of each module"]
    assert all(f"layer.{i}" in page.sections["Sensitivity of each module"] for i in range(200))


def test_a_long_training_is_thinned():
    """To its beginning, its end and what lies evenly between."""
    facts = Facts("long", training=[{"step": step, "loss": 1 / (step + 1)} for step in range(20_000)])
    text = page_of(facts)
    assert len(text) < 100_000 and "201 of 20000 entries." in text
    assert '<td class="n">19999</td>' in text and '<td class="n">0</td>' in text


def test_what_may_be_replaced(tmp_path):
    write_page(Facts("mine"), tmp_path / "new" / "report.html")
    check_replaceable(tmp_path / "new" / "report.html")
    (tmp_path / "other.html").write_text("<html>")
    check_replaceable(tmp_path / "other.html", overwrite=True)
    with pytest.raises(UsageError, match="no report; name another file, or add --overwrite"):
        check_replaceable(tmp_path / "other.html")
    with pytest.raises(UsageError, match="is a directory"):
        check_replaceable(tmp_path)
