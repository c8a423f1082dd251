"""Padding moves no static range: the same scales for texts alone and in one batch."""

import pytest
import torch
import transformers
from tiny import ENCODER, SEQ2SEQ, VOCABULARY, tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize import calibrate, convert, prepare, resolve_schemes
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.qat import prepare_qat, qat_modules, unprepare_qat
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")
LENGTHS = (3, 9, 5, 2, 7, 9)


def texts(lengths=LENGTHS) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(5, VOCABULARY, (length,), generator=generator) for length in lengths]


def batch_of(parts: list[torch.Tensor], left: bool = False) -> dict[str, torch.Tensor]:
    longest = max(len(part) for part in parts)
    ids, mask = torch.full((2, len(parts), longest), 0)
    for row, part in enumerate(parts):
        place = slice(longest - len(part), None) if left else slice(len(part))
        ids[row, place], mask[row, place] = part, 1
    return {"input_ids": ids, "attention_mask": mask}


def loud_padding(model: nn.Module) -> nn.Module:
    """With a padding token whose embedding is far larger than all others."""
    embedding = model.get_input_embeddings()
    with torch.no_grad():
        embedding.weight[0] = 50 * torch.randn(embedding.weight.shape[1], generator=torch.Generator().manual_seed(4))
    return model


def scales(model: nn.Module, batches: list, **settings) -> dict[str, float]:
    result = fit(model, PostTrainingQuantConfig(approach="static", **settings), calib_dataloader=batches)
    found = quantized_modules(result.model).items()
    return {name: module.input_scale.item() for name, module in found if module.scheme.is_static}


def assert_same(make, alone: list, together: list, **settings) -> None:
    expected = scales(make(), alone, **settings)
    assert expected
    for name, scale in scales(make(), together, **settings).items():
        assert scale == pytest.approx(expected[name], rel=1e-4), name


MADE = {
    "bert": lambda: tiny_model("bert"),
    "roberta": lambda: tiny_model("roberta", pad_token_id=0),
    "distilbert": lambda: tiny_model("distilbert"),
    "albert": lambda: tiny_model("albert"),
    "deberta": lambda: tiny_model("deberta"),
    "squeezebert": lambda: transformers.SqueezeBertForSequenceClassification(
        transformers.SqueezeBertConfig(vocab_size=VOCABULARY, embedding_size=16, **ENCODER)
    ).eval(),
    "llama": lambda: tiny_model("llama"),
    "opt": lambda: tiny_model("opt"),
}


@pytest.mark.parametrize("name", MADE)
def test_texts_alone_and_in_a_batch(name):
    make = lambda: loud_padding(MADE[name]())  # noqa: E731
    torch.manual_seed(5)
    state = make().state_dict()
    same = lambda: _with(make(), state)  # noqa: E731
    alone = [batch_of([text]) for text in texts()]
    assert_same(same, alone, [batch_of(texts())])
    assert_same(same, alone, [batch_of(sorted(texts(), key=len))])


def _with(model: nn.Module, state: dict) -> nn.Module:
    model.load_state_dict(state)
    return model


LEFT = {
    "llama": MADE["llama"],
    "xlnet": lambda: transformers.XLNetForSequenceClassification(
        transformers.XLNetConfig(vocab_size=VOCABULARY, d_model=16, n_layer=1, n_head=2, d_inner=32, pad_token_id=0)
    ).eval(),
}


@pytest.mark.parametrize("name", LEFT)
def test_padding_on_the_left(name):
    torch.manual_seed(5)
    state = LEFT[name]().state_dict()
    make = lambda: loud_padding(_with(LEFT[name](), state))  # noqa: E731
    assert_same(make, [batch_of([text]) for text in texts()], [batch_of(texts(), left=True)])
    square = texts((3, 6, 5, 2, 4, 6))  # as many texts as tokens
    assert_same(make, [batch_of([text]) for text in square], [batch_of(square, left=True)])


@pytest.mark.parametrize("settings", [{"recipes": {"smooth_quant": True}}], ids=["SmoothQuant"])
def test_smoothed_inputs(settings):
    make = lambda: loud_padding(tiny_model("bert"))  # noqa: E731
    assert_same(make, [batch_of([text]) for text in texts()], [batch_of(texts())], **settings)


@pytest.mark.parametrize("name", ["t5", "bart"])
@pytest.mark.parametrize("targets", [LENGTHS[::-1], LENGTHS], ids=["other lengths", "the same lengths"])
def test_encoder_and_decoder(name, targets):
    """The decoder's own padding comes from the labels, that of what it looks at from the encoder's mask."""
    make = lambda: loud_padding(tiny_model(name, decoder_start_token_id=2, pad_token_id=0))  # noqa: E731
    labels = [batch_of([text]) for text in texts(targets)]
    alone = [{**batch_of([text]), "labels": label["input_ids"]} for text, label in zip(texts(), labels, strict=True)]
    padded = batch_of(texts(targets))
    padded = padded["input_ids"].masked_fill(padded["attention_mask"] == 0, -100)
    assert_same(make, alone, [{**batch_of(texts()), "labels": padded}])


def test_a_decoder_that_reads_what_the_encoder_read():
    config = transformers.BartConfig(vocab_size=VOCABULARY, pad_token_id=0, **SEQ2SEQ)
    torch.manual_seed(5)
    state = transformers.BartForSequenceClassification(config).state_dict()
    make = lambda: loud_padding(_with(transformers.BartForSequenceClassification(config).eval(), state))  # noqa: E731
    ended = [torch.cat([text, torch.tensor([config.eos_token_id])]) for text in texts()]
    assert_same(make, [batch_of([text]) for text in ended], [batch_of(ended)])


