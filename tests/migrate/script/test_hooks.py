import pytest
from migrating import marks, rewritten

from inc_hf.migrate.script.hooks import RENAMED

MADE = "from inc_hf.training import prepare_compression\nmanager = prepare_compression(model, conf)\n"


@pytest.mark.parametrize("old, new", RENAMED.items(), ids=RENAMED)
@pytest.mark.parametrize("owner", ["manager", "manager.callbacks"])
def test_deprecated_hooks_are_renamed(old, new, owner):
    assert rewritten(f"{MADE}{owner}.{old}(1)  # here\n") == f"{MADE}{owner}.{new}(1)  # here\n"


def test_those_of_other_packages_are_marked():
    (mark,) = marks(f"{MADE}callback.on_batch_begin(1)\n")
    assert "If `callback` has the hooks of INC" in mark


def test_scripts_without_inc_stay():
    text = "callback.on_batch_begin(1)\nx.pre_epoch_begin()\n"
    assert rewritten(text) == text
