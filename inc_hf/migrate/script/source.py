"""One source text, rewritten."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper

from inc_hf.migrate.script.components import Components
from inc_hf.migrate.script.flat_keywords import CONFIGS, FlatKeywords
from inc_hf.migrate.script.hidden import Hidden, hide
from inc_hf.migrate.script.hooks import RENAMED, Hooks
from inc_hf.migrate.script.imports import Imports
from inc_hf.migrate.script.one_line import OneLine
from inc_hf.migrate.script.optimum import Optimum
from inc_hf.migrate.script.optimum_quantizer import OptimumQuantizer
from inc_hf.migrate.script.optimum_trainer import OptimumTrainer
from inc_hf.migrate.script.removed import Sweeper
from inc_hf.migrate.script.rewriter import Rewriter, Work, bound_names
from inc_hf.migrate.script.strings import Strings
from inc_hf.migrate.script.unused import Unused, Used

_WORDS = re.compile(
    r"neural[-_]co|neural_(?:solution|insights)|lpot|\bilit\b|inc_hf|optimum[.-]intel|optimum\[|INCTrainer"
    "|intel_extension_for_transformers"
)
# In quotes, in annotations, or behind a name that is given to `import_module`
_IN_STRINGS = re.compile(r"""["'].*(?:neural|lpot|ilit|optimum|inc_hf)|:\s*(?:neural_compressor|lpot)\.""")
EXPERIMENTAL = ("experimental",)
REMOVABLE = (*EXPERIMENTAL, "optimum")  # some imports of these are not used any more afterwards
# In this order, each only where one of its words is in the text
PASSES: dict[type[Rewriter], tuple[str, ...]] = {
    OptimumQuantizer: ("optimum",),
    OptimumTrainer: ("INC",),
    Optimum: ("optimum",),
    Hooks: tuple(RENAMED),
    Components: EXPERIMENTAL,
    FlatKeywords: tuple(f"{name}(" for name in CONFIGS),
}


@dataclass
class Rewritten:
    """What became of a text.

    Args:
        text (`str`): the new one.
        changes (`Counter`): kind of change -> places.
        notes (`list[str]`): what a reader should know.
    """

    text: str
    changes: Counter[str]
    notes: list[str]


class Tree:
    """A module whose text and metadata are made anew only where a pass has changed something.

    Args:
        names (`set[str]`): what else the script binds.
    """

    def __init__(self, module: cst.Module, names: set[str]):
        self.names = names
        self._set(module, module.code)

    def _set(self, module: cst.Module, code: str) -> None:
        self.code, self._wrapper = code, MetadataWrapper(module)
        self.taken = bound_names(module) | self.names

    def has(self, words: Iterable[str]) -> bool:
        """Whether one of the words is in the text."""
        return any(word in self.code for word in words)

    def visit(self, rewriter: Rewriter, *others: cst.CSTTransformer) -> None:
        """Let a pass, and others that need no metadata, change the module."""
        rewriter.taken = self.taken
        module = self._wrapper.visit(rewriter)
        for other in others:
            module = module.visit(other)
        if (code := module.code) != self.code:
            self._set(module, code)


def concerns(text: str) -> bool:
    """Whether a text may have anything of INC in it."""
    return bool(_WORDS.search(text))


def rewrite_text(text: str, path: Path) -> Rewritten:
    """The text with `inc_hf` instead of INC and of optimum-intel's classes for it.

    Args:
        path (`Path`): where the text lies: confs are looked for beside it.

    Raises:
        cst.ParserSyntaxError: it is no Python.
    """
    hidden = hide(text)
    module = cst.parse_module(hidden.text)
    if hidden.parts and module.code != hidden.text:  # an indented comment at the end of what is left, for example
        hidden, module = Hidden(text), cst.parse_module(text)
    work, tree = Work(path), Tree(module, hidden.names)
    used = Used(work)
    if tree.has(REMOVABLE):
        tree.visit(used)
    if tree.has(EXPERIMENTAL) and ";" in tree.code:
        tree.visit(OneLine(work))
    for rewriter, words in PASSES.items():
        if tree.has(words):
            tree.visit(rewriter(work))
    if used.used or tree.has(("optimum.intel",)):
        tree.visit(Unused(work, used.used), Sweeper())
    if concerns(tree.code):
        if _IN_STRINGS.search(tree.code):
            tree.visit(Strings(work))
        tree.visit(Imports(work))
    return Rewritten(hidden.show(tree.code), work.changes, work.notes)
