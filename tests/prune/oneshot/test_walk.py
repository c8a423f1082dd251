import copy
import logging
import weakref

import pytest
import torch
from tiny import MODELS, logits_of, tiny_inputs, tiny_model

from inc_hf.config import WeightPruningConfig
from inc_hf.prune.oneshot import job as jobs
from inc_hf.prune.oneshot import prune_oneshot, walk
from inc_hf.prune.oneshot.calls import inference_of, record_calls, run
from inc_hf.prune.oneshot.statistics import Hessian, Moments
from inc_hf.prune.oneshot.walk import block_of

TWO = {
    **dict.fromkeys(("bert", "roberta", "llama", "opt", "vit"), {"num_hidden_layers": 2}),
    "distilbert": {"n_layers": 2},
    "gpt2": {"n_layer": 2},
    "t5": {"num_layers": 2},
    "bart": {"encoder_layers": 2, "decoder_layers": 2},
}
STACKS = {
    "bert": ["bert.encoder.layer"],
    "roberta": ["roberta.encoder.layer"],
    "distilbert": ["distilbert.transformer.layer"],
    "vit": ["vit.layers"],
    "gpt2": ["transformer.h"],
    "llama": ["model.layers"],
    "opt": ["model.decoder.layers"],
    "t5": ["encoder.block", "decoder.block"],
    "bart": ["model.encoder.layers", "model.decoder.layers"],
}


def prune(model, batches, pruning_type="sparse_gpt", **settings):
    settings = {"pattern": "1x1", "target_sparsity": 0.5, **settings}
    return prune_oneshot(model, WeightPruningConfig(pruning_type=pruning_type, **settings), batches, progress=False)


