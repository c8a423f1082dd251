"""The callbacks with TRL's `SFTTrainer`, models of PEFT and TensorBoard, as far as these are installed."""

import copy

import pytest
import torch
from distilling import (
    LOGGED,
    Sentences,
    arguments,
    close,
    has_hooks,
    history,
    kd,
    layers,
    make_trainer,
    token_labels,
    weights,
)
from pruning_trainer import config_of, weights_of
from tiny import VOCABULARY, tiny_model, tiny_tokenizer
from transformers import Trainer, TrainerCallback

from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import DistillationConfig, PostTrainingQuantConfig
from inc_hf.distill.outputs import teacher_kwargs
from inc_hf.prune import report_sparsity
from inc_hf.quantization import fit

TEXTS = Sentences(labels=lambda i: token_labels(i, labels=VOCABULARY))


def pruning(**settings):
    return PruningCallback(config_of(start_step=1, end_step=3, pruning_frequency=1, **settings))


def distillation(teacher=None, criterion=None):
    teacher = tiny_model("llama", num_hidden_layers=2) if teacher is None else teacher
    return DistillationCallback(DistillationConfig(teacher, criterion or kd()))


def sparsity(model, *names):
    """Of the layers that have one of `names` in theirs, in per cent."""
    table, _ = report_sparsity(model)
    chosen = table[[any(name in row for name in names) for row in table["Name"]]]
    return 100 * chosen["NNZ (sparse)"].sum() / (chosen["NNZ (sparse)"] + chosen["NNZ (dense)"]).sum()


# TRL


@pytest.fixture(scope="module")
def trl():
    pytest.importorskip("datasets")
    return pytest.importorskip("trl")


def with_loss_of_the_model(trl):
    """An `SFTTrainer` that distils: the original takes no loss from the model, and asks it for no logits."""

    class DistilledSFTTrainer(trl.SFTTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

    return DistilledSFTTrainer


def sft_trainer(trl, folder, callbacks, model=None, cls=None, accumulation=1, own=None, **values):
    from datasets import Dataset

    generator = torch.Generator().manual_seed(0)
    ids = [torch.randint(5, VOCABULARY, (6 + i % 3,), generator=generator).tolist() for i in range(32)]
    values = {"max_steps": 6, "bf16": False, "gradient_checkpointing": False, **values}
    args = arguments(folder, accumulation, cls=trl.SFTConfig, **values)
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = "[SEP]"
    return (cls or trl.SFTTrainer)(
        tiny_model("llama") if model is None else model,
        args,
        train_dataset=Dataset.from_dict({"input_ids": ids}),
        processing_class=tokenizer,
        callbacks=callbacks,
        **own or {},
    )


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"loss_type": "dft", "accumulation": 2},
        {"packing": True, "max_length": 16},
        {"bf16": True, "gradient_checkpointing": True},  # the defaults of SFTConfig
    ],
    ids=["plain", "dft", "packing", "defaults"],
)
def test_sft_prunes(trl, tmp_path, name, values):
    trainer = sft_trainer(trl, tmp_path, [pruning()], tiny_model(name), **values)
    trainer.train()
    assert sparsity(trainer.model, "layers.", ".h.") == pytest.approx(50, abs=0.5)
    assert [row["pruning/sparsity"] for row in trainer.state.log_history if "loss" in row][-1] > 0.2


@pytest.mark.parametrize(
    "criterion, values, text",
    [
        (kd(), {}, "has no tensor 'logits', only the keys loss, log_probs.* call `transformers.Trainer.compute_loss`"),
        (kd(), {"loss_type": "dft"}, "no tensor 'logits'"),
        (layers([["model.layers.0", "model.layers.1"]], add_origin_loss=True), {}, "An own `compute_loss` must call"),
        (kd(), {"label_smoothing_factor": 0.1}, "does not work with `label_smoothing_factor=0.1`"),
    ],
    ids=["logits", "dft", "layers", "smoothing"],
)
def test_sft_with_a_loss_of_its_own_does_not_distil(trl, tmp_path, criterion, values, text):
    trainer = sft_trainer(trl, tmp_path, [distillation(criterion=criterion)], **values)
    before = weights(trainer.model).clone()
    with pytest.raises(ValueError, match=text):
        trainer.train()
    assert torch.equal(weights(trainer.model), before)


