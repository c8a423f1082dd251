"""Prune and distil in a PyTorch loop of your own, with the hooks of Intel Neural Compressor.

    python plain_loop.py --model_name_or_path dense --output_dir sparse     # `dense`: a fine-tuned text classifier
    python plain_loop.py --model_name_or_path dense --output_dir sparse-w4 --weight_bits 4
    python plain_loop.py --model_name_or_path dense --output_dir sparse \\
        --train_file train.tsv --validation_file validation.tsv

Files are CSV or TSV with the columns `sentence` and `label`, numbers from 0; without files, the texts are movie
reviews from PyPI. The teacher is the model as it was before training. With `--weight_bits` the run trains the model to
be quantized, too, and `IncModelForSequenceClassification` loads the result; without it, any `from_pretrained` does.
"""

import argparse
import copy
from dataclasses import dataclass, field

import datasets
import torch
from torch.utils.data import DataLoader, RandomSampler
from tqdm.auto import tqdm
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    HfArgumentParser,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from inc_hf.config import (
    DistillationConfig,
    KnowledgeDistillationLossConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from inc_hf.demo.data import load_splits
from inc_hf.prune import get_sparsity_ratio
from inc_hf.training import CompressionManager, prepare_compression


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and names the defaults."""


@dataclass
class Arguments:
    """What is trained, and how it is made smaller."""

    model_name_or_path: str = field(metadata={"help": "Path or Hub name of a fine-tuned text classifier."})
    output_dir: str = field(metadata={"help": "Where the compressed model goes; what is there is replaced."})
    train_file: str | None = field(default=None, metadata={"help": "CSV or TSV; default: movie reviews from PyPI."})
    validation_file: str | None = field(default=None, metadata={"help": "CSV or TSV of the same form."})
    max_length: int = field(default=64, metadata={"help": "Tokens per example; longer ones are cut."})
    target_sparsity: float = field(default=0.8, metadata={"help": "Share of the encoder's weights to prune."})
    pruning_frequency: int | None = field(
        default=None, metadata={"help": "Steps between updates; default: by length."}
    )
    weight_bits: int | None = field(default=None, metadata={"help": "2 to 8: quantization-aware training."})
    num_train_epochs: int | None = field(default=None, metadata={"help": "Instead of steps: how often to see all."})
    max_steps: int = field(default=300, metadata={"help": "Optimizer steps."})
    batch_size: int = field(default=32, metadata={"help": "Sentences per step."})
    learning_rate: float = field(default=2e-4, metadata={"help": "At the beginning; it falls to 0."})
    seed: int = field(default=0, metadata={"help": "Of the order of the data, and of dropout."})

    def __post_init__(self):
        if (self.train_file is None) != (self.validation_file is None):
            raise ValueError("`--train_file` and `--validation_file` belong together.")


def load_model(source: str) -> PreTrainedModel:
    """The classifier.

    Raises:
        ValueError: its head is new, and could teach nothing.
    """
    model, info = AutoModelForSequenceClassification.from_pretrained(source, output_loading_info=True)
    if info["missing_keys"]:
        missing = ", ".join(sorted(info["missing_keys"]))
        raise ValueError(f"The model teaches itself, but {source} has no {missing}; fine-tune it first.")
    return model


def load_data(
    arguments: Arguments, tokenizer: PreTrainedTokenizerBase, num_labels: int
) -> tuple[datasets.Dataset, datasets.Dataset]:
    """What to train on and what to evaluate on, as tokens with their `label`.

    Raises:
        ValueError: a column is missing, or the model does not know a label.
    """
    if arguments.train_file is not None:
        files = {"train": arguments.train_file, "validation": arguments.validation_file}
        form = {"delimiter": "\t", "quoting": 3} if arguments.train_file.endswith(".tsv") else {}
        data = datasets.load_dataset("csv", data_files=files, **form)
    else:
        splits = load_splits(from_hub=False)
        pairs = {"train": splits.train, "validation": splits.held_out}
        rows = {split: [{"sentence": text, "label": label} for text, label in part] for split, part in pairs.items()}
        data = datasets.DatasetDict({split: datasets.Dataset.from_list(part) for split, part in rows.items()})
    for split, part in data.items():
        if missing := [column for column in ("sentence", "label") if column not in part.column_names]:
            found = ", ".join(part.column_names)
            raise ValueError(f"The {split} data has no column {', '.join(missing)}, only {found}.")
        if unknown := set(part["label"]) - set(range(num_labels)):
            got = ", ".join(sorted(map(repr, unknown))[:10])
            raise ValueError(f"Labels must be 0 to {num_labels - 1}, those of the model; the {split} data has {got}.")

    def encode(batch: dict) -> dict:
        return tokenizer(batch["sentence"], truncation=True, max_length=arguments.max_length)

    unused = [name for name in data["train"].column_names if name != "label"]
    encoded = data.map(encode, batched=True, remove_columns=unused)
    return encoded["train"], encoded["validation"]


def configs_of(arguments: Arguments, teacher: torch.nn.Module) -> list:
    """Called in this order at each hook: distillation, pruning, quantization."""
    loss = KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.0, 1.0])
    pruning = WeightPruningConfig(
        target_sparsity=arguments.target_sparsity,
        start_step=0.05,
        end_step=0.6,
        pruning_frequency=arguments.pruning_frequency,
        sparsity_decay_type="cubic",
        excluded_op_names=["pooler", "classifier"],
    )
    configs = [DistillationConfig(teacher, loss), pruning]
    if arguments.weight_bits is not None:
        bits = {"Linear": {"weight": {"bits": arguments.weight_bits}}}
        configs.append(QuantizationAwareTrainingConfig(op_type_dict=bits))
    return configs


def train(manager: CompressionManager, batches: DataLoader, learning_rate: float) -> None:
    model = manager.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(batches))
    model.train()
    manager.on_train_begin(optimizer=optimizer)
    for step, batch in enumerate(tqdm(batches)):
        manager.on_step_begin(step)
        outputs = model(**batch)
        loss = manager.on_after_compute_loss(batch, outputs, outputs.loss)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
        scheduler.step()
        optimizer.zero_grad()
        manager.on_step_end()
    manager.on_train_end()


@torch.no_grad()
def accuracy(model: torch.nn.Module, batches: DataLoader) -> float:
    model.eval()
    hits = [model(**batch).logits.argmax(-1) == batch["labels"] for batch in batches]
    return torch.cat(hits).float().mean().item()


def main() -> None:
    (arguments,) = HfArgumentParser(Arguments, description=__doc__, formatter_class=Help).parse_args_into_dataclasses()
    set_seed(arguments.seed)
    model = load_model(arguments.model_name_or_path)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model_name_or_path)
    train_data, validation_data = load_data(arguments, tokenizer, model.config.num_labels)
    if arguments.num_train_epochs is not None:
        arguments.max_steps = arguments.num_train_epochs * -(-len(train_data) // arguments.batch_size)
    collator = DataCollatorWithPadding(tokenizer)
    sampler = RandomSampler(train_data, num_samples=arguments.max_steps * arguments.batch_size)
    batches = DataLoader(train_data, arguments.batch_size, sampler=sampler, collate_fn=collator)
    validation = DataLoader(validation_data, 32, collate_fn=collator)
    manager = prepare_compression(model, configs_of(arguments, copy.deepcopy(model)), max_steps=arguments.max_steps)
    print(f"dense: accuracy {accuracy(manager.model, validation):.2%}")
    train(manager, batches, arguments.learning_rate)
    zeros, *_ = get_sparsity_ratio([], manager.model)
    print(f"compressed: accuracy {accuracy(manager.model, validation):.2%}, {zeros:.2%} of the weights are zero")
    manager.save(arguments.output_dir)
    tokenizer.save_pretrained(arguments.output_dir)


if __name__ == "__main__":
    main()