@pytest.mark.parametrize("observer", ["kl", "mse", "percentile"])
def test_observers_that_choose_where_to_clip(observer):
    """The moving average, of batches, is the only one that hangs on them."""
    make = lambda: loud_padding(tiny_model("bert"))  # noqa: E731
    settings = {"op_type_dict": {"Linear": {"activation": {"algorithm": [observer]}}}}
    many = texts(LENGTHS * 2)
    assert_same(make, [batch_of([text]) for text in many], [batch_of(many[:7]), batch_of(many[7:])], **settings)


def test_choices():
    config = transformers.BertConfig(vocab_size=VOCABULARY, **ENCODER)
    torch.manual_seed(5)
    state = transformers.BertForMultipleChoice(config).state_dict()
    make = lambda: loud_padding(_with(transformers.BertForMultipleChoice(config).eval(), state))  # noqa: E731
    alone = [{key: value[None] for key, value in batch_of([text]).items()} for text in texts()]
    together = {key: value.reshape(2, 3, -1) for key, value in batch_of(texts()).items()}
    assert_same(make, alone, [together])


def test_sound():
    config = transformers.Wav2Vec2Config(
        **ENCODER, conv_dim=[8, 8], conv_stride=[5, 4], conv_kernel=[10, 8], num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, classifier_proj_size=8, feat_extract_norm="layer", mask_time_prob=0.0,
    )  # fmt: skip
    torch.manual_seed(5)
    state = transformers.Wav2Vec2ForSequenceClassification(config).state_dict()
    make = lambda: _with(transformers.Wav2Vec2ForSequenceClassification(config).eval(), state)  # noqa: E731
    waves = [torch.randn(1, length) for length in (400, 800, 600)]
    alone = [{"input_values": wave, "attention_mask": torch.ones_like(wave).long()} for wave in waves]
    padded, mask = torch.zeros(3, 800), torch.zeros(3, 800, dtype=torch.long)
    for row, wave in enumerate(waves):
        padded[row, : wave.shape[1]], mask[row, : wave.shape[1]] = wave[0], 1
    assert_same(make, alone, [{"input_values": padded, "attention_mask": mask}])


def trained_ranges(batches: list, checkpointing: bool = False) -> dict[str, tuple[float, float]]:
    """Of a step of training with rounded layers, each batch a forward and a backward pass of it."""
    model = loud_padding(tiny_model("bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    if checkpointing:
        model.gradient_checkpointing_enable()
    prepare_qat(model.train(), resolve_schemes(model, PostTrainingQuantConfig(approach="static")))
    for module in qat_modules(model).values():
        if module.input_range is not None:  # rounded to a fixed range, so that only padding could make a difference
            module.input_range.low, module.input_range.high, module.input_range.has_data = -8.0, 8.0, True
    for batch in batches:
        model(**batch).logits.sum().backward()
    found = {name: m.input_range for name, m in qat_modules(model).items() if m.input_range is not None}
    assert not unprepare_qat(model)._forward_pre_hooks
    return {name: (seen.seen_low, seen.seen_high) for name, seen in found.items()}


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointing"])
def test_padding_moves_no_range_in_training(checkpointing):
    parts = texts()
    expected = trained_ranges([batch_of([part]) for part in parts])
    found = trained_ranges([batch_of(parts)], checkpointing)
    for name, bounds in found.items():
        assert bounds == pytest.approx(expected[name], rel=1e-4), name


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x, attention_mask=None, flat=False):
        if attention_mask is not None and attention_mask.sum() == 0:
            raise RuntimeError("broken")
        return self.second(self.first(x.flatten(0, 1) if flat else x).flatten(0, -2)[:2])


class TestRows:
    SCHEME = Scheme(WeightScheme(), ActivationScheme(dynamic=False))

    def ranges(self, *calls) -> tuple[float, float]:
        model = prepare(Twice(), {"first": self.SCHEME})
        calibrate(model, calls, progress=False)
        return model.first.quantization_plan.observer.range()

    @pytest.mark.parametrize("form", ["by name", "by place", "flat"])
    def test_forms(self, form):
        x, mask = torch.ones(2, 3, 4), torch.tensor([[1, 1, 0], [1, 0, 0]])
        x[0, 2], x[1, 1:], x[1, 0] = 9, -9, 2
        call = (x, mask) if form == "by place" else {"x": x, "attention_mask": mask, "flat": form == "flat"}
        assert self.ranges(call) == (1, 2)

    @pytest.mark.parametrize("shape", [(2, 5), (2, 1, 3, 3)], ids=["other lengths", "four axes"])
    def test_masks_that_do_not_fit(self, shape):
        x = torch.ones(2, 3, 4)
        x[1, 2] = 9
        assert self.ranges({"x": x, "attention_mask": torch.ones(shape).tril() * 0 + torch.eye(shape[-1])[0]}) == (
            1,
            9,
        )

    def test_a_mask_is_for_one_call(self):
        x, mask = torch.ones(1, 3, 4), torch.tensor([[1, 1, 0]])
        x[0, 2] = 9
        assert self.ranges({"x": x, "attention_mask": mask}, {"x": x}) == (1, 9)

    def test_no_hook_stays(self):
        model = prepare(Twice(), {"first": self.SCHEME, "second": self.SCHEME})
        x = torch.ones(1, 3, 4)
        with pytest.raises(RuntimeError, match="broken"):
            model(x, torch.zeros(1, 3))
        calibrate(model, [{"x": x}], progress=False)
        convert(model)
        assert not model._forward_pre_hooks and not model._forward_hooks
