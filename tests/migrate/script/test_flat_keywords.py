import pytest
from migrating import marks, rewritten

IMPORT = "from inc_hf.config import PostTrainingQuantConfig"
BOTH = f"{IMPORT}, TuningCriterion"
CASES = {
    "tuning": ("timeout=0, max_trials=3", "tuning_criterion=TuningCriterion(timeout=0, max_trials=3)"),
    "objective": ('"static", strategy="basic"', '"static", tuning_criterion=TuningCriterion(strategy="basic")'),
    "first trial": ("performance_only=True", "tuning_criterion=TuningCriterion(max_trials=1)"),
}


@pytest.mark.parametrize("old, new", CASES.values(), ids=CASES)
def test_criteria(old, new):
    inner = f"PostTrainingQuantConfig({old})"
    assert rewritten(f"{IMPORT}\nconf = {inner}\n").endswith(f"conf = PostTrainingQuantConfig({new})\n")
    assert rewritten(f"{IMPORT}\nconf = {inner}\n").startswith(BOTH)


def test_losses_and_comments():
    new = rewritten(
        f"""\
        {IMPORT}
        conf = PostTrainingQuantConfig(
            approach="static",
            absolute=0.1,  # not relative
            device="cpu",
            timeout=0,
        )
        """
    )
    assert "# not relative" in new
    assert 'accuracy_criterion=AccuracyCriterion(criterion="absolute", tolerable_loss=0.1),\n)' in new
    assert new.startswith("from inc_hf.config import PostTrainingQuantConfig, AccuracyCriterion, TuningCriterion\n")


def test_nothing_is_done_where_a_criterion_is_there_already():
    text = f"{BOTH}\nconf = PostTrainingQuantConfig(tuning_criterion=TuningCriterion(), timeout=0)\n"
    assert marks(text) == ["Write the flat keywords into the criterion that is there, too."]


def test_a_condition_is_marked():
    assert "became `max_trials=1`" in marks(f"{IMPORT}\nPostTrainingQuantConfig(performance_only=args.fast)\n")[0]


def test_names_that_the_script_uses_itself_get_another():
    new = rewritten(
        "from inc_hf import PostTrainingQuantConfig\nTuningCriterion = 1\nPostTrainingQuantConfig(timeout=0)\n"
    )
    assert "import TuningCriterion as inc_TuningCriterion" in new
    assert "tuning_criterion=inc_TuningCriterion(timeout=0)" in new
