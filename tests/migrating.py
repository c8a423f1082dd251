"""Texts, rewritten."""

import functools
from pathlib import Path
from textwrap import dedent

from inc_hf.migrate.script.marks import marks_in
from inc_hf.migrate.script.source import rewrite_text


@functools.cache
def rewritten(text: str, path: Path = Path("script.py")) -> str:
    """The new text of an indented one; it stays as it is when it is rewritten again."""
    new = rewrite_text(dedent(text), path).text
    assert rewrite_text(new, path).text == new
    return new


def marks(text: str, path: Path = Path("script.py")) -> list[str]:
    return [mark.to_do for mark in marks_in(rewritten(text, path), path)]
