"""Names for new code that mean nothing else in the script."""

from collections.abc import Collection, Sequence

import libcst as cst


def free_name(name: str, taken: Collection[str], *others: str) -> str:
    """The name itself, the first of the others that is free, or the last with as many underscores as it takes."""
    names = [name, *others]
    while (last := names[-1]) in taken:
        names.append(f"{last}_")
    return next(each for each in names if each not in taken)


def bound_by(lines: Sequence[str]) -> list[str]:
    """Names that lines of assignments bind."""
    targets = [
        target.target
        for statement in cst.parse_module("\n".join(lines) + "\n").body
        for small in statement.body
        if isinstance(small, cst.Assign)
        for target in small.targets
    ]
    return [target.value for target in targets if isinstance(target, cst.Name)]


def renamed(lines: Sequence[str], names: dict[str, str]) -> list[str]:
    """The lines with other names."""
    if all(old == new for old, new in names.items()):
        return list(lines)
    return cst.parse_module("\n".join(lines)).visit(_Renamer(names)).code.split("\n")


class _Renamer(cst.CSTTransformer):
    def __init__(self, names: dict[str, str]):
        super().__init__()
        self.names = names

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=self.names.get(original_node.value, original_node.value))

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        return updated_node.with_changes(attr=original_node.attr)