@pytest.mark.parametrize("accumulation", [1, 4])
def test_sft_with_the_loss_of_the_model_distils(trl, tmp_path, accumulation):
    cls = with_loss_of_the_model(trl)
    trainer = sft_trainer(trl, tmp_path, [distillation()], cls=cls, accumulation=accumulation)
    trainer.train()
    plain = Trainer(
        tiny_model("llama"),
        arguments(tmp_path, max_steps=6),
        train_dataset=trainer.train_dataset,
        data_collator=trainer.data_collator,
        callbacks=[distillation()],
    )
    plain.train()
    assert (history(plain, *LOGGED)[:, 2] > 0).all()
    close(history(trainer, *LOGGED), history(plain, *LOGGED), 2e-5)


def test_sft_distils_and_prunes_packed_texts(trl, tmp_path):
    """A teacher of equal weights has equal logits, so it sees the same borders of texts."""
    model = tiny_model("llama")
    guide = tiny_model("llama")
    both = [distillation(guide, kd(weights=(0.0, 1.0))), pruning()]
    cls = with_loss_of_the_model(trl)
    trainer = sft_trainer(trl, tmp_path, both, model, cls, packing=True, max_length=16)
    trainer.train()
    losses = history(trainer, "distillation/loss")[:, 0]
    assert losses[0].item() == pytest.approx(0, abs=1e-6) and losses[-1] > 1e-3
    assert sparsity(model, "layers.") == pytest.approx(50, abs=0.5)
    assert not has_hooks(model)


def test_tuning_of_a_trained_model(trl, tmp_path):
    """SFTTrainer leaves a `forward` on the model that holds the model: a copy would compute with the original."""
    trainer = sft_trainer(trl, tmp_path, [], max_steps=1)
    trainer.train()
    model, inputs, seen = trainer.model.eval(), {"input_ids": torch.arange(5, 15)[None]}, []
    expected = model(**inputs).logits

    def score(candidate):
        seen.append((candidate(**inputs).logits - expected).abs().max().item())
        return 1 - seen[-1]

    fit(model, PostTrainingQuantConfig(approach="dynamic"), eval_func=score)
    assert seen[0] == 0 and all(value > 0 for value in seen[1:])


# PEFT


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft")


