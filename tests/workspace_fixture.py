"""The fixture `workspace`; a test module says `pytest_plugins = ["workspace_fixture"]`, and uses it."""

import pytest

from inc_hf.config import options, set_resume_from, set_workspace


@pytest.fixture
def workspace(tmp_path):
    """A workspace of its own, which does not exist yet; the options as they were, after the test."""
    before = options.to_dict()
    set_workspace(tmp_path / "workspace")
    set_resume_from(None)
    yield tmp_path / "workspace"
    vars(options).update(before)
