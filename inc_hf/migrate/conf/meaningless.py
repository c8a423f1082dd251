"""What means nothing any more, in one list, and why."""

from inc_hf.migrate.conf.sections import Conf, Ignored


def ignored_keys(conf: Conf) -> list[Ignored]:
    """The keys of a conf that mean nothing any more."""
    return []
