import libcst as cst
import pytest

from inc_hf.migrate.script.marks import WIDTH, marks_in, with_marks

LONG = "It is `x` now; " * 20 + "see docs."
TEXTS = {"one line": ["Look at it."], "long": [LONG], "several": [LONG, "Look at it.", LONG + " Or not."]}


def marked(text: str, said: list[str]) -> str:
    statement = cst.parse_module(text).body[0]
    return cst.Module([with_marks(statement, said)]).code


@pytest.mark.parametrize("said", TEXTS.values(), ids=TEXTS)
def test_marks_stand_on_short_lines_and_are_there_once(said):
    new = marked("# mine\n#   too\nx = 1\n", said)
    assert max(map(len, new.splitlines())) <= WIDTH + 16
    assert [mark.to_do for mark in marks_in(new, "a.py")] == said
    assert {mark.what for mark in marks_in(new, "a.py")} == {"x = 1"}
    assert marked(new, said) == new
