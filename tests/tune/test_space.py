"""Which modules of a model count as used."""

import copy

import pytest
import torch
import transformers
from tiny import ENCODER, tiny_inputs, tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig
from inc_hf.models.inputs import made_up_batch
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules
from inc_hf.tune.space import reached_by


class Routed(nn.Module):
    """Takes one of its ways, by the first number."""

    def __init__(self):
        super().__init__()
        self.ways, self.unused = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)]), nn.Linear(8, 8)

    def forward(self, x):
        return self.ways[int(x[0, 0] > 0)](x)


ROUTED = [torch.ones(4, 8), -torch.ones(4, 8)]


class TestData:
    @pytest.mark.parametrize("batches", [ROUTED, ROUTED[::-1], [*ROUTED, ROUTED[0]]], ids=["one way", "other", "both"])
    def test_all_batches_count(self, batches):
        assert set(reached_by(Routed(), batches)) == {"ways.0", "ways.1"}

    @pytest.mark.parametrize("approach", ["static", "dynamic", "weight_only"])
    @pytest.mark.parametrize("evaluated", [False, True], ids=["as it is", "tuned"])
    def test_in_fit(self, approach, evaluated):
        torch.manual_seed(0)
        settings = {"eval_func": lambda model: float(model(ROUTED[0]).isfinite().all())} if evaluated else {}
        result = fit(Routed(), PostTrainingQuantConfig(approach=approach), calib_dataloader=ROUTED, **settings)
        assert set(quantized_modules(result.model)) == {"ways.0", "ways.1"}

    def test_what_an_evaluation_calls_counts_beyond_its_first_batches(self):
        data = [ROUTED[0]] * 10 + [ROUTED[1]]
        result = fit(
            Routed(),
            PostTrainingQuantConfig(approach="dynamic"),
            eval_func=lambda model: sum(float(model(batch).isfinite().all()) for batch in data),
        )
        assert set(quantized_modules(result.model)) == {"ways.0", "ways.1"}

    def test_no_more_batches_are_run_than_are_needed(self):
        model = nn.Sequential(nn.Linear(8, 8))
        batches = iter([torch.ones(4, 8)] * 9)
        reached_by(model, batches)
        assert len(list(batches)) == 8


def clip():
    vision = {**ENCODER, "image_size": 16, "patch_size": 4, "projection_dim": 16}
    text = {**ENCODER, "vocab_size": 99, "projection_dim": 16, "eos_token_id": 2, "bos_token_id": 1}
    return transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)


def llava():
    vision = transformers.CLIPVisionConfig(**ENCODER, image_size=16, patch_size=4)
    text = transformers.LlamaConfig(**ENCODER, vocab_size=99)
    return transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_index=90)


def qwen2_vl():
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2]}
    text = {**ENCODER, "num_key_value_heads": 2, "vocab_size": 99, "rope_parameters": rope}
    text |= {"bos_token_id": 1, "eos_token_id": 2}
    vision = {"embed_dim": 16, "hidden_size": 16, "depth": 1, "num_heads": 2, "mlp_ratio": 2, "patch_size": 4}
    tokens = {f"{name}_token_id": 90 + i for i, name in enumerate(("image", "video", "vision_start", "vision_end"))}
    return transformers.Qwen2VLConfig(text_config=text, vision_config=vision, **tokens)


def qwen2_audio():
    audio = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    audio |= {"num_mel_bins": 8, "max_source_positions": 16}
    text = transformers.Qwen2Config(**ENCODER, num_key_value_heads=2, vocab_size=99)
    return transformers.Qwen2AudioConfig(text_config=text, audio_config=audio, audio_token_index=90)


def lilt():
    return transformers.LiltConfig(**{**ENCODER, "hidden_size": 24}, vocab_size=99)


def spectrogram():
    return transformers.ASTConfig(**ENCODER, max_length=64, num_mel_bins=32)


def video():
    return transformers.VideoMAEConfig(**ENCODER, image_size=16, patch_size=4, num_frames=4)


MODALITIES = {
    clip: "CLIPModel",
    llava: "LlavaForConditionalGeneration",
    qwen2_vl: "Qwen2VLForConditionalGeneration",
    qwen2_audio: "Qwen2AudioForConditionalGeneration",
    lilt: "LiltModel",
    spectrogram: "ASTModel",
    video: "VideoMAEModel",
}


class TestMadeUp:
    @pytest.mark.parametrize("config", MODALITIES, ids=lambda config: config.__name__)
    def test_every_modality_is_there(self, config):
        model = getattr(transformers, MODALITIES[config])(config()).eval()
        seen = made_up_batch(model)
        assert seen is not None
        unused = set(reached_by(model, [])).symmetric_difference(
            name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Embedding | nn.Conv2d)
        )
        assert all("embed_positions" in name or ".conv" in name for name in unused)  # read, not called; Conv1d

    def test_texts_are_as_long_as_real_ones(self):
        assert made_up_batch(tiny_model("bert"))["input_ids"].shape[1] > 100
        assert made_up_batch(tiny_model("gpt2", n_positions=16))["input_ids"].shape[1] == 8

    def test_a_modality_that_cannot_be_made_does_not_leave_its_modules_unused(self, monkeypatch):
        model = transformers.CLIPModel(clip()).eval()
        monkeypatch.setattr("inc_hf.models.inputs.with_all_modalities", lambda *_: {})
        monkeypatch.setattr("inc_hf.models.inputs.dummy_batch", lambda _: {"input_ids": torch.tensor([[1, 5, 2]])})
        monkeypatch.setattr(model, "forward", lambda input_ids, pixel_values=None: model.text_model(input_ids))
        reached = reached_by(model, [])
        assert {"vision_model.embeddings.patch_embedding", "visual_projection"} <= set(reached)
        assert reached["text_model.encoder.layers.0.mlp.fc1"] == 3 and reached["visual_projection"] is None

    def test_experts_that_no_token_was_sent_to_count_as_their_twins(self):
        model = tiny_model("bert", num_hidden_layers=2)
        model.bert.encoder.layer[1].forward = lambda hidden, *_, **__: hidden  # never calls what is in it
        names = list(reached_by(model, []))
        assert "bert.encoder.layer.1.output.dense" in names
        assert names.index("bert.encoder.layer.1.output.dense") < names.index("classifier")

    def test_the_model_stays_as_it_was(self):
        config = transformers.BigBirdConfig(**ENCODER, vocab_size=99, block_size=8, num_random_blocks=1)
        model = transformers.BigBirdModel(config).train()
        model.encoder.layer[0].eval()
        before = copy.deepcopy(model)
        torch.manual_seed(3)
        expected = torch.rand(1)
        torch.manual_seed(3)
        reached_by(model, [])  # of 127 tokens
        reached_by(model, [tiny_inputs(model)])  # of 10, for which it would switch to full attention for good
        assert torch.equal(torch.rand(1), expected)
        assert model.attention_type == "block_sparse" == model.encoder.layer[0].attention.attention_type
        assert str(model) == str(before)
        assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
