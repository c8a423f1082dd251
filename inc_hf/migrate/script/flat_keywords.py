"""The flat keywords of INC's migration guide become criteria objects."""

from collections.abc import Sequence

import libcst as cst

from inc_hf.config.flat import FLAT
from inc_hf.migrate.script.rewriter import Rewriter

CONFIGS = ("PostTrainingQuantConfig", "QuantizationAwareTrainingConfig")
CLASSES = {"tuning_criterion": "TuningCriterion", "accuracy_criterion": "AccuracyCriterion"}
LOSSES = ("relative", "absolute")


class FlatKeywords(Rewriter):
    """`Config(timeout=0)` becomes `Config(tuning_criterion=TuningCriterion(timeout=0))`."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if (self.inc_name(original_node.func) or "").rpartition(".")[2] not in CONFIGS:
            return updated_node
        flat = [arg for arg in updated_node.args if _name(arg) in FLAT or _name(arg) == "performance_only"]
        if not flat:
            return updated_node
        if any(_name(arg) in CLASSES for arg in updated_node.args):
            self.mark("Write the flat keywords into the criterion that is there, too.")
            return updated_node
        args = [arg for arg in updated_node.args if arg not in flat]
        for field, cls in CLASSES.items():
            if inner := self._inner(field, flat):
                name = self.need("inc_hf.config", cls, original_node.func)
                call = cst.Call(cst.Name(name), inner)
                args.append(keyword(field, call))
        self.work.changes["flat keywords"] += len(flat)
        return updated_node.with_changes(args=tidy(updated_node.args, args))

    def _inner(self, field: str, flat: Sequence[cst.Arg]) -> list[cst.Arg]:
        inner = [arg for arg in flat if FLAT.get(_name(arg)) == field]
        found = []
        for arg in inner:
            if _name(arg) == "absolute":
                found.append(keyword("criterion", cst.SimpleString('"absolute"')))
            name = "tolerable_loss" if _name(arg) in LOSSES else _name(arg)
            found.append(keyword(name, arg.value))
        if field == "tuning_criterion":
            found += self._first_only(flat, found)
        return spaced(found)

    def _first_only(self, flat: Sequence[cst.Arg], found: list[cst.Arg]) -> list[cst.Arg]:
        """`performance_only=True` takes the first trial, as a call of `fit` without `eval_func` does."""
        for arg in flat:
            if _name(arg) == "performance_only" and not (
                isinstance(arg.value, cst.Name) and arg.value.value == "False"
            ):
                if not (isinstance(arg.value, cst.Name) and arg.value.value == "True"):
                    self.mark("`performance_only` became `max_trials=1`; if it may be False, leave that out then.")
                found[:] = [other for other in found if _name(other) != "max_trials"]
                return [keyword("max_trials", cst.Integer("1"))]
        return []


def _name(arg: cst.Arg) -> str:
    return arg.keyword.value if arg.keyword else ""


def keyword(name: str, value: cst.BaseExpression) -> cst.Arg:
    """`name=value`."""
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return cst.Arg(value, cst.Name(name), equal)


def spaced(args: Sequence[cst.Arg]) -> list[cst.Arg]:
    """On one line."""
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    last = len(args) - 1
    return [
        arg.with_changes(
            comma=comma if i < last else cst.MaybeSentinel.DEFAULT, whitespace_after_arg=cst.SimpleWhitespace("")
        )
        for i, arg in enumerate(args)
    ]


def tidy(old: Sequence[cst.Arg], args: Sequence[cst.Arg]) -> list[cst.Arg]:
    """New arguments in the layout of the old ones: one a line, or all on one. Comments of what is gone stay."""
    if not old or not args:
        return spaced(args)
    commas = [arg.comma for arg in old if isinstance(arg.comma, cst.Comma)]
    between = commas[0] if commas and len(old) > 1 else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    between = between.with_changes(whitespace_after=_without_comment(between.whitespace_after))
    laid, own = [], {arg.value: arg for arg in old}
    for arg in args[:-1]:
        before = own.get(arg.value)
        comma = before.comma if before is not None and before is not old[-1] else between
        laid.append(arg.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace("")))
    laid.append(args[-1].with_changes(comma=old[-1].comma, whitespace_after_arg=old[-1].whitespace_after_arg))
    kept = {arg.value for arg in args}
    left_out = [arg for arg in old[:-1] if arg.value not in kept or arg.value is args[-1].value]
    comments = [comment for arg in left_out for comment in _comments(arg)]
    return _with_comments(laid, comments)


def _comments(arg: cst.Arg) -> list[str]:
    space = arg.comma.whitespace_after if isinstance(arg.comma, cst.Comma) else None
    return [space.first_line.comment.value] if _has_lines(space) and space.first_line.comment else []


def _has_lines(space: cst.CSTNode | None) -> bool:
    return isinstance(space, cst.ParenthesizedWhitespace)


def _without_comment(space: cst.CSTNode) -> cst.CSTNode:
    if not _has_lines(space):
        return space
    return space.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])


def _with_comments(args: list[cst.Arg], comments: Sequence[str]) -> list[cst.Arg]:
    """Comments of arguments that are gone, on lines of their own above the last argument."""
    if not comments or len(args) < 2 or not _has_lines(args[-2].comma.whitespace_after):
        return args
    comma = args[-2].comma
    space = comma.whitespace_after
    indent = space.last_line.value
    lines = [cst.EmptyLine(comment=cst.Comment(text), whitespace=cst.SimpleWhitespace(indent)) for text in comments]
    space = space.with_changes(empty_lines=[*space.empty_lines, *lines])
    args[-2] = args[-2].with_changes(comma=comma.with_changes(whitespace_after=space))
    return args
