"""Which names of a script the rewriting has to know all uses of."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from inc_hf.migrate.script.hooks import RENAMED

# A statement that has one of these is looked at; `train_...`: what tells how long an epoch is
WORDS = (
    "neural",
    "lpot",
    r"\bilit\b",
    "inc_hf",
    "optimum",
    "INCTrainer",
    "intel_extension_for_transformers",
    "_quantized_model",
    "train_(?:data)?loader",
    *RENAMED,
)
_WORDS = re.compile("|".join(WORDS))
_COMPONENT = re.compile(
    "Quantization|Pruning|Distillation|MixedPrecision|Benchmark|Component|Scheduler|ModelConversion"
)
_MAKER = re.compile(f"{_COMPONENT.pattern}|prepare_compression|Quantizer|Trainer")
_CONFIGS = ("pruning_config", "distillation_config", "quantization_config")  # of trainers


@dataclass
class Interest:
    """
    Args:
        names (`set[str]`): imported from INC, made with what is imported, or given to it.
        components (`set[str]`): those that may be components of 1.X: between the first and the last use of one all
            statements may matter.
    """

    names: set[str] = field(default_factory=set)
    components: set[str] = field(default_factory=set)


def interest_of(tree: ast.Module) -> Interest:
    """What to look for in a script."""
    nodes = list(ast.walk(tree))
    makers = {called: name for node in nodes for name, called in _imported(node)}
    for node in nodes:
        if isinstance(node, ast.ClassDef) and (name := _maker(node.bases, makers)):
            makers.setdefault(node.name, name)
    found = Interest(set(makers))
    for node in nodes:
        match node:
            case ast.ClassDef(name=name) if name in makers:
                found.names.add("self")
            case ast.Assign(targets=targets, value=ast.Constant(value=str(text))) if _WORDS.search(text):
                found.names |= set(map(_last, targets)) - {""}
            case ast.Assign(value=ast.Call(func=function) as call, targets=targets):
                if (name := _maker([function], makers)) and _MAKER.search(name):
                    made = set(map(_last, targets)) - {""}
                    found.names |= made | set(_names(call.args, call.keywords))
                    found.components |= made if _COMPONENT.search(name) else set()
            case ast.Call(func=function, keywords=keywords) if _maker([function], makers):
                found.names |= set(_names([], [each for each in keywords if each.arg in _CONFIGS]))
    return found


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Names of INC: what they are there, and what they are called here."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                if _WORDS.search(alias.name):
                    yield alias.name, alias.asname or alias.name.partition(".")[0]
        case ast.ImportFrom(names=aliases, module=module):
            for alias in aliases:
                if _WORDS.search(f"{module}.{alias.name}"):
                    yield alias.name, alias.asname or alias.name


def _maker(names: list[ast.expr], makers: dict[str, str]) -> str:
    """What one of these names is in INC, with all its parts."""
    for name in names:
        parts = _parts(name)
        if parts and parts[0] in makers:
            return ".".join([makers[parts[0]], *parts[1:]])
    return ""


def _parts(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=name):
            return [*parts, name] if (parts := _parts(value)) else []
    return []


def _names(args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[str]:
    """Of what is passed: the name, or what it is called where it comes from."""
    for value in [*args, *(each.value for each in keywords)]:
        for node in ast.walk(value):
            if isinstance(node, ast.Name) and not isinstance(value, ast.Attribute):
                yield node.id
        if isinstance(value, ast.Attribute):
            yield value.attr


def _last(target: ast.AST) -> str:
    """How the last part of a name is called."""
    return (_parts(target) or [""])[-1]
