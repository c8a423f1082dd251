"""What a `train` section of 1.X says to the training loop, in words."""

from inc_hf.migrate.conf.data_sections import TrainSection
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.sections import Conf

SECTIONS = ("quantization", "pruning", "distillation")


def training_notes(conf: Conf) -> list[str]:
    """One sentence per training that the file describes."""
    notes = []
    for name in SECTIONS:
        section = getattr(conf, name)
        if section is not None and section.train is not None:
            notes.append(f"For your training loop or TrainingArguments, from `{name}.train`: {_words(section.train)}.")
    return notes


def epochs_of(train: TrainSection) -> range:
    """The epochs that INC's own loop runs."""
    end = train.epoch if train.end_epoch is None else train.end_epoch
    return range(train.start_epoch, max(end, train.start_epoch))


def _words(train: TrainSection) -> str:
    epochs = epochs_of(train)
    words = [f"{len(epochs)} epochs" + (f", from number {epochs.start}" if epochs.start else "")]
    if train.iteration is not None:
        words.append(f"{train.iteration} batches of each at most")
    words += [f"optimizer {named(train.optimizer)}"] if train.optimizer is not None else []
    words += [f"loss {named(train.criterion)}"] if train.criterion is not None else []
    return "; ".join(words)


def named(value: Named) -> str:
    """A name with its settings, as a call."""
    settings = ", ".join(f"{key}={setting!r}" if key else repr(setting) for key, setting in value.args.items())
    return f"{value.name}({settings})"
