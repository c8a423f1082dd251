"""YAML text as entries."""

from pathlib import Path

import yaml

from inc_hf.migrate.conf.entries import Entry
from inc_hf.migrate.conf.errors import ConfError
from inc_hf.migrate.conf.nodes import Loader, NodeReader

LARGEST_FILE = 256 << 10


def load_file(path: Path) -> Entry:
    """The content of a YAML file, which is only read.

    Raises:
        ConfError: it is no YAML, or more than a conf can be.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ConfError(f"is larger than {LARGEST_FILE >> 10} KiB, so it is no conf of INC.", path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfError(f"is not UTF-8 (byte 0x{content[error.start]:02x}); save it as UTF-8.", path, line) from None
    return load_text(text, path)


def load_text(text: str, file: Path | None = None) -> Entry:
    """The content of YAML text."""
    try:
        loader = Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, file) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{error.character:04X}" if isinstance(error.character, int) else repr(error.character)
        raise ConfError(f"is not valid YAML: the character {character} is not allowed.", file, line) from None
    except (ValueError, OverflowError) as error:  # of PyYAML, on escapes and directives with impossible numbers
        raise ConfError(f"is not valid YAML: {error}.", file) from None
    if node is None:
        raise ConfError("is empty; a conf has at least `model` with `name` and `framework`.", file)
    return NodeReader(loader, file).entry(node, ())


def _not_yaml(error: yaml.MarkedYAMLError, file: Path | None) -> ConfError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    if "single document" in str(error.context):
        return ConfError("is more than one YAML document; a conf is one.", file, line)
    context = f"{error.context}, " if error.context else ""
    began = error.context_mark
    context += f"which began in line {began.line + 1}, " if began is not None and began.line + 1 != line else ""
    return ConfError(f"is not valid YAML: {context}{error.problem}.", file, line)