def adapted(peft, model=None, **values):
    config = peft.LoraConfig(r=4, task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj"], **values)
    return peft.get_peft_model(tiny_model("llama") if model is None else model, config)


def train(folder, model, callbacks, **values):
    trainer = make_trainer(folder, model, callbacks, TEXTS, **{"max_steps": 6, **values})
    trainer.train()
    return trainer


def test_frozen_base_model_cannot_be_pruned_by_gradients(peft, tmp_path):
    model = adapted(peft)
    before = weights_of(model)
    with pytest.raises(ValueError, match=r"needs gradients, and these layers are frozen: .*layers.0.*up_proj"):
        train(tmp_path, model, [pruning()])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_frozen_base_model_is_pruned_by_magnitude(peft, tmp_path):
    """The adapters learn to make up for it. Merged, they fill what is zero."""
    model = adapted(peft)
    train(tmp_path, model, [pruning(pruning_type="magnitude", op_names=["base_layer$", "mlp"])])
    assert sparsity(model, "lora") == 0
    assert sparsity(copy.deepcopy(model).unload(), "q_proj", "v_proj", "mlp") == pytest.approx(50)
    assert sparsity(model.merge_and_unload(), "q_proj", "v_proj") < 1


def test_a_weight_that_two_modules_show_is_pruned_once(peft, tmp_path):
    callback = pruning(pruning_type="magnitude", excluded_op_names=["lora"])
    train(tmp_path, adapted(peft), [callback])
    weights = {id(part.module.weight) for part in callback.pruners[0].parts()}
    assert len(weights) == len(list(callback.pruners[0].parts())) == 7
    assert callback.pruners[0].sparsity() == pytest.approx(0.5)


def test_a_teacher_with_adapters_gets_all_arguments(peft):
    bert = peft.get_peft_model(tiny_model("bert"), peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"]))
    assert set(teacher_kwargs(bert, {"input_ids": 1, "token_type_ids": 1, "labels": 1})) == {
        "input_ids",
        "token_type_ids",
    }
    assert "position_ids" in teacher_kwargs(adapted(peft), {"input_ids": 1, "position_ids": 1})


def test_trained_modules_are_pruned_and_stay_so_when_merged(peft, tmp_path):
    model = adapted(peft, modules_to_save=["up_proj", "down_proj"])
    train(tmp_path, model, [pruning(op_names=["modules_to_save"])])
    merged = model.merge_and_unload()
    assert sparsity(merged, "up_proj", "down_proj") == pytest.approx(50)
    assert sparsity(merged, "q_proj", "gate_proj", "lm_head") == 0


def test_merged_model_is_pruned_once_it_is_trainable(peft, tmp_path):
    model = adapted(peft).merge_and_unload()
    with pytest.raises(ValueError, match="these layers are frozen: model.layers.0.self_attn.q_proj"):
        train(tmp_path, model, [pruning()])
    train(tmp_path, model.requires_grad_(True), [pruning()])
    assert sparsity(model, "layers.") == pytest.approx(50)


def test_adapters_learn_from_the_base_model(peft, tmp_path):
    base = tiny_model("llama")
    guide, model = copy.deepcopy(base), adapted(peft, base)
    trainer = train(tmp_path, model, [distillation(guide)])
    losses = history(trainer, "distillation/loss")[:, 0]
    assert losses[0].item() == pytest.approx(0, abs=1e-6) and losses[-1] > 1e-5  # LoRA begins with B = 0
    assert not has_hooks(model, guide)
    merged = model.unload()
    assert all(torch.equal(tensor, merged.state_dict()[name]) for name, tensor in guide.state_dict().items())
    with pytest.raises(ValueError, match="is the student itself, or shares weights with it"):
        train(tmp_path, adapted(peft, base), [distillation(base)])


class Interrupt(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 4:
            raise KeyboardInterrupt


def test_adapters_with_a_projection_resume_to_the_same_bits(peft, tmp_path):
    def guided(name="base_model.model.model.layers.0"):
        wider = tiny_model("llama", num_hidden_layers=2, hidden_size=24)
        return distillation(wider, layers([[name, "model.layers.1"]], add_origin_loss=True))

    with pytest.raises(ValueError, match="no layer 'model.layers.0'; did you mean 'base_model.model.model.layers.0'"):
        train(tmp_path, adapted(peft), [guided("model.layers.0")])
    values = {"save_strategy": "steps", "save_steps": 3}
    torch.manual_seed(0)
    model = adapted(peft)
    whole = train(tmp_path / "whole", copy.deepcopy(model), [guided()], **values)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", copy.deepcopy(model), [guided(), Interrupt()], **values)
    resumed = make_trainer(tmp_path / "parts", model, [guided()], TEXTS, max_steps=6, **values)
    resumed.train(resume_from_checkpoint=True)
    assert torch.equal(weights(resumed.model), weights(whole.model))
    assert torch.equal(history(resumed, *LOGGED), history(whole, *LOGGED))


def test_sft_distils_into_adapters(trl, peft, tmp_path):
    lora = peft.LoraConfig(r=4, task_type="CAUSAL_LM", target_modules=["q_proj"])
    cls = with_loss_of_the_model(trl)
    trainer = sft_trainer(trl, tmp_path, [distillation()], cls=cls, own={"peft_config": lora})
    trainer.train()
    assert (history(trainer, *LOGGED)[:, 2] > 0).all()


# TensorBoard


def test_tensorboard(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trainer = train(tmp_path, tiny_model("llama"), [distillation(), pruning()], report_to="tensorboard")
    (file,) = tmp_path.rglob("events.out.tfevents.*")
    found = events.EventAccumulator(str(file)).Reload()
    for name in ("pruning/sparsity", "distillation/loss", "distillation/student_loss"):
        logged = [(row["step"], row[name]) for row in trainer.state.log_history if name in row]
        written = [(event.step, event.value) for event in found.Scalars(f"train/{name}")]
        assert [step for step, _ in written] == list(range(1, 7))
        assert written == [(step, pytest.approx(value, abs=1e-6)) for step, value in logged]
