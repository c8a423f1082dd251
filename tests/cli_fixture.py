"""The fixture `elsewhere`; a test module of commands says `pytest_plugins = ["cli_fixture"]`, and uses it."""

import logging

import pytest


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The working directory is empty, and the logger is afterwards what it was."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("inc_hf")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level
