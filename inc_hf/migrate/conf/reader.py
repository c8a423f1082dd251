"""From a YAML file, or a dict, to a [`Conf`]."""

import os
from pathlib import Path

from inc_hf.config.checks import wrong_type
from inc_hf.migrate.conf.builder import Builder
from inc_hf.migrate.conf.data_sections import DataloaderSection
from inc_hf.migrate.conf.entries import entry_of
from inc_hf.migrate.conf.loader import load_file
from inc_hf.migrate.conf.meaningless import ignored_keys
from inc_hf.migrate.conf.rules import check_rules
from inc_hf.migrate.conf.sections import Conf


def read_conf(source: str | os.PathLike | dict) -> Conf:
    """
    Read a YAML file of INC 1.X, which is never written to, or its content as a dict.

    Raises:
        ConfError: it is no such file; says the file, the line and the key, what is allowed, and the nearest key.
        OSError: it cannot be opened.
    """
    if isinstance(source, dict):
        path, entry = None, entry_of(source)
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        entry = load_file(path)
    else:
        raise wrong_type("source", "a path or a dict", source)
    conf = Builder(path).conf(entry)
    check_rules(conf)
    conf.ignored = ignored_keys(conf)
    return conf


def read_dataloader(content: dict) -> DataloaderSection:
    """A `dataloader` section from a dict."""
    return Builder(None).build(DataloaderSection, entry_of(content), ())
