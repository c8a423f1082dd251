"""Save and load in both formats: the same model comes back, tied weights as one."""

import pytest
import torch
from saved import FORMATS, TIED, address_of, method_of, same_state, stored_dtypes, stored_tensors
from tiny import logits_of, quantized, tiny_model
from transformers import BertForSequenceClassification, BertModel, Swinv2Config, Swinv2ForImageClassification
from transformers import initialization as init
from transformers.models.bert.modeling_bert import BertEmbeddings, BertSelfOutput

from inc_hf import IncModelForImageClassification, IncModelForSequenceClassification, PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.nn import QEmbedding
from inc_hf.utils.load_huggingface import OptimizedModel

FP32 = {"weight": {"dtype": "fp32"}}
INT4 = {"op_type_dict": {".*": {"weight": {"bits": 4}}}}


class TestRoundTrip:
    @pytest.mark.parametrize(
        ("model", "approach", "settings"),
        [
            ("bert", "dynamic", {}),
            ("bert", "static", {}),
            ("bert", "static", {"op_type_dict": {"Linear": {"activation": {"scheme": "sym"}}}}),
            ("bert", "weight_only", {}),
            ("bert", "dynamic", {"op_type_dict": {"Linear": {"weight": {"granularity": "per_tensor"}}}}),
            ("bert", "static", {"op_name_dict": {"classifier": FP32, "bert.embeddings.*": FP32}}),
            ("opt", "dynamic", {}),
            ("t5", "static", {}),
            ("bart", "dynamic", {}),
        ],
        ids=["dynamic", "static", "symmetric", "weight only", "per tensor", "float parts", "opt", "t5", "bart"],
    )
    @pytest.mark.parametrize("format", FORMATS)
    def test_bit_equal(self, tmp_path, model, approach, settings, format):
        result = quantized(model, approach, **settings)
        result.save_pretrained(tmp_path / "out", format=format)
        assert method_of(tmp_path / "out") == format
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert type(loaded) is type(result.model)
        assert not loaded.training
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize(
        ("model", "settings"),
        [("gpt2", {}), ("vit", {}), ("bert", INT4), ("gpt2", INT4), ("vit", INT4)],
        ids=["gpt2", "vit", "bert 4 bits", "gpt2 4 bits", "vit 4 bits"],
    )
    @pytest.mark.parametrize("approach", ["dynamic", "static", "weight_only"])
    def test_what_only_inc_can_express(self, tmp_path, model, approach, settings):
        result = quantized(model, approach, **settings)
        result.save_pretrained(tmp_path / "out")
        assert method_of(tmp_path / "out") == "inc"
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", ["bert", "gpt2"])
    def test_smoothed(self, tmp_path, model):
        result = quantized(model, "static", recipes={"smooth_quant": True})
        result.save_pretrained(tmp_path / "out")
        assert method_of(tmp_path / "out") == "inc"
        assert any(name.endswith(".smooth_scale") for name in stored_tensors(tmp_path / "out"))
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    def test_four_bits_take_half_a_byte(self, tmp_path):
        quantized("bert", **INT4).save_pretrained(tmp_path / "out")
        assert stored_tensors(tmp_path / "out")["bert.pooler.dense.weight"] == ("U8", [16, 8, 1])

    def test_a_refused_format_leaves_the_directory_alone(self, tmp_path):
        result = quantized("gpt2")
        with pytest.raises(ValueError, match="`transformer.h.0.attn.c_attn` is a transformers.Conv1D"):
            result.save_pretrained(tmp_path / "out", format="compressed-tensors")
        assert list(tmp_path.iterdir()) == []
        result.save_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(OptimizedModel.from_pretrained(tmp_path / "out")), logits_of(result.model))

    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    @pytest.mark.parametrize("format", FORMATS)
    def test_bfloat16(self, tmp_path, approach, format):
        result = quantized(tiny_model("bert").to(torch.bfloat16), approach)
        assert logits_of(result.model).dtype == torch.bfloat16
        result.save_pretrained(tmp_path / "out", format=format)
        stored = stored_tensors(tmp_path / "out")
        assert {dtype for name, (dtype, _) in stored.items() if name.endswith("_scale")} == {"F32"}
        assert stored["bert.pooler.dense.bias"][0] == "BF16"
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert loaded.dtype == torch.bfloat16
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("format", FORMATS)
    def test_sharded(self, tmp_path, format):
        result = quantized("bart")
        result.save_pretrained(tmp_path / "one", format=format)
        loaded = OptimizedModel.from_pretrained(tmp_path / "one")
        loaded.save_pretrained(tmp_path / "many", max_shard_size="5KB")
        assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 2
        assert stored_tensors(tmp_path / "many") == stored_tensors(tmp_path / "one")
        assert torch.equal(logits_of(OptimizedModel.from_pretrained(tmp_path / "many")), logits_of(result.model))

    @pytest.mark.parametrize("model", ["bert", "t5"])
    @pytest.mark.parametrize("format", FORMATS)
    def test_saving_again_gives_the_same_bytes(self, tmp_path, model, format):
        quantized(model, "static").save_pretrained(tmp_path / "first", format=format)
        OptimizedModel.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
        for name in ("config.json", "model.safetensors"):
            assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()

    def test_saving_in_one_format_then_the_other(self, tmp_path):
        result = quantized("bert", "static")
        for format in ("inc", "compressed-tensors", "inc"):
            result.save_pretrained(tmp_path / "out", format=format, overwrite=True)
            assert method_of(tmp_path / "out") == format
            loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
            assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("approach", ["dynamic", "weight_only"])
    def test_buffers_computed_from_weights_when_a_model_is_made(self, tmp_path, approach):
        """Swin V2 gives its coordinates the dtype of the first parameter beside them; no checkpoint has them."""
        sizes = {"embed_dim": 8, "depths": [1], "num_heads": [2], "image_size": 16, "patch_size": 4, "window_size": 3}
        model = Swinv2ForImageClassification(Swinv2Config(**sizes)).eval()
        result = fit(model, PostTrainingQuantConfig(approach=approach))
        result.save_pretrained(tmp_path / "out")
        loaded = IncModelForImageClassification.from_pretrained(tmp_path / "out")
        expected = dict(model.named_buffers())
        assert "swinv2.encoder.layers.0.blocks.0.attention.self.relative_coords_table" in expected
        assert all(torch.equal(buffer, expected[name]) for name, buffer in loaded.named_buffers() if name in expected)

    def test_a_model_that_draws_the_weights_of_its_parts(self, tmp_path, monkeypatch):
        """As Chinese CLIP does, in a module that has buffers of its own, and Nemotron, in the shape of the weight."""
        result = fit(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic"))
        result.save_pretrained(tmp_path / "out", format="inc")

        def draw(self, module):
            if isinstance(module, BertEmbeddings):
                init.zeros_(module.word_embeddings.weight[0])
                init.copy_(module.position_ids, torch.arange(module.position_ids.shape[1]).unsqueeze(0))
                init.zeros_(module.token_type_ids)
            elif isinstance(module, BertSelfOutput):
                init.copy_(module.dense.weight, torch.eye(*module.dense.weight.shape))

        monkeypatch.setattr(BertForSequenceClassification, "_init_weights", draw)
        monkeypatch.setattr(BertModel, "_init_weights", draw)
        loaded = BertForSequenceClassification.from_pretrained(tmp_path / "out").eval()
        assert torch.equal(logits_of(loaded), logits_of(result.model))
        with pytest.raises(ValueError, match="read-only"):
            loaded.bert.embeddings.word_embeddings.weight.zero_()


INT8 = {"weight": {"dtype": "int8"}}


class TestTiedWeights:
    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    @pytest.mark.parametrize("model", TIED)
    def test_one_tensor_on_disk_and_in_memory(self, tmp_path, model, approach):
        ends = dict.fromkeys(TIED[model], INT8)  # which decoders would keep in float
        result = quantized(tiny_model(model, tie_word_embeddings=True), approach, op_name_dict=ends)
        result.save_pretrained(tmp_path / "out")
        assert stored_dtypes(tmp_path / "out", TIED[model]) == ["I8"]
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 1
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("part", ["head", "embeddings", "all"])
    @pytest.mark.parametrize("model", TIED)
    def test_kept_in_float(self, tmp_path, model, part):
        head, *embeddings = TIED[model]
        names = {"head": [head], "embeddings": embeddings, "all": TIED[model]}[part]
        result = quantized(tiny_model(model, tie_word_embeddings=True), op_name_dict={"|".join(names): FP32})
        result.save_pretrained(tmp_path / "out")
        assert stored_dtypes(tmp_path / "out", TIED[model]) == ["F32"], "what is tied stays together"
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert type(loaded.lm_head) is torch.nn.Linear
        assert torch.equal(loaded.lm_head.weight, tiny_model(model, tie_word_embeddings=True).lm_head.weight)
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 1
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", ["gpt2", "opt"])
    def test_untied(self, tmp_path, model):
        ends = dict.fromkeys(TIED[model], INT8)
        result = quantized(tiny_model(model, tie_word_embeddings=False), op_name_dict=ends)
        result.save_pretrained(tmp_path / "out")
        assert stored_dtypes(tmp_path / "out", TIED[model]) == ["I8", "I8"]
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 2
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", ["gpt2", "opt"])
    def test_untied_with_a_head_in_float(self, tmp_path, model):
        ends = {**dict.fromkeys(TIED[model], INT8), "lm_head": FP32}
        result = quantized(tiny_model(model, tie_word_embeddings=False), op_name_dict=ends)
        result.save_pretrained(tmp_path / "out")
        assert sorted(stored_dtypes(tmp_path / "out", TIED[model])) == ["F32", "I8"]
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert type(loaded.lm_head) is torch.nn.Linear
        assert isinstance(loaded.get_submodule(TIED[model][1]), QEmbedding)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", TIED)
    def test_resaved(self, tmp_path, model):
        quantized(tiny_model(model, tie_word_embeddings=True)).save_pretrained(tmp_path / "first")
        OptimizedModel.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
        assert stored_tensors(tmp_path / "first") == stored_tensors(tmp_path / "second")
