"""Command lines of `inc-hf train`, `prune` and `distill` that are wrong: one line, code 2, and nothing is written."""

import re
import shlex
from pathlib import Path

import pytest
from commandline import error_line
from training_fixture import everything

from inc_hf.commands.main import main

pytest.importorskip("datasets")
pytest_plugins = ["training_fixture"]

OK = "-o out --task text-classification --dataset train.tsv"
TEXT = "-o out --task text-classification --dataset"
WRONG = {
    "train": "the following arguments are required: -o",
    f"train {OK}": "Which model",
    "train classifier -o out": "needs data to learn from: give --dataset",
    "train classifier -o out --task text-classification": "needs data to learn from: give --dataset",
    "train classifier -o out --dataset train.tsv": "Give --task, one of text-classification",
    "train classifier -o out --dataset train.tsv --task text-clasification": "did you mean 'text-classification'",
    "train classifier -o out --dataset train.tsv --task fill-mask": "only models for text-classification, token",
    f"train nowhere {OK}": "nowhere",
    f"train train.tsv {OK}": "train.tsv",
    f"train . {OK}": "holds no model.*did you mean classifier, encoder",
    f"train classifier {OK} --sparsity 80": "share of the weights above 0 and below 1, got '80'; 80 % is 0.8",
    f"train classifier {OK} --sparsity 0": "above 0",
    f"train classifier {OK} --sparsity half": "'half'",
    f"train classifier {OK} --sparsity 0.8 --pattern 2:4": "at most 0.5 with the pattern '2:4'",
    f"train classifier {OK} --pattern 4by1": "N:M",
    f"train classifier {OK} --weight-bits 9": "from 2 to 8, got '9'",
    f"train classifier {OK} --approach fast": "one of dynamic, static",
    f"train classifier {OK} --epochs 0": "above 0",
    f"train classifier {OK} --epochs many": "'many'",
    f"train classifier {OK} --learning-rate -1": "above 0",
    f"train classifier {OK} --batch-size 0": "at least 1",
    f"train classifier {OK} --max-steps 1.5": "'1.5'",
    f"train classifier {OK} --max-steps 5 --epochs 2": "leave out one",
    f"train classifier {OK} --seed -1": "--seed",
    f"train classifier {OK} --max-length 2": "at least 8",
    f"train classifier {OK} --temperature 0": "above 0",
    f"train classifier {OK} --no-quantize --qat": "leave out what says how to quantize",
    f"train classifier {OK} --no-quantize --weight-bits 4": "leave out what says how to quantize",
    f"train classifier {OK} --no-distill --teacher encoder": "leave out what says how to distil",
    f"train classifier {OK} --teacher nowhere": "nowhere",
    f"train classifier {OK} --teacher encoder": "encoder is a BertModel.*was not trained for .text-classification",
    f"train classifier {OK} --eval train.tsv": "judge by other data",
    f"train classifier {OK} --eval nowhere.tsv": "no file 'nowhere.tsv'",
    f"train classifier {OK} --metric f1": "there is none",
    f"train classifier {OK} --eval validation.tsv --metric stsb": "--metric stsb",
    f"train classifier {OK} --split test": "--split is of a dataset of the Hub",
    f"train classifier {OK} --dataset-config sst2": "--dataset-config is of a dataset of the Hub",
    f"train classifier {OK} --text-column words": "has no column 'words', only sentence, label",
    f"train classifier {OK} --label-column star": "has no column 'star'",
    f"train classifier {OK} --resume": "nothing to resume",
    f"train classifier {OK} --workspace full": "full holds other files",
    f"train classifier {OK} --push-to-hub 'a b'": "a b cannot be a repository",
    f"train classifier {OK} --texts texts.txt": "unrecognized arguments",
    f"train classifier {OK} --sparsty 0.8": "did you mean '--sparsity'",
    f"train int8 {OK}": "int8 is already quantized",
    f"train nothing {OK}": "nothing has no tokenizer",
    "train classifier -o full --task text-classification --dataset train.tsv": "full is not empty",
    "train classifier -o classifier --overwrite --task text-classification --dataset train.tsv": "is the model itself",
    f"train classifier {TEXT} stars.tsv": "'five' in row 1 .* is none of.*--new-head",
    f"train encoder {TEXT} one.tsv": "at least two of them",
    f"train encoder {TEXT} gaps.tsv": "the numbers 0, 1, 2, … without gaps",
    f"train encoder {TEXT} bare.tsv": "no labels to learn; the columns are sentence",
    f"train encoder {TEXT} asked.json": "no labels to learn",
    "train encoder -o out --task token-classification --dataset train.tsv": "a list of words and a list of tags",
    "train encoder -o out --task question-answering --dataset train.tsv": "train.tsv: Evaluation needs answers",
    f"train encoder {OK} --eval stars.tsv": "stars.tsv: The label 'five'",
    f"train classifier {OK} --config nowhere.yaml": "No such file",
    f"train classifier {OK} --config broken.yaml": "broken.yaml cannot be read",
    f"train classifier {OK} --config list.json": "has no sections",
    f"train classifier {OK} --config section.yaml": "'prunning' is none of .*did you mean 'pruning'",
    f"train classifier {OK} --config flat.yaml": "`pruning` takes fields",
    f"train classifier {OK} --config field.yaml": "field 'target_sparcity'.*did you mean 'target_sparsity'",
    f"train classifier {OK} --config rate.yaml": "no field 'learning_rat'; did you mean 'learning_rate'",
    f"train classifier {OK} --config kind.yaml": "`training.learning_rate` takes float, got 'fast'",
    f"train classifier {OK} --config owned.yaml": "`training.output_dir` has no effect here: .* -o DIR",
    f"train classifier {OK} --config choice.yaml": "These settings of the training cannot be",
    f"train classifier {OK} --config types.yaml": "no_such_layer",
    f"prune classifier {OK} --config integers.yaml": "'quantization' is for inc-hf train",
    f"prune classifier {OK} --texts texts.txt": "with a --dataset leave it out",
    f"prune classifier {OK} --qat": "unrecognized arguments",
    "prune classifier -o out --epochs 2": "--epochs is for a training, which needs a --dataset",
    "prune classifier -o out --resume": "--resume is for a training, which needs a --dataset",
    "prune classifier -o out --seed 3": "--seed is for a training",
    "prune classifier -o out --label-column label": "--label-column is for a --dataset, or --eval",
    "prune classifier -o out --config rate.yaml": "`training` has no field 'learning_rat'",
    "prune classifier -o out --config good.yaml": "good.yaml: distillation and training are of a training",
    "prune classifier -o out --samples 3": "--samples is of --texts",
    "prune classifier -o out --eval validation.tsv": "Give --task",
    "prune classifier -o out --texts nowhere.txt": "No such file",
    "prune nothing -o out --texts texts.txt": "no tokenizer, which --texts need",
    f"distill encoder {OK}": "required: --teacher",
    f"distill encoder {OK} --teacher classifier --sparsity 0.5": "unrecognized arguments",
    f"distill three {TEXT} numbers.tsv --teacher classifier": "the labels bad, good, and the model LABEL_0",
    f"distill encoder {OK} --teacher other_words": "reads other tokens than the model",
}
FILES = {
    "stars.tsv": "sentence\tlabel\na film\tgood\na plot\tfive\n",
    "numbers.tsv": "sentence\tlabel\na film\t1\na plot\t0\n",
    "one.tsv": "sentence\tlabel\na film\tgood\na plot\tgood\n",
    "gaps.tsv": "sentence\tlabel\na film\t3\na plot\t4\n",
    "bare.tsv": "sentence\na film\na plot\n",
    "broken.yaml": "pruning: [",
    "list.json": "[1]",
    "section.yaml": "prunning: {}",
    "flat.yaml": "pruning: 0.8",
    "field.yaml": "pruning: {target_sparcity: 0.8}",
    "rate.yaml": "training: {learning_rat: 0.1}",
    "good.yaml": "training: {learning_rate: 0.1}",
    "types.yaml": "quantization: {op_name_dict: {no_such_layer: {weight: {bits: 4}}}}",
    "kind.yaml": "training: {learning_rate: fast}",
    "owned.yaml": "training: {output_dir: elsewhere}",
    "choice.yaml": "training: {lr_scheduler_type: zigzag}",
    "integers.yaml": "quantization: {approach: static}",
}


@pytest.fixture(scope="module")
def wrong_files(files) -> Path:
    """What is wrong, beside what is right."""
    import shutil

    from tiny import quantized, tiny_model, tiny_tokenizer

    for name, content in FILES.items():
        (files / name).write_text(content)
    (files / "full").mkdir()
    (files / "full/mine.txt").write_text("mine")
    quantized("bert").save_pretrained(files / "int8", tiny_tokenizer())
    tiny_model("bert").save_pretrained(files / "nothing")
    shutil.copytree(files / "classifier", files / "other_words")
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["extraordinary"])
    tokenizer.save_pretrained(files / "other_words")
    three = tiny_model("bert", num_labels=3)
    three.save_pretrained(files / "three")
    tiny_tokenizer().save_pretrained(files / "three")
    return files


@pytest.mark.parametrize("line", WRONG)
def test_refused(line, wrong_files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INC_HF_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(wrong_files)
    before = everything(wrong_files)
    assert main(shlex.split(line)) == 2
    captured = capsys.readouterr()
    assert re.search(WRONG[line], error_line(captured.err)), captured.err
    assert captured.out == "" and everything(wrong_files) == before and not (tmp_path / "cache").exists()
