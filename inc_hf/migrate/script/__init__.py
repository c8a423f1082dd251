"""Scripts and notebooks of INC 1.X, of 2.X and of optimum-intel, rewritten to `inc_hf`; none of their code is run.

libcst keeps comments and formatting. One file per concept: `imports`, `optimum_*`, `component_*` for the classes of
1.X, `flat_keywords`, `hooks`; `source` applies them to a text, `notebook` to its cells, `files` to what lies on disk.
"""

from inc_hf.errors import UsageError


class ScriptError(UsageError):
    """A script that cannot be read, parsed or overwritten; nothing has been written then."""


def check_installed() -> None:
    """Raise ImportError, with what to install, where libcst is missing."""
    try:
        import libcst  # noqa: F401
    except ImportError as error:
        raise ImportError("Rewriting scripts needs libcst: pip install 'inc-hf[migrate]'") from error
