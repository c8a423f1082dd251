"""Texts for encoders: INC's "bert", of what is tokenized already."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from inc_hf.config.checks import check_choice
from inc_hf.errors import UsageError

WITH_TYPES = ("bert", "xlnet")  # others have one kind of tokens


class BertDataset(Dataset):
    """Pairs of the inputs of an encoder and its label, from rows of tensors as those of a `TensorDataset` are.

    Args:
        dataset: rows `(input_ids, attention_mask, token_type_ids, labels)`; for "squad" any fourth, and of XLNet
            and XLM `cls_index` and `p_mask` behind it.
        task (`str`): "classifier" or "squad".
        model_type (`str`, *optional*, defaults to `"bert"`): token types are given to "bert" and "xlnet" only.
        transform (*optional*): a function of a row.
        filter: not used.
    """

    def __init__(
        self, dataset: Any, task: str, model_type: str = "bert", transform: Callable | None = None, filter: Any = None
    ):
        check_choice("task", task, ("classifier", "squad"))
        self.dataset, self.task, self.model_type, self.transform = dataset, task, model_type, transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[dict[str, Tensor], Any]:
        row = self.dataset[index]
        row = row if self.transform is None else self.transform(row)
        needed = 4 if self.task == "classifier" else 3
        if len(row) < needed:
            raise UsageError(f"A row of {self.task!r} has at least {needed} tensors, row {index} has {len(row)}.")
        inputs = {"input_ids": row[0], "attention_mask": row[1]}
        if self.model_type in WITH_TYPES:
            inputs["token_type_ids"] = row[2]
        if self.task == "classifier":
            return {**inputs, "labels": row[3]}, row[3]
        if self.model_type in ("xlnet", "xlm") and len(row) > 5:
            inputs |= {"cls_index": row[4], "p_mask": row[5]}
        return inputs, index
