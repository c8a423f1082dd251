"""Sixteen architectures: quantize, save, load in a fresh process, same logits; stock transformers agrees."""

import json

import pytest
import torch
import transformers
from fresh import run_fresh
from safetensors import safe_open
from transformers import PreTrainedModel

from inc_hf import PostTrainingQuantConfig
from inc_hf.quantizer import IncQuantizer

ENCODER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
DECODER = {**ENCODER, "num_key_value_heads": 2, "vocab_size": 99, "max_position_embeddings": 64}
SEQ2SEQ = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
# name -> model class, config class, config values
ARCHITECTURES = {
    "bert": ("BertForSequenceClassification", "BertConfig", {**ENCODER, "vocab_size": 99}),
    "roberta": ("RobertaForSequenceClassification", "RobertaConfig", {**ENCODER, "vocab_size": 99}),
    "distilbert": (
        "DistilBertForSequenceClassification",
        "DistilBertConfig",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "vocab_size": 99},
    ),
    "albert": ("AlbertForSequenceClassification", "AlbertConfig", {**ENCODER, "embedding_size": 16, "vocab_size": 99}),
    "electra": (
        "ElectraForSequenceClassification",
        "ElectraConfig",
        {**ENCODER, "embedding_size": 16, "vocab_size": 99},
    ),
    "mpnet": ("MPNetForSequenceClassification", "MPNetConfig", {**ENCODER, "vocab_size": 99}),
    "deberta-v2": (
        "DebertaV2ForSequenceClassification",
        "DebertaV2Config",
        {**ENCODER, "vocab_size": 99, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    ),
    "modernbert": (
        "ModernBertForSequenceClassification",
        "ModernBertConfig",
        {**ENCODER, "vocab_size": 99, "pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2, "eos_token_id": 2},
    ),
    "vit": ("ViTForImageClassification", "ViTConfig", {**ENCODER, "image_size": 16, "patch_size": 4}),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99}),
    "opt": (
        "OPTForCausalLM",
        "OPTConfig",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_dim": 64,
            "vocab_size": 99,
            "word_embed_proj_dim": 32,
        },
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", DECODER),
    "qwen": ("Qwen2ForCausalLM", "Qwen2Config", DECODER),
    "t5": (
        "T5ForConditionalGeneration",
        "T5Config",
        {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 99},
    ),
    "bart": (
        "BartForConditionalGeneration",
        "BartConfig",
        {**SEQ2SEQ, "vocab_size": 99, "max_position_embeddings": 64},
    ),
    "whisper": (
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        {
            **SEQ2SEQ,
            "vocab_size": 99,
            "num_mel_bins": 8,
            "max_source_positions": 16,
            "max_target_positions": 16,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
        },
    ),
}
# Convolutions and transformers.Conv1D have no words in compressed-tensors.
INC_FORMAT = {"gpt2", "vit", "whisper"}

# Up to 5.20 (the last for Python 3.10) transformers keeps the file's dtype for some parameters of quantized models.
CASTS_ON_LOAD = tuple(map(int, transformers.__version__.split(".")[:2])) >= (5, 21)
APPROACHES = ("dynamic", "static")
# With every scale static, nothing is rounded that stock transformers rounds otherwise.
EXACT = "bert-exact"
PER_TENSOR = {"op_type_dict": {"Linear": {"activation": {"granularity": "per_tensor"}}}}
CASES = [EXACT, *(f"{name}-{approach}" for name in ARCHITECTURES for approach in APPROACHES)]

