"""Query, key and value quantize their input once."""

import copy
import threading

import pytest
import torch
from tiny import tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig, ops, quantization
from inc_hf.inference.share import SharedInput, share_inputs
from inc_hf.quantize.nn import packed_linear as packing

needs_kernels = pytest.mark.skipif(not ops.is_native(), reason="needs the kernels")
IDS = torch.arange(2, 26).reshape(2, 12)


@pytest.fixture(autouse=True)
def share_small_inputs(monkeypatch):
    monkeypatch.setattr(packing, "SHARING_PAYS_FROM", 1)


def quantized(**options) -> nn.Module:
    config = PostTrainingQuantConfig(**{"approach": "dynamic"} | options)
    batches = [{"input_ids": IDS}] if options else None
    return quantization.fit(tiny_model("bert"), config, calib_dataloader=batches).model.eval()


@pytest.fixture
def counted(monkeypatch):
    """How often activations were quantized apart from their product."""
    calls = []
    original = ops.q8_quantize
    monkeypatch.setattr(ops, "q8_quantize", lambda *args: calls.append(args[0].shape) or original(*args))
    return calls


@needs_kernels
@pytest.mark.parametrize("options", [{}, {"approach": "static"}], ids=["dynamic", "static"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
def test_bits_stay_and_work_is_done_once(options, mode, counted):
    model = quantized(**options)
    with mode():
        before = model(IDS).logits
        groups = share_inputs(model)
        assert len(groups) == model.config.num_hidden_layers and all(len(group) == 3 for group in groups)
        assert torch.equal(model(IDS).logits, before)
        assert torch.equal(model(IDS).logits, before)
    assert len(counted) == 2 * len(groups)


@needs_kernels
@pytest.mark.parametrize(
    "architecture, groups",
    [("distilbert", 1), ("albert", 1), ("mpnet", 1), ("deberta", 1), ("llama", 2), ("bart", 3), ("t5", 3), ("opt", 1)]
    + [("phi", 1)],
)
def test_architectures(architecture, groups, counted):
    model = quantization.fit(tiny_model(architecture), PostTrainingQuantConfig(approach="dynamic")).model.eval()
    inputs = {"input_ids": IDS} | ({"decoder_input_ids": IDS} if groups == 3 else {})
    with torch.no_grad():
        before = model(**inputs).logits
        assert len(share_inputs(model)) == groups
        assert torch.equal(model(**inputs).logits, before)
    assert counted


@needs_kernels
def test_changed_or_other_inputs_are_quantized_again(counted):
    shared, x = SharedInput(), torch.randn(4, 16)
    quantize = lambda x: shared.quantize(x, None, None, 8, torch.bfloat16)  # noqa: E731
    codes, scales = quantize(x)
    assert quantize(x)[0] is codes and len(counted) == 1
    x.mul_(3)
    torch.testing.assert_close(quantize(x)[1], ops.q8_quantize(x)[1])
    assert quantize(x.clone())[0] is not codes
    assert copy.deepcopy(shared)._last is None


@needs_kernels
def test_codes_are_freed_with_their_input():
    shared, x = SharedInput(), torch.randn(4, 16)
    shared.quantize(x, None, None, 8, torch.bfloat16)
    assert shared._last is not None
    del x
    assert shared._last is None


@needs_kernels
def test_copies_share_among_themselves(counted):
    model = quantized()
    share_inputs(model)
    twin = copy.deepcopy(model)
    attention, other = (m.bert.encoder.layer[0].attention.self for m in (model, twin))
    assert other.query.shared_input is other.value.shared_input is not attention.query.shared_input
    with torch.no_grad():
        assert torch.equal(twin(IDS).logits, model(IDS).logits)


@needs_kernels
def test_several_threads(counted):
    model = quantized()
    inputs = [IDS + i for i in range(4)]
    with torch.no_grad():
        expected = [model(ids).logits for ids in inputs]
        share_inputs(model)
    wrong = []

    def run(i: int) -> None:
        with torch.no_grad():
            wrong.extend(1 for _ in range(20) if not torch.equal(model(inputs[i]).logits, expected[i]))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@needs_kernels
def test_compiled_and_loaded_layers_do_not_share():
    model = quantized()
    share_inputs(model)
    attention = model.bert.encoder.layer[0].attention.self
    layers = (attention.query, attention.key, attention.value)
    f = lambda x: sum(layer(x) for layer in layers)  # noqa: E731
    x = torch.randn(2, 5, model.config.hidden_size)
    with torch.no_grad():
        expected = f(x)
        torch.testing.assert_close(torch.compile(f, backend="aot_eager", fullgraph=True)(x), expected)
    model.load_state_dict(model.state_dict())
    assert all(layer.shared_input is None for layer in layers)


def test_layers_that_quantize_otherwise_stay_alone():
    model = quantized(approach="static")
    attention = model.bert.encoder.layer[0].attention.self
    attention.key.input_scale.mul_(2)
    groups = share_inputs(model)
    assert len(groups) == model.config.num_hidden_layers - 1
    assert attention.query.shared_input is None
