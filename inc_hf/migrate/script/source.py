"""One source text, rewritten."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper

from inc_hf.migrate.script.components import Components
from inc_hf.migrate.script.flat_keywords import CONFIGS, FlatKeywords
from inc_hf.migrate.script.hooks import RENAMED, Hooks
from inc_hf.migrate.script.imports import Imports
from inc_hf.migrate.script.optimum import Optimum
from inc_hf.migrate.script.optimum_quantizer import OptimumQuantizer
from inc_hf.migrate.script.optimum_trainer import OptimumTrainer
from inc_hf.migrate.script.removed import Sweeper
from inc_hf.migrate.script.rewriter import Rewriter, Work
from inc_hf.migrate.script.unused import Unused, Used

WORDS = ("neural_compressor", "neural-compressor", "lpot", "inc_hf", "optimum.intel", "optimum-intel", "INCTrainer")
EXPERIMENTAL = ("experimental",)
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
        module (`cst.Module`): the new text.
        changes (`Counter`): kind of change -> places.
        notes (`list[str]`): what a reader should know.
    """

    module: cst.Module
    changes: Counter[str]
    notes: list[str]


def concerns(text: str) -> bool:
    """Whether a text may have anything of INC in it."""
    return any(word in text for word in WORDS)


def has(module: cst.Module, words: tuple[str, ...]) -> bool:
    """Whether one of the words is in the text."""
    return any(word in module.code for word in words)


def rewrite(module: cst.Module, path: Path) -> Rewritten:
    """The module with `inc_hf` instead of INC and of optimum-intel's classes for it.

    Args:
        path (`Path`): where the text lies: confs are looked for beside it.
    """
    work = Work(path)
    used = Used(work)
    if has(module, EXPERIMENTAL):
        MetadataWrapper(module).visit(used)
    for transformer, words in PASSES.items():
        if has(module, words):
            module = MetadataWrapper(module).visit(transformer(work))
    if used.used:
        module = MetadataWrapper(module).visit(Unused(work, used.used)).visit(Sweeper())
    if has(module, WORDS):
        module = MetadataWrapper(module).visit(Imports(work))
    return Rewritten(module, work.changes, work.notes)


def rewrite_text(text: str | bytes, path: Path) -> Rewritten:
    """As [`rewrite`].

    Raises:
        cst.ParserSyntaxError: it is no Python.
    """
    return rewrite(cst.parse_module(text), path)