# Loads every case below a directory and stores the logits, in float32 and in float64.
LOAD = """
import dataclasses, sys, pathlib, torch, transformers
root, loader, casts, cases = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True", sys.argv[4:]
torch.set_num_threads(1)

def load(directory, class_name, dtype):
    if loader == "inc":
        from inc_hf.utils.load_huggingface import OptimizedModel
        return OptimizedModel.from_pretrained(directory, dtype=dtype)
    model = getattr(transformers, class_name).from_pretrained(directory, dtype=dtype)
    if loader == "optimize":
        from inc_hf import optimize
        model = optimize(model, fuse=False)  # with our GELU the bits may differ
    return model

def unrounded(model, name):
    from inc_hf.quantize.nn import quantized_modules
    for module in quantized_modules(model).values():
        activation = module.scheme.activation and dataclasses.replace(module.scheme.activation, scale_dtype=name)
        module.scheme = dataclasses.replace(module.scheme, activation=activation)
    return model

@torch.no_grad()
def save(model, inputs, file):
    torch.save(model(**inputs).logits, file)

for case in cases:
    class_name, inputs = torch.load(root / case / "inputs.pt")
    for dtype in (torch.float32, torch.float64) if casts else (torch.float32,):
        cast = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
        model, name = load(root / case / "model", class_name, dtype), str(dtype)[6:]
        save(model, cast, root / case / f"{loader}-{name}.pt")
        if loader == "inc":
            save(unrounded(model, name), cast, root / case / f"unrounded-{name}.pt")
assert loader != "stock" or "inc_hf" not in sys.modules
"""


def tiny_model(name: str) -> PreTrainedModel:
    class_name, config_name, values = ARCHITECTURES[name]
    torch.manual_seed(1)
    model = getattr(transformers, class_name)(getattr(transformers, config_name)(**values)).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:  # weights of the initial scale of 0.02 would hide errors in logits near 0
            torch.nn.init.normal_(parameter, std=0.15)
    return model


