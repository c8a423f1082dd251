"""A teacher that is another model: whether it can teach this student."""

from transformers import AutoConfig

from inc_hf.commands.loading import load_tokenizer, outline_of
from inc_hf.commands.training.head import Head
from inc_hf.errors import UsageError
from inc_hf.models.source import source_of


def labels_of_teacher(teacher: str, task: str, trusts: bool) -> list[str] | None:
    """The labels of a teacher in their order; None of a task without labels.

    Raises:
        UsageError: it was not trained for the task.
    """
    outline_of(teacher, task, trusts)
    if task == "question-answering":
        return None
    config = AutoConfig.from_pretrained(teacher, **source_of(teacher, trusts))
    return [config.id2label[i] for i in range(config.num_labels)]


def check_teacher(teacher: str, labels: list[str] | None, head: Head, tokenizer: object, trusts: bool) -> None:
    """Refuse a teacher with other labels or tokens than the student's, whose logits would be of something else."""
    own = None if labels is None else [head.config.id2label[i] for i in range(head.config.num_labels)]
    if labels != own:
        raise UsageError(
            f"The teacher {teacher} has the labels {', '.join(labels)}, and the model {', '.join(own)}; take a "
            "teacher with the same ones in the same order, or begin with --new-head."
        )
    its = load_tokenizer(teacher, trusts)
    if its is not None and its.get_vocab() != tokenizer.get_vocab():
        raise UsageError(
            f"The teacher {teacher} reads other tokens than the model; take a teacher with the same vocabulary."
        )
