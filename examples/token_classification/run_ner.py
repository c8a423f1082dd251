"""Fine-tune, prune, distil and quantize a token classifier with the Trainer of transformers.

    python run_ner.py --output_dir dense                                         # MiniLM-L6 on movie reviews from PyPI
    python run_ner.py --model_name_or_path dense --target_sparsity 0.8 --distil --quantize dynamic --output_dir sparse
    python run_ner.py --model_name_or_path bert-base-cased --dataset_name lhoestq/conll2003 --output_dir dense
    python run_ner.py --train_file train.jsonl --validation_file validation.jsonl --output_dir dense
    accelerate launch --multi_gpu --num_processes 2 run_ner.py --use_cpu --output_dir dense   # two processes on CPUs

Files are JSON lines with a list of words and a list of tags, such as
`{"tokens": ["A", "Hitchcock", "film"], "ner_tags": ["O", "PER", "O"]}`. Without data of yours, the words of movie
reviews have the tags positive and negative, from the lexicon of vaderSentiment. With `--distil` the teacher is the
model as it was before training, so it must be fine-tuned. All arguments of TrainingArguments are taken.
`--multi_gpu` only means several processes to Accelerate, on CPUs as well.
"""

import argparse
import copy
import gc
import random
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import numpy as np
from accelerate import PartialState
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    EvalPrediction,
    HfArgumentParser,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from inc_hf import IncQuantizer, PostTrainingQuantConfig
from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig
from inc_hf.demo.assets import PYPI_TEXT, cache_dir, minilm_directory, movie_reviews

