import pytest
import torch
import transformers
from tiny import MODELS, tiny_inputs, tiny_model
from tiny import TinyNet as Net
from torch import nn

from inc_hf.models.inputs import as_named, dummy_batch, made_up_batch, recording_inputs
from inc_hf.quantize.workflow import run


@pytest.fixture(scope="module")
def bert():
    return tiny_model("bert")


class TestRecordingInputs:
    def assert_same_outputs(self, model, recorded, outputs):
        assert len(recorded) == len(outputs)
        with torch.no_grad():
            assert all(torch.equal(run(model, batch), output) for batch, output in zip(recorded, outputs, strict=True))

    def test_by_name_and_by_position(self, bert):
        inputs = tiny_inputs(bert)
        with torch.no_grad(), recording_inputs(bert) as recorded:
            outputs = [
                bert(**inputs).logits,
                bert(inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits,
            ]
        with torch.no_grad():
            again = [run(bert, batch).logits for batch in recorded]
        assert all(torch.equal(a, b) for a, b in zip(again, outputs, strict=True))
        assert not bert._forward_pre_hooks

    @pytest.mark.parametrize(
        "call",
        [lambda m, x, y: m(x, y), lambda m, x, y: m(x, y=y), lambda m, x, y: m(y=y, x=x)],
        ids=["positions", "mixed", "names"],
    )
    def test_of_a_plain_module(self, call):
        class Named(Net):
            def forward(self, x, y):
                return self.linear(x) + y

        model, x, y = Named(), torch.randn(3, 4), torch.randn(3, 2)
        with torch.no_grad(), recording_inputs(model) as recorded:
            outputs = [call(model, x, y)]
        self.assert_same_outputs(model, recorded, outputs)

    def test_any_positions(self):
        class Sum(Net):
            def forward(self, *tensors):
                return self.linear(sum(tensors))

        model, x = Sum(), torch.randn(3, 4)
        with torch.no_grad(), recording_inputs(model) as recorded:
            outputs = [model(x, 2 * x, 3 * x)]
        self.assert_same_outputs(model, recorded, outputs)

    def test_any_names(self):
        class Options(Net):
            def forward(self, x, **options):
                return self.linear(x) * options["factor"]

        model, x = Options(), torch.randn(3, 4)
        with torch.no_grad(), recording_inputs(model) as recorded:
            outputs = [model(x, factor=3)]
        self.assert_same_outputs(model, recorded, outputs)

    def test_only_the_first_calls(self):
        model = Net()
        with torch.no_grad(), recording_inputs(model, limit=2) as recorded:
            outputs = [model(torch.randn(1, 4)) for _ in range(5)]
        self.assert_same_outputs(model, recorded, outputs[:2])

    def test_hook_is_removed_after_an_error(self):
        model = Net()
        with pytest.raises(RuntimeError), recording_inputs(model):
            model(torch.randn(3, 5))
        assert not model._forward_pre_hooks

    def test_calls_that_continue_others_are_left_out(self):
        """The cache of `generate` grows with each call, so that a second run would compute something else."""
        model = tiny_model("opt")
        ids = tiny_inputs(model)["input_ids"]
        with torch.no_grad(), recording_inputs(model) as recorded:
            model.generate(ids, max_new_tokens=4, min_new_tokens=4, do_sample=False)
        assert len(recorded) == 1 and torch.equal(recorded[0]["input_ids"], ids)
        with torch.no_grad():
            assert torch.equal(run(model, recorded[0]).logits, run(model, recorded[0]).logits)

    def test_calls_without_the_encoder_are_left_out(self):
        """They would make the encoder look unused."""
        model = tiny_model("t5", decoder_start_token_id=0)
        with torch.no_grad(), recording_inputs(model) as recorded:
            model.generate(tiny_inputs(model)["input_ids"], max_new_tokens=3, min_new_tokens=3, do_sample=False)
        assert recorded == []


class TestDummyBatch:
    @pytest.mark.parametrize("name", MODELS)
    def test_model_takes_it(self, name):
        model = tiny_model(name)
        with torch.no_grad():
            assert model(**dummy_batch(model)).logits.isfinite().all()

    @pytest.mark.parametrize(
        "class_name",
        [
            "BartForSequenceClassification",
            "BartForQuestionAnswering",
            "BertForMultipleChoice",
            "BertForMaskedLM",
            "T5EncoderModel",
            "WhisperForConditionalGeneration",
            "Wav2Vec2ForSequenceClassification",
        ],
    )
    def test_other_heads(self, class_name):
        values = {
            "Bart": MODELS["bart"][2],
            "Bert": MODELS["bert"][2],
            "T5En": MODELS["t5"][2],
            "Whis": {**MODELS["bart"][2], "num_mel_bins": 8, "max_source_positions": 16, "pad_token_id": 0},
            "Wav2": {**MODELS["bert"][2], "conv_dim": [8] * 3, "conv_stride": [5, 4, 4], "conv_kernel": [10, 8, 8]},
        }[class_name[:4]]
        values |= {"Wav2": {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}}.get(class_name[:4], {})
        model_class = getattr(transformers, class_name)
        model = model_class(model_class.config_class(vocab_size=96, **values)).eval()
        with torch.no_grad():
            model(**dummy_batch(model))


class TestMadeUpBatch:
    def test_a_plain_module_has_none(self):
        assert made_up_batch(nn.Linear(2, 2)) is None

    def test_a_config_that_does_not_say_the_size(self, monkeypatch):
        model = tiny_model("bert")
        monkeypatch.setattr(type(model), "main_input_name", "input_features")
        with pytest.raises(ValueError, match="BertConfig does not say `num_mel_bins`"):
            dummy_batch(model)
        assert made_up_batch(model) is None

    def test_a_fault_that_is_no_misfit_is_raised(self, monkeypatch):
        def broken(config):
            raise AttributeError("a bug")

        monkeypatch.setattr("inc_hf.models.inputs._ids", broken)
        with pytest.raises(AttributeError, match="a bug"):
            made_up_batch(tiny_model("bert"))


class TestAsNamed:
    def test_by_place(self, bert):
        ids, mask = torch.ones(1, 2), torch.zeros(1, 2)
        assert as_named(bert, ids) == {"input_ids": ids}
        assert as_named(bert, (ids, mask)) == as_named(bert, [ids, mask]) == {"input_ids": ids, "attention_mask": mask}

    def test_by_name(self, bert):
        batch = {"attention_mask": 1, "labels": 2}
        assert as_named(bert, batch) == batch

    def test_what_no_argument_is_left_for(self):
        x = torch.ones(1, 4)
        assert as_named(Net(), (x, 1)) == {"x": x}
