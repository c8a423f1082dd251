"""What is wrong with a text that is no Python, in few words."""

import ast
import warnings

import libcst as cst


def what_is_wrong(text: str, error: cst.ParserSyntaxError) -> tuple[int, str]:
    """Line and reason, as Python says it; libcst lists all that it would have taken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as found:
        if found.lineno:
            return found.lineno, found.msg
    except (ValueError, RecursionError, MemoryError):
        pass
    return error.raw_line, error.message.partition(": expected one of")[0]
