"""What a conf says of the whole process: the seed, where files go."""

from collections.abc import Iterator
from contextlib import contextmanager

from inc_hf.config import options
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.translate import set_options


@contextmanager
def options_of_conf(sections: Sections) -> Iterator[None]:
    """The options as the conf says while a component works, and as they were afterwards."""
    before = options.to_dict()
    set_options(sections)
    try:
        yield
    finally:
        vars(options).update(before)
