"""Models of sentence-transformers on our kernels: one line makes them fast, and they do all that they did."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sentences import PAIRS, PROMPTS, TEXTS
from torch import nn
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING
from transformers.quantizers.quantizer_compressed_tensors import CompressedTensorsHfQuantizer

from inc_hf import PostTrainingQuantConfig, ops, optimize
from inc_hf.inference.encoder.forward import EncoderForward
from inc_hf.matching.sentences import encoder_of
from inc_hf.quantization import fit
from inc_hf.quantize.nn import QEmbedding, quantized_modules

pytest_plugins = ["sentences_fixture"]
native = pytest.mark.skipif(not ops.is_native(), reason=f"no native kernels: {ops.why_unavailable()}")
KINDS = {"mean": "SentenceTransformer", "cls": "SentenceTransformer", "pairs": "CrossEncoder"}


@pytest.fixture
def load(sentences, sentence_transformers):
    """The float model of a name, or what lies in a directory."""

    def load(name, directory=None):
        kind = getattr(sentence_transformers, KINDS[name])
        return kind(str(directory or sentences / name), device="cpu")

    return load


def quantized(model):
    return fit(model, PostTrainingQuantConfig(approach="dynamic"))


def answers(model, texts=TEXTS, **how):
    if hasattr(model, "encode"):
        return model.encode(texts, **how)
    return model.predict([(PAIRS[0][0], text) for text in texts], activation_fn=nn.Identity(), **how)


def bert_of(model):
    """What should have been put on the native encoder."""
    return encoder_of(model).base_model


def is_prepared(model):
    return isinstance(bert_of(model).forward, EncoderForward)


@pytest.mark.parametrize("name", KINDS)
class TestOptimize:
    def test_what_fit_returned(self, load, name):
        result = quantized(load(name))
        expected = answers(result.model)
        assert optimize(result, attention="fp32") is result and is_prepared(result.model)
        np.testing.assert_allclose(answers(result.model), expected, atol=0.02)
        assert optimize(result.model) is result.model

    @pytest.mark.parametrize("when", ["compressed", "decompressed"])
    def test_what_stock_loaded(self, load, name, when, tmp_path, monkeypatch):
        """As one loads it before `import inc_hf`: it calls `forward`, past the hook that decompresses the model."""
        result = quantized(load(name))
        expected = answers(result.model)
        result.save_pretrained(tmp_path / "out")
        monkeypatch.setitem(AUTO_QUANTIZER_MAPPING, "compressed-tensors", CompressedTensorsHfQuantizer)
        model = load(name, tmp_path / "out")
        if when == "decompressed":
            encoder_of(model)(torch.tensor([[2, 5, 3]]))
            np.testing.assert_allclose(answers(model), expected, atol=0.02)
        assert not quantized_modules(model)
        assert optimize(model, encoder=False) is model
        assert np.array_equal(answers(model), expected)

    def test_what_is_loaded_after_our_import(self, load, name, tmp_path):
        result = quantized(load(name))
        result.save_pretrained(tmp_path / "out")
        model = load(name, tmp_path / "out")
        assert isinstance(bert_of(model).embeddings.word_embeddings, QEmbedding)
        assert np.array_equal(answers(optimize(model)), answers(optimize(result.model)))

    def test_what_is_not_quantized(self, load, name):
        model = load(name)
        expected = answers(model)
        assert optimize(model) is model and is_prepared(model)
        np.testing.assert_allclose(answers(model), expected, atol=1e-5)


@pytest.fixture
def fast(load):
    return lambda name: optimize(quantized(load(name)).model)


@native
class TestAnswers:
    @pytest.mark.parametrize("name", KINDS)
    def test_agree_with_the_float_model(self, load, fast, name):
        model, found = load(name), answers(fast(name), TEXTS, batch_size=2)
        if name == "pairs":
            np.testing.assert_allclose(found, answers(model), atol=0.05)
        else:
            assert torch.cosine_similarity(torch.tensor(found), torch.tensor(answers(model))).min() > 0.999

    def test_of_a_text_do_not_depend_on_its_batch_bit_for_bit(self, fast):
        model = fast("cls")
        for how in ({"output_value": "token_embeddings"}, {}):
            together = model.encode(TEXTS, convert_to_numpy=False, **how)
            for text, expected in zip(TEXTS, together, strict=True):
                assert torch.equal(model.encode(text, convert_to_tensor=True, **how), expected)
        pairs = fast("pairs")
        assert np.array_equal(answers(pairs), [answers(pairs, [text])[0] for text in TEXTS])

    def test_of_a_mean_depend_on_it_only_by_its_sum(self, fast):
        model = fast("mean")
        np.testing.assert_allclose(model.encode(TEXTS), [model.encode(text) for text in TEXTS], atol=1e-6)

    def test_with_prompts(self, fast):
        model = fast("mean")
        written = model.encode([PROMPTS["query"] + text for text in TEXTS])
        assert np.array_equal(model.encode(TEXTS, prompt_name="query"), written)
        assert np.array_equal(model.encode_query(TEXTS), written)
        assert not np.array_equal(model.encode(TEXTS), written)

    def test_as_tensors_normalized_and_with_everything(self, fast):
        model = fast("cls")
        plain = model.encode(TEXTS)
        normalized = model.encode(TEXTS, normalize_embeddings=True, convert_to_tensor=True)
        torch.testing.assert_close(normalized, nn.functional.normalize(torch.tensor(plain)))
        everything = model.encode(TEXTS, output_value=None)
        assert all(
            np.array_equal(each["sentence_embedding"], one) for each, one in zip(everything, plain, strict=True)
        )
        tokens = model.encode(TEXTS, output_value="token_embeddings")
        assert [len(each) for each in tokens] == [len(text.split()) + 2 for text in TEXTS]
        assert model.encode(TEXTS, precision="int8").dtype == np.int8

    def test_of_a_cross_encoder(self, fast):
        model = fast("pairs")
        scores = model.predict(PAIRS, batch_size=2)
        assert scores.shape == (4,) and ((0 < scores) & (scores < 1)).all()
        ranked = model.rank(PAIRS[0][0], TEXTS)
        assert [each["corpus_id"] for each in ranked] == list(np.argsort(-scores))

    @pytest.mark.parametrize("name", KINDS)
    def test_from_several_threads(self, fast, name):
        model = fast(name)
        expected = answers(model)
        model = copy.deepcopy(model)  # which makes its plan at the first call
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: answers(model), range(16)))
        assert all(np.array_equal(each, expected) for each in found)

    @pytest.mark.parametrize("name", KINDS)
    def test_in_another_process(self, fast, name):
        """What a pool of processes does with a model."""
        model = fast(name).share_memory()
        copied = pickle.loads(pickle.dumps(model))
        assert is_prepared(copied) and np.array_equal(answers(copied), answers(model))
