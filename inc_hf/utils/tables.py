"""The tables of INC's scripts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inc_hf.utils.logger import info


def table_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """The lines of a table with rules around it."""
    texts = [[str(cell) for cell in row] for row in (names, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    rule = f"+{'+'.join('-' * (width + 2) for width in widths)}+"
    lines = [f"|{'|'.join(f' {text:^{width}} ' for text, width in zip(row, widths, strict=True))}|" for row in texts]
    return [rule, lines[0], rule, *lines[1:], rule]


class Statistics:
    """A table with a title, for `print_stat`.

    Args:
        data: rows.
        header (`str`): the title.
        field_names: of the columns.
        output_handle (*optional*): gets line after line; by default it is the log.
    """

    def __init__(
        self,
        data: Iterable[Sequence[Any]],
        header: str,
        field_names: Sequence[str],
        output_handle: Callable[[str], Any] = info,
    ):
        self.data, self.header, self.field_names, self.output_handle = list(data), header, field_names, output_handle

    def print_stat(self) -> None:
        lines = table_of(self.field_names, self.data)
        for line in (f"|{self.header:*^{len(lines[0]) - 2}}|", *lines):
            self.output_handle(line)


def print_table(
    column_mapping: dict[str, str],
    table_entries: Iterable[Any],
    output_handler: Callable[[str], Any] = info,
    title: str | None = None,
    insert_newlines: bool = False,
    precision: int | None = None,
) -> None:
    """Print attributes of objects, column by column.

    Args:
        column_mapping: name of a column -> attribute, such as "config.dtype".
        precision (*optional*): decimals of floats.
        insert_newlines: not used.
    """
    rows = [[_cell(entry, path, precision) for path in column_mapping.values()] for entry in table_entries]
    for line in ([title] if title else []) + table_of(list(column_mapping), rows):
        output_handler(line)


def _cell(entry: Any, path: str, precision: int | None) -> str:
    for name in path.split("."):
        entry = getattr(entry, name)
    return f"{entry:.{precision}f}" if isinstance(entry, float) and precision is not None else str(entry)
