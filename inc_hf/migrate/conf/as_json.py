"""The configs of a conf as data."""

import json

from inc_hf.migrate.conf.sections import Conf
from inc_hf.migrate.conf.translate import configs_of, options_of


def as_json(conf: Conf, steps_per_epoch: int | None = None) -> str:
    """
    `{"configs": {"post_training": {...}, ...}, "options": {...}, "ignored": [...]}` as text. A config comes back with
    its `from_dict`.

    Raises:
        ConfError: 2.X has no counterpart, or the length of an epoch is needed.
    """
    content = {
        "configs": {kind: config.to_dict() for kind, config in configs_of(conf, steps_per_epoch).items()},
        "options": options_of(conf),
        "ignored": [vars(entry) for entry in conf.ignored],
    }
    return json.dumps(content, indent=2) + "\n"