def weights_of(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("name", STACKS)
def test_blocks_are_run_one_after_the_other(name, caplog):
    """Running the recorded blocks gives the hidden states of the model itself."""
    model = tiny_model(name, **TWO[name])
    found = dict.fromkeys(block_of(model, layer)[0] for layer, _ in model.named_modules())
    assert [stack for stack in found if stack] == STACKS[name]
    for stack in STACKS[name]:
        blocks = list(model.get_submodule(stack))
        outputs = []
        handle = blocks[-1].register_forward_hook(lambda _, args, output, to=outputs: to.append(output))
        with torch.no_grad(), inference_of(model):
            (record,) = record_calls(model, blocks, [tiny_inputs(model)])
            handle.remove()
            for i in range(2):
                record.hidden = record.forward(blocks, i)
        expected = outputs[0][0] if isinstance(outputs[0], tuple) else outputs[0]
        assert torch.equal(record.hidden, expected)


@pytest.mark.parametrize("pruning_type", ["sparse_gpt", "wanda", "dsnot"])
@pytest.mark.parametrize("name", ["bert", "distilbert", "gpt2", "llama"])
def test_one_block_equals_the_whole_model(name, pruning_type, monkeypatch):
    excluded = ["pooler", "pre_classifier"]  # come after the block, so that they see it pruned in one case only
    by_block, at_once = tiny_model(name), tiny_model(name)
    batches = [tiny_inputs(by_block), tiny_inputs(by_block, 2)]
    prune(by_block, batches, pruning_type, excluded_op_names=excluded)
    monkeypatch.setattr(walk, "block_of", lambda model, name: (None, 0))
    prune(at_once, batches, pruning_type, excluded_op_names=excluded)
    for key, weight in weights_of(by_block).items():
        assert torch.equal(weight, at_once.get_parameter(key)), key


def test_blocks_see_what_the_pruned_ones_before_them_give():
    model = tiny_model("gpt2", n_layer=3)
    batches = [tiny_inputs(model)]
    one_by_one = copy.deepcopy(model)
    prune(model, batches, op_names=["mlp"])
    for i in range(3):  # each from the inputs of the model as it is then
        prune(one_by_one, batches, op_names=[rf"h\.{i}\.mlp"])
    for key, weight in weights_of(one_by_one).items():
        torch.testing.assert_close(model.get_parameter(key), weight, rtol=1e-4, atol=1e-5)


def test_layers_after_the_blocks_see_them_pruned():
    model = tiny_model("bert")
    in_two_calls = copy.deepcopy(model)
    prune(model, [tiny_inputs(model)])
    prune(in_two_calls, [tiny_inputs(model)], excluded_op_names=["pooler"])
    prune(in_two_calls, [tiny_inputs(model)], op_names=["pooler"])
    assert torch.equal(model.bert.pooler.dense.weight, in_two_calls.bert.pooler.dense.weight)


def test_one_block_in_memory(monkeypatch):
    """While a block is pruned there are its statistics, and of each batch one tensor of hidden states."""
    model = tiny_model("llama", num_hidden_layers=4)
    statistics, records, seen = weakref.WeakSet(), [], []

    class Counted(Hessian):
        def __init__(self, module):
            super().__init__(module)
            statistics.add(self)

    def recorded(*args, original=record_calls):
        records.extend(original(*args))
        return records

    def prune_by_sparsegpt(*args, original=jobs.prune_by_sparsegpt):
        others = (value for r in records for args, kwargs in r.others for value in (*args, *kwargs.values()))
        wide = [value for value in others if isinstance(value, torch.Tensor) and value.shape[-1] == 16]
        seen.append((len(statistics), [tuple(r.hidden.shape) for r in records], len(wide)))
        return original(*args)

    monkeypatch.setitem(jobs.METHODS, "sparse_gpt", (Counted, prune_by_sparsegpt))
    monkeypatch.setattr(walk, "record_calls", recorded)
    prune(model, [tiny_inputs(model, n) for n in (2, 3)])
    assert [count for count, _, _ in seen] == [7, 6, 5, 4, 3, 2, 1] * 4
    assert all(shapes == [(2, 10, 16), (3, 10, 16)] and not wide for _, shapes, wide in seen)


def test_shared_blocks_are_pruned_at_once(caplog):
    model = tiny_model("albert", num_hidden_layers=3)
    prune(model, [tiny_inputs(model)])
    assert "The blocks of `albert.encoder.albert_layer_groups` are not called one after the other" in caplog.text
    assert 0 < (model.albert.encoder.embedding_hidden_mapping_in.weight == 0).float().mean() == 0.5


def test_blocks_that_take_their_hidden_states_by_name():
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(8, 8)

        def forward(self, scale, hidden_states):
            return self.linear(hidden_states * scale)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList([Block(), Block()])

        def forward(self, x):
            for block in self.blocks:
                x = block(scale=2.0, hidden_states=x)
            return x

    torch.manual_seed(0)
    model, x = Net(), torch.randn(4, 8)
    with torch.no_grad():
        expected = model(x)
        (record,) = record_calls(model, list(model.blocks), [x])
        for i in range(2):
            record.hidden = record.forward(list(model.blocks), i)
    assert torch.equal(record.hidden, expected)
    assert not any(value is x for _, kwargs in record.others for value in kwargs.values())
    assert all((block.linear.weight == 0).float().mean() == 0.5 for block in prune(model, [x]).blocks)


def test_a_change_between_two_blocks_is_noticed(caplog):
    model = tiny_model("bert", num_hidden_layers=2)
    model.bert.encoder.layer[1].register_forward_pre_hook(lambda _, args: (args[0] * 2, *args[1:]))
    prune(model, [tiny_inputs(model)], op_names=["layer"])
    assert "are not called one after the other" in caplog.text


@pytest.mark.parametrize("name", ["bert", "distilbert", "opt", "llama", "gpt2"])
@pytest.mark.parametrize("pruning_type", ["sparse_gpt", "wanda"])
def test_padding_does_not_count(name, pruning_type):
    """The same sentences with more and other padding behind them."""
    plain = tiny_model(name, **TWO[name])
    padded = copy.deepcopy(plain)
    inputs = tiny_inputs(plain)
    longer = {
        "input_ids": torch.cat([inputs["input_ids"], torch.full((3, 6), 7)], 1),
        "attention_mask": torch.cat([inputs["attention_mask"], torch.zeros(3, 6, dtype=torch.long)], 1),
    }
    settings = {"excluded_op_names": ["pooler"]} if pruning_type == "wanda" else {}
    prune(plain, [inputs], pruning_type, **settings)
    prune(padded, [longer], pruning_type, **settings)
    for key, weight in weights_of(plain).items():
        torch.testing.assert_close(padded.get_parameter(key), weight, rtol=1e-3, atol=1e-4)
    unmasked = copy.deepcopy(tiny_model(name, **TWO[name]))
    prune(unmasked, [{"input_ids": longer["input_ids"]}], pruning_type, **settings)
    assert any(not torch.allclose(unmasked.get_parameter(k), w, atol=1e-3) for k, w in weights_of(plain).items())


def test_the_first_block_keeps_its_mask_of_attention():
    """With a mask, what is recorded must not see the padding either."""
    model = tiny_model("bert", num_hidden_layers=2)
    inputs = tiny_inputs(model)
    inputs["attention_mask"][:, 7:] = 0
    other = {**inputs, "input_ids": inputs["input_ids"].clone()}
    other["input_ids"][:, 7:] = 9
    first, second = (prune(copy.deepcopy(model), [batch], excluded_op_names=["pooler"]) for batch in (inputs, other))
    for key, weight in weights_of(first).items():
        torch.testing.assert_close(second.get_parameter(key), weight, rtol=1e-4, atol=1e-5)


def test_modes_and_cache_are_as_before():
    model = tiny_model("gpt2").train()
    model.transformer.h[0].eval()
    modes = {name: module.training for name, module in model.named_modules()}
    assert model.config.use_cache
    prune(model, [tiny_inputs(model)])
    assert modes == {name: module.training for name, module in model.named_modules()} and model.config.use_cache
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())


