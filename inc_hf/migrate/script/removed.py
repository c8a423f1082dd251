"""Statements that go, while the comments around them stay."""

from collections.abc import Sequence

import libcst as cst

from inc_hf.migrate.script.marks import Statement

GONE = "__inc_hf_gone__"


def gone(statement: cst.SimpleStatementLine, comment_goes: bool = False) -> cst.SimpleStatementLine:
    """A place-holder that [`Sweeper`] removes; it keeps the comments."""
    line = statement.with_changes(body=[cst.Expr(cst.Name(GONE))])
    return line.with_changes(trailing_whitespace=cst.TrailingWhitespace()) if comment_goes else line


def is_gone(statement: cst.CSTNode) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Name(value=name))]):
            return name == GONE
    return False


class Sweeper(cst.CSTTransformer):
    """Removes place-holders; what stood above them, or behind, stands above the next statement."""

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        if not any(map(is_gone, updated_node.body)):
            return updated_node
        body, carried = swept(updated_node.body)
        return updated_node.with_changes(body=body, footer=[*carried, *updated_node.footer])

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock):
        if not any(map(is_gone, updated_node.body)):
            return updated_node
        body, carried = swept(updated_node.body)
        if not body:
            return updated_node.with_changes(body=[cst.SimpleStatementLine([cst.Pass()], leading_lines=carried)])
        return updated_node.with_changes(body=body, footer=[*carried, *updated_node.footer])


def swept(statements: Sequence[Statement]) -> tuple[list[Statement], list[cst.EmptyLine]]:
    """The statements that stay, and the comments that found none to stand above."""
    kept: list[Statement] = []
    above: list[cst.EmptyLine] = []
    for statement in statements:
        lines = list(statement.leading_lines)
        if is_gone(statement):
            if comment := statement.trailing_whitespace.comment:
                lines.append(cst.EmptyLine(comment=comment))
            above = [*above, *lines] if _has_comment(lines) else above or lines
            continue
        is_set_off = bool(lines) and lines[0].comment is None
        lines = lines if is_set_off and not _has_comment(above) else [*above, *lines]
        kept.append(statement.with_changes(leading_lines=lines))
        above = []
    return kept, [line for line in above if line.comment]


def _has_comment(lines: Sequence[cst.EmptyLine]) -> bool:
    return any(line.comment for line in lines)
