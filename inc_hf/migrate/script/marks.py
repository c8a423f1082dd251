"""Comments in the source at places that a person must look at."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import libcst as cst

TODO = "# TODO(inc_hf): "
MORE = "#   "  # begins the lines in which a mark goes on
WIDTH = 110  # of the text of one line
_LINE = re.compile(rf"^\s*{re.escape(TODO)}(?P<text>.*)$")
_MORE = re.compile(rf"^\s*{MORE}(?P<text>\S.*)$")
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
    for start, end, said in _marks_of(lines):
        below = [line for line in lines[end:] if not (_LINE.match(line) or _MORE.match(line))]
        code = next((line.strip() for line in below if line.strip()), "")
        found.append(Mark(str(file), start + 1, code, said, cell))
    return found


def _marks_of(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """First line, the line behind it, and text."""
    for start, line in enumerate(lines):
        if match := _LINE.match(line):
            more = [match["text"]]
            while (end := start + len(more)) < len(lines) and (match := _MORE.match(lines[end])):
                more.append(match["text"])
            yield start, end, " ".join(more)


def comment_lines(text: str) -> list[str]:
    """A mark as lines of comments."""
    first, *others = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [TODO + first, *(MORE + line for line in others)]


def with_marks(left: Left, texts: Sequence[str], above: Sequence[cst.EmptyLine] = ()) -> Left:
    """A statement, or the first of several, with comments above it that are not there already, or in the lines `above`
    it, which are no part of it."""
    if not texts or isinstance(left, cst.RemovalSentinel):
        return left
    if isinstance(left, cst.FlattenSentinel):
        first, *rest = left.nodes
        return cst.FlattenSentinel([with_marks(first, texts, above), *rest])
    comments = [line.comment.value for line in (*above, *left.leading_lines) if line.comment]
    present = {said for _, _, said in _marks_of(comments)}
    wanted = [text for text in dict.fromkeys(texts) if text not in present]
    lines = [cst.EmptyLine(comment=cst.Comment(line)) for text in wanted for line in comment_lines(text)]
    return left.with_changes(leading_lines=[*left.leading_lines, *lines])