def test_forms_of_batches():
    model = tiny_model("gpt2")
    ids = tiny_inputs(model)["input_ids"]
    expected = weights_of(prune(copy.deepcopy(model), [{"input_ids": ids, "use_cache": True}]))
    for batch in (ids, (ids,), [ids]):
        found = weights_of(prune(copy.deepcopy(model), (b for b in [batch])))
        assert all(torch.equal(found[key], weight) for key, weight in expected.items())
    with inference_of(model):
        assert run(model, {"input_ids": ids, "use_cache": True}).past_key_values is None


def test_layers_that_no_data_reaches(caplog):
    model = tiny_model("bert")
    model.spare = torch.nn.Linear(4, 4)
    dense = model.spare.weight.clone()
    caplog.set_level(logging.WARNING)
    prune(model, [tiny_inputs(model)], op_names=["spare", "query"])
    assert torch.equal(model.spare.weight, dense) and "No data reached `spare`, so it stays dense." in caplog.text


def test_bfloat16():
    model = tiny_model("llama").to(torch.bfloat16)
    reference = tiny_model("llama")
    for key, weight in weights_of(model).items():
        reference.get_parameter(key).data.copy_(weight)
    batches = [tiny_inputs(model)]
    for each in (model, reference):
        prune(each, batches, pattern="4x1")
    weight, expected = (m.model.layers[0].self_attn.q_proj.weight for m in (model, reference))
    assert weight.dtype == torch.bfloat16 and (weight == 0).float().mean() == 0.5
    assert torch.nn.functional.cosine_similarity(weight.float().flatten(), expected.flatten(), 0) > 0.99


@pytest.mark.parametrize("name", MODELS)
def test_every_tiny_model(name):
    model = tiny_model(name)
    convolutions = ["conv1", "conv2"] if name == "whisper" else []  # of one dimension, which no statistics are for
    prune(model, [tiny_inputs(model)], "wanda", pattern="2:4", excluded_op_names=convolutions)
    assert logits_of(model).isfinite().all()


def test_moments_of_a_block(monkeypatch):
    """The statistics themselves, against the inputs of a layer in the model."""
    model = tiny_model("bert")
    inputs = tiny_inputs(model)
    inputs["attention_mask"][1, 4:] = 0
    caught, statistics = [], []
    layer = model.bert.encoder.layer[0].output.dense
    with layer.register_forward_pre_hook(lambda _, args: caught.append(args[0])) as _, torch.no_grad():
        model(**inputs)
    monkeypatch.setattr(jobs, "prune_layer", lambda part, prune, share, found: statistics.append(found))
    prune(model, [inputs], "wanda", op_names=["layer.0.output.dense"])
    rows = caught[0][inputs["attention_mask"].bool()].double()
    assert isinstance(statistics[0], Moments) and statistics[0].tokens == 24
    torch.testing.assert_close(statistics[0].squares, rows.square().sum(0), rtol=1e-5, atol=0)