HELD_OUT_SENTENCES = 1600


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and names the defaults."""


@dataclass
class Arguments:
    """What is trained, and how it is made smaller."""

    model_name_or_path: str | None = field(default=None, metadata={"help": "Path or Hub name; default: MiniLM-L6."})
    dataset_name: str | None = field(default=None, metadata={"help": "Dataset on the Hub."})
    train_file: str | None = field(default=None, metadata={"help": "JSON lines instead of it."})
    validation_file: str | None = field(default=None, metadata={"help": "JSON lines instead of it."})
    text_column: str = field(default="tokens", metadata={"help": "Column with lists of words."})
    label_column: str = field(default="ner_tags", metadata={"help": "Column with lists of tags, one per word."})
    outside_label: str = field(default="O", metadata={"help": "Tag of the words that F1 does not count."})
    max_length: int = field(default=128, metadata={"help": "Tokens per example; longer ones are cut."})
    max_train_samples: int | None = field(default=None, metadata={"help": "Train on so many examples."})
    target_sparsity: float = field(default=0.0, metadata={"help": "Share of the encoder's weights to prune; 0: none."})
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
        if self.quantize not in (None, "dynamic", "static"):
            raise ValueError(f"`--quantize` must be dynamic or static, got {self.quantize!r}.")


def load_data(arguments: Arguments) -> datasets.DatasetDict:
    """`train` and `validation`, with the columns of words and tags and no others."""
    if arguments.train_file is not None:
        files = {"train": arguments.train_file, "validation": arguments.validation_file}
        data = datasets.load_dataset("json", data_files=files)
    elif arguments.dataset_name is not None:
        data = datasets.load_dataset(arguments.dataset_name)
    else:
        data = tagged_reviews(arguments)
    columns = [arguments.text_column, arguments.label_column]
    for split in ("train", "validation"):
        found = data[split].features
        if missing := [column for column in columns if column not in found]:
            raise ValueError(f"The {split} data has no column {', '.join(missing)}, only {', '.join(found)}.")
        if flat := [column for column in columns if not isinstance(found[column], datasets.List)]:
            raise ValueError(f"The column {flat[0]!r} must have lists, and has {data[split][0][flat[0]]!r}.")
    return datasets.DatasetDict({split: data[split].select_columns(columns) for split in ("train", "validation")})


def tagged_reviews(arguments: Arguments) -> datasets.DatasetDict:
    """Movie reviews, with the words of the sentiment lexicon tagged as positive or negative."""
    valence = sentiment_lexicon()
    rows = [re.findall(r"\w+(?:['-]\w+)*|[^\w\s]", text) for text, _ in movie_reviews()]
    random.Random(0).shuffle(rows)
    scores = [[valence.get(word.lower(), 0.0) for word in row] for row in rows]
    names = {0: arguments.outside_label, 1: "positive", -1: "negative"}
    tags = [[names[int(np.sign(score))] for score in row] for row in scores]
    data = datasets.Dataset.from_dict({arguments.text_column: rows, arguments.label_column: tags})
    held_out, train = range(HELD_OUT_SENTENCES), range(HELD_OUT_SENTENCES, len(data))
    return datasets.DatasetDict(train=data.select(train), validation=data.select(held_out))


def sentiment_lexicon() -> dict[str, float]:
    """Word -> valence in [-4, 4], from the sdist of vaderSentiment 0.5 (Hutto & Gilbert, 2014); downloaded once."""
    folder = cache_dir() / "downloads" / "vaderSentiment"
    if not any(folder.glob("*.zip")):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
        subprocess.run([*command, PYPI_TEXT], check=True)
    with zipfile.ZipFile(next(folder.glob("*.zip"))) as archive:
        name = next(n for n in archive.namelist() if n.endswith("vader_sentiment_lexicon.txt"))
        lines = archive.read(name).decode("utf-8", errors="replace").split("\n")
    rows = [line.split("\t") for line in lines if line.strip()]
    return {row[0]: float(row[1]) for row in rows}


def with_tag_names(data: datasets.DatasetDict, column: str) -> datasets.DatasetDict:
    """The tags as strings: numbers become the names that the dataset has for them, or their digits."""
    feature = data["train"].features[column].feature
    name = feature.int2str if isinstance(feature, datasets.ClassLabel) else str
    strings = datasets.Features({**data["train"].features, column: datasets.List(datasets.Value("string"))})
    return data.map(lambda row: {column: [name(tag) for tag in row[column]]}, features=strings)


def tokenize(
    data: datasets.DatasetDict, tokenizer: PreTrainedTokenizerBase, label2id: dict[str, int], arguments: Arguments
) -> datasets.DatasetDict:
    """Tokens, and at the first token of each word its label; all others have -100, which no loss counts."""

    def encode(batch: dict) -> dict:
        rows = batch[arguments.text_column]
        encoded = tokenizer(rows, is_split_into_words=True, truncation=True, max_length=arguments.max_length)
        encoded["labels"] = []
        for i, tags in enumerate(batch[arguments.label_column]):
            if len(tags) != len(rows[i]):
                raise ValueError(f"A row has {len(rows[i])} words and {len(tags)} tags: {rows[i]}, {tags}.")
            words = encoded.word_ids(i)
            pairs = zip(words, [None, *words], strict=False)
            labels = [-100 if word in (None, last) else label2id[tags[word]] for word, last in pairs]
            encoded["labels"].append(labels)
        return encoded

    return data.map(encode, batched=True, remove_columns=[arguments.text_column, arguments.label_column])


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


def scores_of(prediction: EvalPrediction, outside: int) -> dict[str, float]:
    """Accuracy of all words, and F1 of those that have a tag or are given one."""
    known = prediction.label_ids != -100
    predicted, labels = prediction.predictions[known], prediction.label_ids[known]
    correct = predicted == labels
    tagged = np.sum(predicted != outside) + np.sum(labels != outside)
    f1 = 2 * np.sum(correct & (labels != outside)) / max(tagged, 1)
    return {"accuracy": float(np.mean(correct)), "f1": float(f1)}


def load_model(source: str | Path, labels: list[str], must_be_trained: bool) -> PreTrainedModel:
    """The model with these labels, in its own order if it knows them.

    Raises:
        ValueError: its head is new, although it must be trained.
    """
    label2id = AutoConfig.from_pretrained(source).label2id
    if set(label2id) != set(labels):
        label2id = {label: i for i, label in enumerate(labels)}
    id2label = {i: label for label, i in label2id.items()}
    model, info = AutoModelForTokenClassification.from_pretrained(
        source, label2id=label2id, id2label=id2label, output_loading_info=True
    )
    if must_be_trained and info["missing_keys"]:
        missing = ", ".join(sorted(info["missing_keys"]))
        raise ValueError(
            f"`--distil` learns from the model as it is, but {source} has no {missing}; fine-tune it first, without "
            "`--distil`, and give the result as `--model_name_or_path`."
        )
    return model


def quantize(training: TrainingArguments, approach: str, samples: datasets.Dataset) -> None:
    """INT8 of the model in `output_dir`, in its directory `int8`."""
    quantizer = IncQuantizer.from_pretrained(training.output_dir, task="token-classification")
    target = Path(training.output_dir) / "int8"
    calibration = samples.select(range(min(100, len(samples)))) if approach == "static" else None
    config = PostTrainingQuantConfig(approach=approach)
    quantizer.quantize(config, target, calibration_dataset=calibration, overwrite=True)
    print(f"INT8 model in {target}", file=sys.stderr)


def main() -> None:
    parser = HfArgumentParser((Arguments, TrainingArguments), description=__doc__, formatter_class=Help)
    arguments, training = parser.parse_args_into_dataclasses()
    set_seed(training.seed)
    with training.main_process_first(desc="loading and tokenizing"):
        source = arguments.model_name_or_path or minilm_directory()
        data = with_tag_names(load_data(arguments), arguments.label_column)
        labels = sorted({tag for split in data.values() for tags in split[arguments.label_column] for tag in tags})
        if arguments.outside_label not in labels:
            raise ValueError(f"`--outside_label` must be one of {', '.join(labels)}, got {arguments.outside_label!r}.")
        model = load_model(source, labels, must_be_trained=arguments.distil)
        tokenizer = AutoTokenizer.from_pretrained(source, add_prefix_space=True)  # words have no space before them
        data = tokenize(data, tokenizer, model.config.label2id, arguments)
    if arguments.max_train_samples is not None:
        size = min(arguments.max_train_samples, len(data["train"]))
        data["train"] = data["train"].shuffle(seed=training.seed).select(range(size))
    trainer = Trainer(
        model,
        training,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=lambda prediction: scores_of(prediction, model.config.label2id[arguments.outside_label]),
        preprocess_logits_for_metrics=lambda logits, _: logits.argmax(-1),
        callbacks=callbacks_of(arguments, model),
    )
    has_checkpoint = Path(training.output_dir).is_dir() and get_last_checkpoint(training.output_dir) is not None
    result = trainer.train(resume_from_checkpoint=has_checkpoint)
    trainer.log_metrics("train", result.metrics)
    trainer.log_metrics("eval", trainer.evaluate())
    trainer.save_model()
    if arguments.quantize is not None and trainer.is_world_process_zero():
        quantize(training, arguments.quantize, data["train"])


if __name__ == "__main__":
    main()
    # One of several processes may hang or abort as it ends (pytorch/pytorch#179291), unless the model is gone first.
    gc.collect()
    PartialState().destroy_process_group()
