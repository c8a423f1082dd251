"""Names with dots."""

import libcst as cst


def dotted(node: cst.CSTNode | None) -> str:
    """A name with its dots, "" for what is no name."""
    match node:
        case cst.Name(value=name):
            return name
        case cst.Attribute(value=value, attr=cst.Name(value=name)):
            return f"{dotted(value)}.{name}" if dotted(value) else ""
    return ""


def first_of(node: cst.BaseExpression) -> cst.BaseExpression:
    """The part before the first dot."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return node
