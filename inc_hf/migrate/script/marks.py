"""Comments in the source at places that a person must look at."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import libcst as cst

TODO = "# TODO(inc_hf): "
_LINE = re.compile(rf"^\s*{re.escape(TODO)}(?P<text>.*)$")
Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
Left = Statement | cst.FlattenSentinel | cst.RemovalSentinel


@dataclass(frozen=True)
class Mark:
    """A place to look at.

    Args:
        file (`str`): its name.
        line (`int`): of the comment, counted from 1 in the new text; in a notebook, in its cell.
        what (`str`): the code there.
        to_do (`str`): what is asked of the reader.
        cell (`int`, *optional*): of a notebook, counted from 1.
    """

    file: str
    line: int
    what: str
    to_do: str
    cell: int | None = None

    def to_dict(self) -> dict[str, str | int]:
        return {key: value for key, value in asdict(self).items() if value is not None}


def marks_in(text: str, file: str | Path, cell: int | None = None) -> list[Mark]:
    """All marks of a text, those of an earlier run included."""
    lines = text.splitlines()
    found = []
    for i, line in enumerate(lines):
        if match := _LINE.match(line):
            code = next((later.strip() for later in lines[i + 1 :] if later.strip() and not _LINE.match(later)), "")
            found.append(Mark(str(file), i + 1, code, match["text"], cell))
    return found


def with_marks(left: Left, texts: Sequence[str], above: Sequence[cst.EmptyLine] = ()) -> Left:
    """A statement, or the first of several, with comments above it that are not there already, or in the lines `above`
    it, which are no part of it."""
    if not texts or isinstance(left, cst.RemovalSentinel):
        return left
    if isinstance(left, cst.FlattenSentinel):
        first, *rest = left.nodes
        return cst.FlattenSentinel([with_marks(first, texts, above), *rest])
    present = {line.comment.value for line in (*above, *left.leading_lines) if line.comment}
    wanted = [TODO + text for text in dict.fromkeys(texts) if TODO + text not in present]
    lines = [cst.EmptyLine(comment=cst.Comment(comment)) for comment in wanted]
    return left.with_changes(leading_lines=[*left.leading_lines, *lines])
