"""Where and what INC's code saves."""

import copy
import json

import pytest
import torch
from fitting import config, images, net
from pruning_trainer import Sentences, arguments
from tiny import logits_of, quantized, tiny_model, tiny_tokenizer
from torch import nn
from transformers import Trainer, TrainingArguments

from inc_hf import IncModelForSequenceClassification, QuantizationAwareTrainingConfig
from inc_hf.checkpoint import CheckpointError, load_plain
from inc_hf.config import WeightPruningConfig
from inc_hf.mix_precision import fit as mix
from inc_hf.quantization import QuantizedModel, fit
from inc_hf.training import prepare_compression
from inc_hf.utils.load_huggingface import save_for_huggingface_upstream
from inc_hf.utils.pytorch import load


def test_in_the_directory_of_a_trainer(tmp_path):
    """Checkpoints, logs and the user's files stay; the float model at the top is replaced."""
    out = tmp_path / "out"
    model = tiny_model("bert")
    args = TrainingArguments(**{**arguments(out, max_steps=4), "save_strategy": "steps", "save_steps": 2})
    trainer = Trainer(model, args, train_dataset=Sentences())
    trainer.train()
    trainer.save_model()
    (out / "notes.txt").write_text("mine")
    (out / "pytorch_model.bin").write_text("older")
    before = {path: path.read_bytes() for path in out.glob("checkpoint-*/**/*") if path.is_file()}
    q_model = fit(model, config())
    save_for_huggingface_upstream(q_model, tiny_tokenizer(), args.output_dir)
    assert len(before) > 6 and all(path.read_bytes() == text for path, text in before.items())
    assert (out / "notes.txt").read_text() == "mine" and not (out / "pytorch_model.bin").exists()
    loaded = IncModelForSequenceClassification.from_pretrained(out)
    assert torch.equal(logits_of(loaded), logits_of(q_model.model))


@pytest.mark.parametrize("name", ["checkpoint-500/x", "runs/Nov28/events", "training_args.bin", "trainer_state.json"])
def test_what_tells_that_a_directory_is_of_a_trainer(name, tmp_path):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
    save_for_huggingface_upstream(quantized("bert"), None, tmp_path)
    assert (tmp_path / name).exists() and (tmp_path / "config.json").exists()


def trained(conf):
    manager = prepare_compression(net(), conf)
    manager.on_train_begin()
    manager.model.train()
    optimizer = torch.optim.SGD(manager.model.parameters(), lr=0.01)
    for step in range(2):
        manager.on_step_begin(step)
        manager.model(images()).square().mean().backward()
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
    manager.on_train_end()
    return manager


PLAIN = {
    "dynamic": lambda: fit(net(), config()),
    "static": lambda: fit(net(), config("static"), calib_dataloader=[images()]),
    "4 bits": lambda: fit(net(), config(op_type_dict={"Linear": {"weight": {"bits": 4}}})),
    "mixed precision": lambda: mix(net()),
    "int8 and bf16": lambda: mix(fit(net(), config(op_name_dict={"head": {"weight": {"dtype": "fp32"}}}))),
    "qat": lambda: trained(QuantizationAwareTrainingConfig()),
    "pruned": lambda: trained(WeightPruningConfig(pruning_type="magnitude", target_sparsity=0.5)),
}


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_a_plain_module(make, tmp_path):
    made = make()
    is_quantized = isinstance(made, QuantizedModel)
    made.save(tmp_path / "out")
    made.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "model.safetensors", "quantization_config.json", "inc_config.json", *(["deploy.json"] if is_quantized else []),
    }  # fmt: skip
    json.loads((tmp_path / "out" / "inc_config.json").read_text())
    loaded = load_plain(tmp_path / "out", net())
    with torch.no_grad():
        assert torch.equal(loaded(images()), made.model.eval()(images()))


def tied():
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    model[2].weight = model[0].weight
    return model


def test_what_shares_memory(tmp_path):
    torch.manual_seed(0)
    q_model = fit(tied(), config())
    q_model.save(tmp_path / "out")
    x = torch.randn(3, 8)
    assert torch.equal(load_plain(tmp_path / "out", tied())(x), q_model(x))


def test_a_plain_checkpoint_that_does_not_fit(tmp_path):
    fit(net(), config()).save(tmp_path / "out")
    another = "out is of another model, a Net, and not of a "
    with pytest.raises(CheckpointError, match=another + ".*: The checkpoint quantizes `conv`, which the model lacks"):
        load_plain(tmp_path / "out", tied())
    with pytest.raises(CheckpointError, match=another + "BertForSequenceClassification: "):
        load(tmp_path / "out", tiny_model("bert"))
    other = net()
    other.head = nn.Linear(16, 5)
    with pytest.raises(CheckpointError, match="^The weights of .* do not fit a Net: size mismatch for head.weight"):
        load_plain(tmp_path / "out", other)
    more = net()
    more.extra = nn.LayerNorm(4)
    with pytest.raises(CheckpointError, match="do not fit a Net: `extra.weight` is missing"):
        load_plain(tmp_path / "out", more)
    with pytest.raises(FileNotFoundError, match="it is no checkpoint of a plain model"):
        load_plain(tmp_path, net())
    with pytest.raises(TypeError, match="must be a float model of the class that was saved, got str"):
        load_plain(tmp_path / "out", "net")


@pytest.mark.parametrize("verb", [lambda model, **how: fit(model, config(), **how), mix], ids=["quantized", "mixed"])
def test_the_float_model_and_the_schemes_by_inc_s_names(verb):
    model = net()
    tuned = verb(model, eval_func=lambda model: 1.0)
    assert tuned.fp32_model is model and tuned.tune_cfg
    assert copy.deepcopy(tuned).fp32_model is None
    assert verb(model).fp32_model is None, "it is the model itself"
    del model
    assert tuned.fp32_model is None
