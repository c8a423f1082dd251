"""A call gives torch's outputs on another runtime, or is refused by the name of what the file does not have."""

import functools

import pytest
import torch
from tiny import quantized, tiny_inputs, tiny_model

from inc_hf import IncModelForCausalLM, IncModelForSpeechSeq2Seq
from inc_hf.runtimes import from_files, from_torch
from inc_hf.runtimes.arguments import refuse_what_is_missing
from inc_hf.runtimes.generation import RuntimeEncoder, RuntimeSeq2Seq

TOLERANCE = {"rtol": 1e-3, "atol": 1e-4}


@functools.cache
def both(name):
    """A model and the same on ONNX Runtime."""
    model = tiny_model(name)
    return model, from_torch(model, "onnxruntime")


def texts(batch=3, length=6):
    ids = torch.randint(5, 90, (batch, length))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def boxes(batch=3, length=6):
    corner = torch.randint(0, 400, (batch, length, 2))
    return torch.cat([corner, corner + 50], -1)


def check(name, **inputs):
    model, other = both(name)
    with torch.no_grad():
        expected = model(**inputs)
    got = other(**inputs)
    assert type(got) is type(expected)
    for key, value in got.items():
        torch.testing.assert_close(value, expected[key], **TOLERANCE)


class TestTexts:
    @pytest.mark.parametrize("value", [boxes, lambda: torch.zeros(3, 6, 4, dtype=torch.long)], ids=["some", "default"])
    def test_boxes(self, value):
        check("layoutlm", **texts(), bbox=value())

    def test_what_may_be_left_out_stands_for_its_default(self):
        check("layoutlm", **texts())

    @pytest.mark.parametrize(
        "more",
        [
            {"token_type_ids": torch.ones(3, 6, dtype=torch.long)},
            {"position_ids": torch.arange(6).expand(3, 6)},
            {"labels": torch.ones(3, 6, dtype=torch.long)},
            {"output_hidden_states": False, "output_attentions": None, "inputs_embeds": None},
        ],
        ids=lambda more: next(iter(more)),
    )
    def test_what_is_the_same_in_torch(self, more):
        check("layoutlm", **texts(), bbox=boxes(), **more)

    @pytest.mark.parametrize(
        "more, match",
        [
            (
                {"position_ids": torch.arange(6).flip(0).expand(3, 6)},
                "`position_ids` is not in the file of this LayoutL",
            ),
            ({"inputs_embeds": torch.zeros(3, 6, 16)}, "`inputs_embeds` is not in the file"),
            ({"output_hidden_states": True}, "`output_hidden_states` asks for outputs that the file of this"),
            ({"output_attentions": True}, "`output_attentions` asks for outputs"),
            ({"token_type_ids": torch.zeros(3, 5, dtype=torch.long)}, "ONNX Runtime cannot run .*token_type_ids"),
            (
                {"bbox": torch.zeros(3, 6, dtype=torch.long)},
                r"`bbox` has the shape \(batch, sequence, 4\) in this file",
            ),
            ({"bbox": torch.zeros(3, 6, 4)}, "`bbox` is torch.int64 in this file, got torch.float32"),
        ],
    )
    def test_refused_by_name(self, more, match):
        with pytest.raises(ValueError, match=match):
            both("layoutlm")[1](**texts(), **more)

    def test_what_a_config_asks_for(self, monkeypatch):
        model = both("layoutlm")[1]
        monkeypatch.setattr(model.config, "output_hidden_states", True)
        with pytest.raises(ValueError, match="pass `output_hidden_states=False`"):
            model(**texts())
        assert model(**texts(), output_hidden_states=False).logits.shape == (3, 6, 2)

    def test_tuples(self, monkeypatch):
        model, other = both("layoutlm")
        inputs = texts()
        got, expected = (each(**inputs, return_dict=False) for each in (other, model))
        assert isinstance(got, tuple) and len(got) == len(expected) == 1
        torch.testing.assert_close(got[0], expected[0], **TOLERANCE)
        monkeypatch.setattr(other.config, "return_dict", False)
        assert isinstance(other(**inputs), tuple) and not isinstance(other(**inputs, return_dict=True), tuple)

    def test_other_types_of_integers(self):
        inputs = texts()
        check("layoutlm", **{name: tensor.to(torch.int32) for name, tensor in inputs.items()})
        check("layoutlm", input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"].bool())

    def test_a_file_of_another_class(self):
        from transformers import LayoutLMForMaskedLM

        model, other = both("layoutlm")
        with pytest.raises(ValueError, match="not made of a LayoutLMForMaskedLM, but of a LayoutLMForTokenClassif"):
            from_files(LayoutLMForMaskedLM, model.config, other.files, "onnxruntime")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_sound_of_any_length_and_its_mask(backend):
    pytest.importorskip(backend)
    model, other = both("hubert")
    other = other if backend == "onnxruntime" else from_files(type(model), model.config, other.files, backend)
    for length in (8000, 20001):
        sound = torch.randn(2, length)
        mask = torch.ones(2, length, dtype=torch.long)
        mask[0, length // 2 :] = 0
        for inputs in ({"input_values": sound}, {"input_values": sound, "attention_mask": mask}):
            with torch.no_grad():
                torch.testing.assert_close(other(**inputs).logits, model(**inputs).logits, **TOLERANCE)


def test_two_towers():
    for images in (1, 4):
        inputs = texts(2, 9)
        inputs["attention_mask"][0, 5:] = 0
        check("clip", **inputs, pixel_values=torch.randn(images, 3, 32, 32))
    with pytest.raises(ValueError, match="`return_loss` is not in the file of this CLIPModel"):
        both("clip")[1](**texts(2), pixel_values=torch.randn(2, 3, 32, 32), return_loss=True)
    with pytest.raises(ValueError, match="Parts of a model on onnxruntime cannot be called, only the whole"):
        both("clip")[1].get_text_features(**texts(2))
    with pytest.raises(ValueError, match=r"`pixel_values` has the shape \(image_batch, 3, 32, 32\) in this file"):
        both("clip")[1](**texts(2), pixel_values=torch.randn(2, 3, 48, 48))


@pytest.fixture(scope="module")
def models(onnx_files):
    """A decoder, and the same on ONNX Runtime."""
    model = quantized("gpt2").model
    return model, from_files(type(model), model.config, onnx_files("gpt2", "dynamic"), "onnxruntime")


class TestGeneration:
    @pytest.mark.parametrize(
        "more, match",
        [
            (
                {"token_type_ids": torch.zeros(3, 10, dtype=torch.long)},
                "`token_type_ids` is not in the file of this GPT2",
            ),
            ({"inputs_embeds": torch.zeros(3, 10, 16)}, "`inputs_embeds` is not in the file"),
            ({"output_attentions": True}, "`output_attentions` asks for outputs"),
        ],
    )
    def test_refused_by_name(self, models, more, match):
        with pytest.raises(ValueError, match=match):
            models[1](**tiny_inputs(models[0]), **more)
        if "output_attentions" in more:
            with pytest.raises(ValueError, match=match):
                models[1].generate(**tiny_inputs(models[0]), **more, max_new_tokens=2, return_dict_in_generate=True)

    def test_the_last_logits(self, models):
        for keep in (2, torch.tensor([0, 3])):
            with torch.no_grad():
                expected, got = (model(**tiny_inputs(model), logits_to_keep=keep).logits for model in models)
            assert got.shape == expected.shape
            torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-2)

    def test_tuples(self, models):
        logits, *_ = models[1](**tiny_inputs(models[0]), return_dict=False)
        assert logits.shape == (3, 10, 96)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("loader", [IncModelForCausalLM, IncModelForSpeechSeq2Seq])
def test_a_class_of_another_task_says_what_torch_says(loader, backend, tmp_path):
    pytest.importorskip(backend)
    tiny_model("vit").save_pretrained(tmp_path)
    errors = []
    for each in ("torch", backend):
        with pytest.raises(ValueError, match="is a ViTForImageClassification, which IncModelFor") as error:
            loader.from_pretrained(tmp_path, backend=each)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_what_says_nothing_is_built_in():
    model = both("layoutlm")[1]
    refuse_what_is_missing(model, {"mm_encoder_outputs": {}}, ())
    with pytest.raises(ValueError, match="`mm_encoder_outputs` is not in the file"):
        refuse_what_is_missing(model, {"mm_encoder_outputs": {"image": 1}}, ())


def test_a_sound_without_a_mask_is_read_whole():
    states = {"last_hidden_state": torch.zeros(2, 5, 4)}
    encoder = RuntimeEncoder(lambda inputs: states, "input_features")
    inputs = {"encoder_outputs": encoder(input_features=torch.zeros(2, 20, 8))}
    RuntimeSeq2Seq._encoded(encoder, inputs)
    assert inputs["attention_mask"].shape == (2, 20) and inputs["attention_mask"].all()
