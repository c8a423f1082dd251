"""The encoder op against its twin in plain torch, and what it refuses."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops
from inc_hf.ops.encoder import cu_seqlens_of, encoder
from inc_hf.ops.encoder_parts import Encoder, Layer, Norm, Product
from inc_hf.ops.encoder_plan import encoder_plan
from inc_hf.ops.encoder_reference import attention_fp32, encoder_reference

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")


def product(n, k, kind="int8", zeros=0.0, **quantizer):
    weight = torch.randn(n, k) / math.sqrt(k)
    weight *= (torch.rand(math.ceil(n / 4), k) >= zeros).repeat_interleave(4, 0)[:n]
    bias = 0.1 * torch.randn(n)
    if kind == "bf16":
        return Product(ops.bf16_pack(weight.bfloat16(), bias, "scalar"), "bf16")  # which does not round its input
    scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-6) / ops.weight_qmax(ops.default_weight_bits())
    packed = ops.q8_pack((weight / scale).round().to(torch.int8), scale, bias)
    if quantizer.pop("smoothed", False):
        quantizer["factors"] = 0.5 + torch.rand(k)
    return Product(packed, **quantizer)


def norm(hidden, kind="layer"):
    bias = 0.1 * torch.randn(hidden) if kind == "layer" else None
    return Norm(1 + 0.1 * torch.randn(hidden), bias, 1e-12, kind)


def layer_of(heads, head_dim, hidden, feed_forward, gated=False, one=False, norms="layer", **kwargs):
    rotary, window, apart = kwargs.pop("rotary", None), kwargs.pop("window", -1), kwargs.pop("apart", False)
    width = heads * head_dim
    shapes = [(3 * width, hidden), None, None] if one else [(width, hidden)] * 3
    shapes += [(hidden, width), ((2 if gated and not apart else 1) * feed_forward, hidden), (hidden, feed_forward)]
    products = [None if shape is None else product(*shape, **kwargs) for shape in shapes]
    gate = product(feed_forward, hidden, **kwargs) if gated and apart else None
    return Layer(*products, norm(hidden, norms), norm(hidden, norms), window, rotary, gate)


def rotary_table(positions, head_dim):
    angles = torch.arange(positions)[:, None] * 10_000 ** -(torch.arange(0, head_dim, 2) / head_dim)
    return torch.cat([angles.cos(), angles.sin()], -1)


def encoder_of(heads=2, head_dim=16, hidden=36, feed_forward=52, layers=2, activation="gelu", place="after", **kwargs):
    attention, biased, gated = kwargs.pop("attention", "fp32"), kwargs.pop("biased", False), kwargs.get("gated", False)
    if kwargs.pop("rotated", False):
        kwargs["rotary"] = rotary_table(POSITIONS, head_dim)
    made = [layer_of(heads, head_dim, hidden, feed_forward, **kwargs) for _ in range(layers)]
    sizes = (hidden, heads, head_dim, feed_forward)
    biases = torch.randn(heads, 2 * POSITIONS - 1) if biased else None
    return Encoder(*sizes, activation, head_dim**-0.5, place, attention, made, gated, POSITIONS, biases)


def multiply(product, x):
    """With the kernels of a single layer, which have tests of their own."""
    if product.kind == "bf16":
        return ops.bf16_linear_packed(x, product.packed, ops.bf16_unpack(product.packed).shape[0])
    if product.factors is not None:
        x = x * product.factors
    scale = torch.tensor([product.scale]) if product.scale else None
    zero_point = torch.tensor([product.zero_point], dtype=torch.int8) if product.scale else None
    rows = ops.q8_unpack(product.packed).shape[0]
    dtype = torch.bfloat16 if product.round_scale else torch.float32
    return ops.q8_linear_packed(x, product.packed, rows, scale, zero_point, product.num_bits, dtype)


def both(parts, lengths, **kwargs):
    x = torch.randn(sum(lengths), parts.hidden)
    cu = cu_seqlens_of(lengths)
    return encoder(x, cu, encoder_plan(parts), **kwargs), encoder_reference(x, cu, parts, multiply, **kwargs)


def distance(y, expected):
    assert y.shape == expected.shape
    return ((y - expected).norm() / expected.norm()).item()


lengths = st.lists(st.integers(1, 70), min_size=1, max_size=6) | st.integers(100, 700).map(lambda length: [length])
POSITIONS = 700
REASONS = ("plan is corrupt", "packed weight", "bf16gemm weight", "`x`", "Each sequence")


@given(
    seed=st.integers(0, 999),
    lengths=lengths,
    heads=st.integers(1, 16),
    head_dim=st.sampled_from([8, 12, 16, 32, 64, 80, 128]),
    hidden=st.sampled_from([16, 36, 64]),
    place=st.sampled_from(["after", "before"]),
    activation=st.sampled_from(["gelu", "relu", "gelu_tanh", "silu", "quick_gelu"]),
    window=st.sampled_from([-1, 0, 3, 64]),
    norms=st.sampled_from(["layer", "rms"]),
    parts=st.fixed_dictionaries({name: st.booleans() for name in ("gated", "apart", "one", "rotated", "biased")}),
)
@settings(max_examples=40, deadline=None)
def test_float_attention_on_bfloat16_weights_is_its_twin(seed, lengths, parts, **shape):
    torch.manual_seed(seed)
    assert distance(*both(encoder_of(**shape, **parts, kind="bf16"), lengths)) < 1e-5


INT8_WAYS = {
    "dynamic": {},
    "not rounded": {"round_scale": False},
    "static": {"scale": 0.03, "zero_point": -7},
    "sparse": {"zeros": 0.9},
    "smoothed": {"smoothed": True},
    "smoothed, static": {"smoothed": True, "scale": 0.03, "zero_point": -7},
    "norms by the root mean square": {"norms": "rms", "place": "before"},
    "as in ModernBERT": {"gated": True, "one": True, "rotated": True, "window": 20, "place": "before"},
    "as in MPNet": {"biased": True},
    "as in NomicBERT": {"gated": True, "apart": True, "rotated": True},
    "as in EuroBERT": {"gated": True, "apart": True, "rotated": True, "place": "before", "norms": "rms"},
}


@pytest.mark.parametrize("attention", ["int8", "fp32"])
@pytest.mark.parametrize("way", INT8_WAYS.values(), ids=INT8_WAYS)
def test_int8_is_its_twin_up_to_single_roundings(way, attention):
    torch.manual_seed(0)
    parts = encoder_of(heads=4, head_dim=32, hidden=96, feed_forward=160, layers=3, attention=attention, **way)
    y, expected = both(parts, [1, 2, 17, 64, 70, 130], every_layer=True)
    # What is rounded to the neighbouring integer moves all that comes after it.
    assert [distance(a, b) < 0.01 * 2**i for i, (a, b) in enumerate(zip(y, expected, strict=True))] == [True] * 3


def test_int8_attention_is_close_to_float():
    torch.manual_seed(0)
    parts = encoder_of(heads=4, head_dim=32, hidden=128, feed_forward=128, layers=1, kind="bf16", attention="int8")
    y, expected = both(parts, [5, 33, 200])
    exact = encoder_reference(torch.randn(1, 128), cu_seqlens_of([1]), parts, multiply)
    assert exact.shape == (1, 128)
    assert distance(y, expected) < 2e-3
    both_kinds = [both(dataclasses.replace(parts, attention=kind), [33])[0] for kind in ("int8", "fp32")]
    assert all(y.isfinite().all() for y in both_kinds)


def test_a_sequence_does_not_depend_on_the_others_bit_for_bit():
    torch.manual_seed(1)
    for attention in ("int8", "fp32"):
        parts = encoder_of(heads=3, head_dim=20, attention=attention, zeros=0.7)
        plan, lengths = encoder_plan(parts), [3, 150, 1, 64, 7, 31]
        x = torch.randn(sum(lengths), parts.hidden)
        together = encoder(x, cu_seqlens_of(lengths), plan)
        for part, alone in zip(together.split(lengths), x.split(lengths), strict=True):
            assert torch.equal(part, encoder(alone, cu_seqlens_of([len(alone)]), plan))


def test_threads_give_the_same_bits():
    torch.manual_seed(2)
    plan, threads = encoder_plan(encoder_of(heads=4, attention="int8")), torch.get_num_threads()
    try:
        for lengths in ([300], [5], [20, 20], [64, 3, 90, 12], [200, 1]):
            x, cu = torch.randn(sum(lengths), 36), cu_seqlens_of(lengths)
            results = []
            for count in (1, 2, 3):
                torch.set_num_threads(count)
                results.append(encoder(x, cu, plan))
            assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("attention", ["int8", "fp32"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_stays_in_its_sequence(bad, attention):
    torch.manual_seed(3)
    parts, lengths = encoder_of(attention=attention), [4, 9, 30]
    x = torch.randn(43, parts.hidden)
    clean = encoder(x, cu_seqlens_of(lengths), encoder_plan(parts))
    x[6, 2] = bad
    y = encoder(x, cu_seqlens_of(lengths), encoder_plan(parts))
    assert y[4:13].isnan().all()
    assert torch.equal(y[:4], clean[:4]) and torch.equal(y[13:], clean[13:])


def test_weights_lie_in_the_plan_once_and_packed_are_views_of_it():
    parts = encoder_of(layers=1)
    shared = dataclasses.replace(parts, layers=parts.layers * 3)  # as ALBERT has it
    plan, thrice = encoder_plan(parts), encoder_plan(shared)
    assert plan.weights.numel() == thrice.weights.numel()
    for view, product in zip(plan.packed, filter(None, parts.layers[0].products()), strict=True):
        assert torch.equal(view, product.packed)
        assert view.untyped_storage().data_ptr() == plan.weights.untyped_storage().data_ptr()
    assert distance(*both(shared, [5, 6])) < 0.05


WRONG = {
    "width": ({"x": torch.zeros(5, 35)}, "shape \\(tokens, 36\\)"),
    "dtype": ({"x": torch.zeros(5, 36, dtype=torch.float64)}, "Float"),
    "rank": ({"x": torch.zeros(1, 5, 36)}, "shape \\(tokens, 36\\)"),
    "end": ({"cu_seqlens": torch.tensor([0, 4])}, "end with the number of rows, 5"),
    "start": ({"cu_seqlens": torch.tensor([1, 5])}, "begin with 0"),
    "nothing": ({"cu_seqlens": torch.tensor([], dtype=torch.int64)}, "got nothing"),
    "empty sequence": ({"cu_seqlens": torch.tensor([0, 2, 2, 5])}, "got 0 for sequence 1; leave out what is empty"),
    "too long": ({"x": torch.zeros(701, 36), "cu_seqlens": torch.tensor([0, 701])}, "1 to 700 tokens, got 701"),
    "descending": ({"cu_seqlens": torch.tensor([0, 7, 5])}, "sequence 1"),
    "type of cu_seqlens": ({"cu_seqlens": torch.tensor([0, 5], dtype=torch.int32)}, "Long"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_refused(change, message):
    good = {"x": torch.zeros(5, 36), "cu_seqlens": torch.tensor([0, 5])}
    with pytest.raises((ValueError, RuntimeError), match=message):
        encoder(**(good | change), plan=encoder_plan(encoder_of()))


def test_a_plan_with_any_wrong_number_is_refused_or_computes():
    """No number may make the op read beyond the weights: the address sanitizer sees it, and a crash ends the tests."""
    plan = encoder_plan(encoder_of(layers=1))
    x, cu = torch.zeros(5, 36), torch.tensor([0, 5])
    refused = 0
    for i in range(len(plan.numbers)):
        for value in (-2, -1, 0, 1, 63, 1 << 40, -(1 << 60)):
            numbers = plan.numbers.clone()
            numbers[i] = value
            try:
                encoder(x, cu, dataclasses.replace(plan, numbers=numbers))
            except (ValueError, RuntimeError) as error:
                assert any(reason in str(error) for reason in REASONS)
                refused += 1
    assert refused > 3 * len(plan.numbers)
    for numbers in (plan.numbers[:-1], plan.numbers[:7], torch.cat([plan.numbers, plan.numbers[-1:]])):
        with pytest.raises((ValueError, RuntimeError), match="corrupt"):
            encoder(x, cu, dataclasses.replace(plan, numbers=numbers))


def test_weights_that_are_cut_or_overwritten_are_refused():
    plan = encoder_plan(encoder_of(layers=1))
    x, cu = torch.zeros(5, 36), torch.tensor([0, 5])
    for weights in (plan.weights[:-64], torch.zeros_like(plan.weights)):
        with pytest.raises((ValueError, RuntimeError), match="corrupt"):
            encoder(x, cu, dataclasses.replace(plan, weights=weights))


def test_attention_twin_is_its_formula():
    q, k, v = torch.randn(3, 4, 9, 16)
    for bias in (None, torch.randn(4, 9, 9)):
        expected = (0.3 * (q @ k.mT) + (0 if bias is None else bias)).softmax(-1) @ v
        torch.testing.assert_close(attention_fp32(q, k, v, 0.3, bias), expected)
