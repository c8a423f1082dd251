"""The YAML of INC 1.X: `read_conf` reads it, `translate` gives the configs of 2.X, `python_code` their source text."""

from inc_hf.migrate.conf.errors import ConfError
from inc_hf.migrate.conf.reader import read_conf
from inc_hf.migrate.conf.sections import Conf, Ignored, ModelSection

__all__ = ["Conf", "ConfError", "Ignored", "ModelSection", "read_conf"]
