"""Who is to blame: errors of other packages on what the user gave, and our own."""

import json

import pytest
import torch

from inc_hf.errors import UsageError, UsageTypeError, usage_error_for


def test_what_another_package_raises_becomes_a_usage_error():
    with pytest.raises(UsageError, match="^a.json cannot be read: Expecting value") as raised:
        with usage_error_for("a.json cannot be read"):
            json.loads("")
    assert isinstance(raised.value.__cause__, json.JSONDecodeError)


def test_the_first_error_and_the_kind_of_one_that_is_no_sentence():
    def load(name):
        try:
            return {}[name]
        except KeyError as error:
            raise Exception("something failed") from error

    with pytest.raises(UsageError, match="^a cannot be read: KeyError: 'a'$"), usage_error_for("a cannot be read"):
        load("a")


def ours(text: str):
    """A function that is written in a module of the package."""
    names = {"__name__": "inc_hf.quantize.made_up", "UsageTypeError": UsageTypeError}
    exec(f"def f():\n    {text}", names)
    return names["f"]


FAULTS = {
    "None + 1": TypeError,
    "raise ValueError": ValueError,
    "{}[0]": KeyError,
    "raise UsageTypeError": UsageTypeError,
}


@pytest.mark.parametrize("text, kind", FAULTS.items(), ids=FAULTS)
def test_our_own_errors_pass_unchanged(text, kind):
    with pytest.raises(kind) as raised, usage_error_for("it cannot be read"):
        ours(text)()
    assert type(raised.value) is kind


@pytest.mark.parametrize("error", [OSError, ImportError, MemoryError, UsageError, UsageTypeError, KeyboardInterrupt])
def test_errors_that_say_themselves_what_is_wrong_pass_unchanged(error):
    def fail():
        raise error("itself")

    with pytest.raises(error, match="^itself$"), usage_error_for("it cannot be read"):
        fail()


def test_only_some_kinds():
    with pytest.raises(UsageError), usage_error_for("it does not fit", IndexError):
        torch.ones(2)[3]
    with pytest.raises(RuntimeError), usage_error_for("it does not fit", IndexError):
        torch.ones(2) @ torch.ones(3)


def test_nothing_happens_without_an_error():
    with usage_error_for("it cannot be read"):
        pass
