"""INC's logger, with which scripts write their own lines."""

import logging

import pytest

from inc_hf.utils import info, logger
from inc_hf.utils.logger import Logger, log


def test_lines_of_a_script_are_seen(caplog):
    logger.info("first\nsecond")
    log(logging.INFO, "%d of %s", 3, "five")
    logger.warn({"a": 1, "b": {"c": [2], "d": {}}})
    logger.error("50% done")
    info(ValueError("an object"))
    assert caplog.messages == [
        "first", "second", "3 of five", "a: 1", "b:", "    c: [2]", "    d:", "50% done", "an object",
    ]  # fmt: skip
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO"] * 3 + ["WARNING"] * 4 + ["ERROR", "INFO"]


@pytest.mark.parametrize("name", ["debug", "info", "warning", "error", "fatal"])
def test_levels(name, caplog):
    getattr(logger, name)("x")
    expected = {"fatal": "CRITICAL"}.get(name, name.upper())
    assert [record.levelname for record in caplog.records] == ([] if name == "debug" else [expected])


def test_it_is_an_ordinary_logger():
    assert Logger().get_logger().name == "inc_hf.script" and logger.level == logging.INFO