def random_inputs(model: PreTrainedModel, batch: int = 8) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    if model.main_input_name == "pixel_values":
        return {"pixel_values": torch.randn(batch, 3, 16, 16, generator=generator)}
    ids = torch.randint(3, 99, (batch, 6), generator=generator)
    if model.main_input_name == "input_features":
        return {"input_features": torch.randn(batch, 8, 32, generator=generator), "decoder_input_ids": ids}
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return {**inputs, "decoder_input_ids": ids} if model.config.is_encoder_decoder else inputs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Every case quantized and saved, with its inputs, the float logits and the quantized ones before saving."""
    root = tmp_path_factory.mktemp("architectures")
    for case in CASES:
        name, _, approach = case.rpartition("-")
        model = tiny_model(name)
        inputs = random_inputs(model)
        (root / case).mkdir()
        torch.save((type(model).__name__, inputs), root / case / "inputs.pt")
        torch.save(logits_of(model, inputs), root / case / "float.pt")
        settings = {"approach": "static", **PER_TENSOR} if case == EXACT else {"approach": approach}
        config = PostTrainingQuantConfig(**settings)
        result = IncQuantizer.from_pretrained(model).quantize(
            config, root / case / "model", calibration_dataset=[inputs]
        )
        torch.save(logits_of(result.model, inputs), root / case / "before.pt")
    return root


@torch.no_grad()
def logits_of(model: PreTrainedModel, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(**inputs).logits


def quant_method(directory) -> str:
    return json.loads((directory / "config.json").read_text())["quantization_config"]["quant_method"]


@pytest.fixture(scope="module")
def loaded(root):
    """The same, with the logits of each loader, each in a fresh process."""
    compressed = [case for case in CASES if quant_method(root / case / "model") == "compressed-tensors"]
    for loader, cases in (("inc", CASES), ("optimize", compressed), ("stock", compressed)):
        finished = run_fresh(LOAD, root, loader, CASTS_ON_LOAD, *cases)
        assert finished.returncode == 0, finished.stderr[-3000:]
    return root


@pytest.mark.parametrize("case", CASES)
def test_quantized_is_near_float_and_format_is_as_expected(case, root):
    float_logits, logits = torch.load(root / case / "float.pt"), torch.load(root / case / "before.pt")
    error = (logits - float_logits).norm() / float_logits.norm()
    assert 0 < error < 0.2, f"quantized logits differ by {error:.3f}, relative"
    name = case.rpartition("-")[0]
    assert quant_method(root / case / "model") == ("inc" if name in INC_FORMAT else "compressed-tensors")


def test_compressed_tensors_config_is_plain(root):
    """Per token for all Linears, as vLLM reads it; those with 2-D inputs need another word for the same."""
    config = json.loads((root / "bert-dynamic" / "model" / "config.json").read_text())["quantization_config"]
    strategies = {
        target: group.get("input_activations", {}).get("strategy")
        for group in config["config_groups"].values()
        for target in group["targets"]
    }
    assert strategies == {"Linear": "token", "Embedding": None, "bert.pooler.dense": "group", "classifier": "group"}


# Decoders keep theirs in float, as vLLM wants it.
@pytest.mark.parametrize(("name", "dtype"), [("t5", "I8"), ("bart", "I8"), ("gpt2", "F32"), ("opt", "F32")])
def test_tied_embeddings_are_one_tensor(name, dtype, root):
    with safe_open(root / f"{name}-dynamic" / "model" / "model.safetensors", "pt") as file:
        large = [key for key in file.keys() if file.get_slice(key).get_shape()[0] == 99 and key.endswith(".weight")]
        assert len(large) == 1, f"one copy of the vocabulary, got {large}"
        assert file.get_slice(large[0]).get_dtype() == dtype


@pytest.mark.parametrize("case", CASES)
def test_loaded_in_a_fresh_process_bit_equal(case, loaded):
    assert torch.equal(torch.load(loaded / case / "inc-float32.pt"), torch.load(loaded / case / "before.pt"))


@pytest.mark.parametrize("case", [case for case in CASES if case.rpartition("-")[0] not in INC_FORMAT])
def test_optimize_gives_the_same_bits(case, loaded):
    assert torch.equal(torch.load(loaded / case / "optimize-float32.pt"), torch.load(loaded / case / "before.pt"))


@pytest.mark.parametrize("case", [case for case in CASES if case.rpartition("-")[0] not in INC_FORMAT])
def test_stock_transformers_computes_the_same(case, loaded):
    """But for the rounding of dynamic scales to bfloat16, which moves activations to the next integer. Without it only
    the scheme itself could differ, and nothing does; but then the lowest activation of a token lies between -128 and
    -127, so that the last bit decides, and such a sample is off by up to a quantization step."""
    ours, stock = torch.load(loaded / case / "before.pt"), torch.load(loaded / case / "stock-float32.pt")
    assert (ours - stock).abs().max() < 0.1 * ours.abs().max()
    for dtype in ("float32", "float64") if CASTS_ON_LOAD else ("float32",):
        ours, stock = (torch.load(loaded / case / f"{loader}-{dtype}.pt") for loader in ("unrounded", "stock"))
        differences = (ours - stock).abs().flatten(1).amax(1)
        assert (differences < 1e-5).double().mean() >= 0.5
        if case == EXACT and dtype == "float64":
            torch.testing.assert_close(stock, ours, rtol=1e-9, atol=1e-9)


def clip() -> transformers.CLIPModel:
    """A model that the inputs which we make up do not fit: it wants a text and an image."""
    config = transformers.CLIPConfig(
        text_config={**ENCODER, "vocab_size": 99, "projection_dim": 16},
        vision_config={**ENCODER, "image_size": 16, "patch_size": 4, "projection_dim": 16},
        projection_dim=16,
    )
    return transformers.CLIPModel(config).eval()


def test_a_model_that_made_up_inputs_do_not_fit_is_quantized_all_the_same():
    model = clip()
    ids = torch.randint(3, 99, (2, 6), generator=torch.Generator().manual_seed(0))
    inputs = {"input_ids": ids, "pixel_values": torch.randn(2, 3, 16, 16), "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        reference = model(**inputs).logits_per_image
        result = IncQuantizer.from_pretrained(model).quantize(PostTrainingQuantConfig(approach="dynamic"))
        assert (result.model(**inputs).logits_per_image - reference).abs().max() < 0.1 * reference.abs().max()
    assert result.summary()["quantization"]["quantized_modules"] > 20


def test_a_fault_of_ours_is_not_taken_for_inputs_that_do_not_fit(monkeypatch):
    def broken(model, forward):
        raise TypeError("a bug")

    monkeypatch.setattr("inc_hf.tune.space.reached_modules", broken)
    with pytest.raises(TypeError, match="a bug"):
        IncQuantizer.from_pretrained(tiny_model("bert")).quantize(PostTrainingQuantConfig(approach="dynamic"))
