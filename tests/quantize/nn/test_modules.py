import copy

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf import ops
from inc_hf.quantize import calibrate, convert, prepare
from inc_hf.quantize.functional import quantize_weight
from inc_hf.quantize.nn import (
    QConv,
    QEmbedding,
    QLinear,
    empty_twin,
    op_type,
    quantized_modules,
    weight_matrix,
)
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

W8, ROWS = WeightScheme(8), Scheme(WeightScheme(8))
ACTIVATIONS = {
    "dynamic": ActivationScheme(),
    "static asymmetric": ActivationScheme(dynamic=False, symmetric=False),
    "static symmetric": ActivationScheme(dynamic=False, symmetric=True),
    "weight-only": None,
}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
integer_activation = pytest.mark.parametrize(
    "activation", [a for a in ACTIVATIONS.values() if a], ids=[name for name, a in ACTIVATIONS.items() if a]
)
half_precision = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
WEIGHTS = {"8 bits": W8, "7 bits": WeightScheme(7), "4 bits": WeightScheme(4), "per tensor": WeightScheme(8, False)}
every_weight = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)


def twin_of(module, scheme, *batches):
    """The module's quantized twin after calibration with `batches`; the module itself stays as it is."""
    model = prepare(nn.Sequential(copy.deepcopy(module)), {"0": scheme})
    if batches:
        calibrate(model, batches, progress=False)
    return convert(model)[0]


@every_activation
@every_weight
@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no bias"])
def test_qlinear_is_the_integer_op(has_bias, weight, activation):
    linear, x = nn.Linear(70, 9, bias=has_bias), torch.randn(3, 5, 70) + 0.3
    twin = twin_of(linear, Scheme(weight, activation), x)
    codes, scale = quantize_weight(linear.weight, weight.num_bits, weight.per_channel)
    assert torch.equal(twin.weight, codes) and torch.equal(twin.weight_scale, scale)
    if activation is None:
        expected = nn.functional.linear(x, codes * scale, linear.bias)
    else:
        input_scale = None if activation.dynamic else twin.input_scale
        expected = ops.q8_linear(x, codes, scale, linear.bias, input_scale, twin.input_zero_point)
    assert torch.equal(twin(x), expected)


@every_activation
def test_qlinear_is_near_the_float_layer(activation):
    linear, x = nn.Linear(256, 64), torch.randn(40, 256)
    with torch.no_grad():
        expected = linear(x)
    # Two roundings (rows and weights) of at most 4 sigma / 127 each; 1 % would be right for the dynamic rows alone.
    assert (twin_of(linear, Scheme(W8, activation), x)(x) - expected).norm() < 0.02 * expected.norm()


def test_static_qlinear_has_the_calibrated_range():
    batches = [torch.tensor([[-1.0, 0.5]]), torch.tensor([[3.0, 0.0], [0.2, 0.1]])]
    twin = twin_of(nn.Linear(2, 2), Scheme(W8, ACTIVATIONS["static asymmetric"]), *batches)
    assert twin.input_scale.item() == pytest.approx(4 / 255) and twin.input_scale.dtype == torch.float32
    assert twin.input_zero_point.tolist() == [-64] and twin.input_zero_point.dtype == torch.int8
    symmetric = twin_of(nn.Linear(2, 2), Scheme(W8, ACTIVATIONS["static symmetric"]), *batches)
    assert symmetric.input_scale.item() == pytest.approx(3 / 127) and symmetric.input_zero_point is None


@pytest.mark.parametrize("num_bits", [7, 4])
def test_qlinear_takes_the_bits_of_the_activations(num_bits):
    linear, x = nn.Linear(70, 9), torch.randn(5, 70)
    twin = twin_of(linear, Scheme(W8, ActivationScheme(num_bits)))
    expected = ops.q8_linear(x, twin.weight, twin.weight_scale, linear.bias, num_bits=num_bits)
    assert torch.equal(twin(x), expected)
    assert not torch.equal(twin(x), twin_of(linear, Scheme(W8, ActivationScheme(8)))(x))


@every_activation
def test_conv1d_of_transformers_is_a_transposed_linear(activation):
    conv1d, linear, x = Conv1D(9, 20), nn.Linear(20, 9), torch.randn(2, 5, 20)
    with torch.no_grad():
        conv1d.bias.copy_(linear.bias)
        linear.weight.copy_(conv1d.weight.T)
    twin, expected = twin_of(conv1d, Scheme(W8, activation), x), twin_of(linear, Scheme(W8, activation), x)
    assert isinstance(twin, QLinear) and twin.is_conv1d and not expected.is_conv1d
    assert twin.weight.shape == (9, 20) and torch.equal(twin.weight, expected.weight)
    assert torch.equal(twin(x), expected(x))


@every_weight
@pytest.mark.parametrize("shape", [(7,), (2, 5), (0,)], ids=["vector", "batch", "empty"])
def test_qembedding_is_a_dequantized_lookup(shape, weight):
    embedding, ids = nn.Embedding(11, 6), torch.randint(0, 11, shape)
    twin = twin_of(embedding, Scheme(weight))
    codes, scale = quantize_weight(embedding.weight, weight.num_bits, weight.per_channel)
    assert torch.equal(twin(ids), nn.functional.embedding(ids, codes * scale))
    assert twin.codes.dtype == torch.int8 and torch.equal(twin.codes, codes)


@pytest.mark.parametrize("num_embeddings", [1, 11], ids=["one row", "rows"])
def test_qembedding_shows_its_float_weight(num_embeddings):
    twin = twin_of(nn.Embedding(num_embeddings, 6), ROWS)
    assert twin.weight.dtype == torch.float32
    assert torch.equal(twin.weight, twin.codes * twin.weight_scale)
    assert torch.equal(twin(torch.arange(num_embeddings)), twin.weight)


def test_qembedding_keeps_its_padding():
    embedding = nn.Embedding(11, 6, padding_idx=3)
    twin = twin_of(embedding, ROWS)
    assert twin.padding_idx == 3
    assert not twin(torch.tensor([3])).any() and twin(torch.tensor([2])).all()


def test_qembedding_refuses_ids_out_of_range():
    with pytest.raises(IndexError):
        twin_of(nn.Embedding(11, 6), ROWS)(torch.tensor([11]))


CONVOLUTIONS = {
    "1d": (lambda: nn.Conv1d(4, 6, 3), (2, 4, 20)),
    "1d all": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (3, 4, 21)),
    "1d same": (lambda: nn.Conv1d(4, 6, 3, padding="same"), (2, 4, 20)),
    "1d valid, no bias": (lambda: nn.Conv1d(4, 6, 3, padding="valid", bias=False), (2, 4, 20)),
    "1d unbatched": (lambda: nn.Conv1d(4, 6, 3, padding=1), (4, 20)),
    "2d": (lambda: nn.Conv2d(3, 5, 3), (2, 3, 9, 8)),
    "2d padded": (lambda: nn.Conv2d(3, 5, (3, 2), padding=(2, 1)), (2, 3, 9, 8)),
    "2d strided patches": (lambda: nn.Conv2d(3, 5, 4, stride=4), (2, 3, 8, 8)),
    "2d dilated": (lambda: nn.Conv2d(3, 5, 3, dilation=(2, 1), padding=1), (2, 3, 9, 8)),
    "2d groups": (lambda: nn.Conv2d(4, 8, 3, groups=2, padding=1), (2, 4, 9, 8)),
    "2d depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4, stride=2, padding=1), (2, 4, 9, 8)),
    "2d unbatched": (lambda: nn.Conv2d(3, 5, 3, padding=1), (3, 9, 8)),
    "2d empty batch": (lambda: nn.Conv2d(3, 5, 3), (0, 3, 9, 8)),
}
every_convolution = pytest.mark.parametrize("build, shape", CONVOLUTIONS.values(), ids=CONVOLUTIONS)


def dequantized_input(x, twin):
    """The values that the twin's integers stand for, in float64."""
    scale = twin.input_scale
    if scale is None:
        batched = x if x.ndim == twin.codes.ndim else x[None]
        amax = (batched.flatten(1).abs().amax(1) / 127.5).bfloat16().float()
        scale = amax.reshape(-1, *[1] * (x.ndim - 1)) if batched is x else amax
    codes = ops.quantize_activation(x, scale, twin.input_zero_point).double()
    return (codes - (0 if twin.input_zero_point is None else twin.input_zero_point.double())) * scale.double()


@integer_activation
@pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
@every_convolution
def test_qconv_against_float64(build, shape, per_channel, activation):
    conv = build()
    x = torch.randn(shape) + 0.6  # off zero, so that padding with the zero point would show
    twin = twin_of(conv, Scheme(WeightScheme(8, per_channel), activation), torch.randn(2, *conv_input(conv, shape)))
    assert isinstance(twin, QConv)
    values = dequantized_input(x, twin)
    scale = twin.weight_scale.double()
    weights = twin.codes.double() * (scale.reshape(-1, *[1] * (conv.weight.ndim - 1)) if per_channel else scale)
    bias = None if conv.bias is None else conv.bias.detach().double()
    convolve = nn.functional.conv1d if conv.weight.ndim == 3 else nn.functional.conv2d
    options = {name: getattr(conv, name) for name in ("stride", "padding", "dilation", "groups")}
    expected = convolve(values, weights, bias, **options)
    magnitude = convolve(values.abs(), weights.abs(), None if bias is None else bias.abs(), **options)
    y = twin(x)
    assert y.dtype == torch.float32 and y.shape == conv(x).shape
    # A handful of float32 roundings of the sum, the scales and the bias.
    assert ((y.double() - expected).abs() <= 8 * torch.finfo(torch.float32).eps * magnitude).all()


def conv_input(conv, shape):
    return shape[-(conv.weight.ndim - 1) :]


@every_convolution
def test_qconv_with_float_activations(build, shape):
    conv, x = build(), torch.randn(shape)
    twin = twin_of(conv, Scheme(W8))
    dequantized = copy.deepcopy(conv)
    dequantized.weight.data = twin.weight
    assert torch.equal(twin(x), dequantized(x))
    assert torch.equal(twin.weight, twin.codes * twin.weight_scale.reshape(-1, *[1] * (conv.weight.ndim - 1)))


@every_activation
def test_qconv_is_near_the_float_layer(activation):
    conv, x = nn.Conv2d(16, 32, 3, padding=1), torch.randn(2, 16, 9, 9)
    with torch.no_grad():
        expected = conv(x)
    assert (twin_of(conv, Scheme(W8, activation), x)(x) - expected).norm() < 0.02 * expected.norm()


@integer_activation
@pytest.mark.parametrize("poison", [float("nan"), float("inf")], ids=str)
def test_a_bad_sample_of_a_convolution_is_nan_and_alone(poison, activation):
    x = torch.randn(3, 4, 20)
    twin = twin_of(nn.Conv1d(4, 6, 3), Scheme(W8, activation), x)
    clean = twin(x)
    x[1, 2, 5] = poison
    y = twin(x)
    assert y[1].isnan().all()
    assert torch.equal(y[[0, 2]], clean[[0, 2]])


@integer_activation
def test_a_sample_of_a_convolution_does_not_depend_on_its_batch(activation):
    x = torch.randn(5, 4, 20) * torch.tensor([1e-3, 1, 1e3, 0, 1]).reshape(-1, 1, 1)
    twin = twin_of(nn.Conv1d(4, 6, 3, padding=1), Scheme(W8, activation), x)
    assert torch.equal(torch.cat([twin(sample) for sample in x.split(1)]), twin(x))


LAYERS = {
    "linear": (lambda: nn.Linear(64, 32), (4, 64)),
    "conv1d of transformers": (lambda: Conv1D(32, 64), (4, 64)),
    "conv1d": (lambda: nn.Conv1d(8, 6, 3), (2, 8, 20)),
    "conv2d": (lambda: nn.Conv2d(8, 6, 3, padding=1), (2, 8, 9, 9)),
}


@half_precision
@every_activation
@pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)
def test_half_precision_layers(build, shape, activation, dtype):
    layer, x = build(), torch.randn(shape)
    half = copy.deepcopy(layer).to(dtype)
    twin = twin_of(half, Scheme(W8, activation), x.to(dtype))
    y = twin(x.to(dtype))
    assert y.dtype == dtype and twin.bias.dtype == dtype
    assert {b.dtype for n, b in twin.named_buffers() if n.endswith("scale")} == {torch.float32}
    with torch.no_grad():
        expected = layer(x)
    # 8 bits of the integers, and bfloat16's own 8 bits of the weights, the inputs and the result.
    assert (y.float() - expected).norm() < 0.03 * expected.norm()


@half_precision
def test_half_precision_embeddings(dtype):
    embedding, ids = nn.Embedding(11, 6).to(dtype), torch.arange(11)
    twin = twin_of(embedding, ROWS)
    assert twin(ids).dtype == twin.weight.dtype == dtype and twin.weight_scale.dtype == torch.float32
    codes, scale = quantize_weight(embedding.weight)
    assert torch.equal(twin(ids), (codes * scale).to(dtype))


@integer_activation
@pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)
def test_autocast_does_not_change_the_integers(build, shape, activation):
    x = torch.randn(shape)
    twin = twin_of(build(), Scheme(W8, activation), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = twin(x)
    assert torch.equal(y, twin(x))


@every_activation
@pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)
def test_inputs_that_need_gradients(build, shape, activation):
    x = torch.randn(shape)
    twin = twin_of(build(), Scheme(W8, activation), x)
    assert torch.equal(twin.eval()(x.requires_grad_()).detach(), twin(x.detach()))
    assert not any(parameter.requires_grad for parameter in twin.parameters())


@every_activation
@pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)
def test_training_is_refused_where_rounding_stops_the_gradient(build, shape, activation):
    x = torch.randn(shape).requires_grad_()
    twin = twin_of(build(), Scheme(W8, activation), x.detach()).train()
    if activation is None:
        twin(x).sum().backward()
        assert x.grad.abs().sum() > 0
    else:
        with pytest.raises(RuntimeError, match="for inference"):
            twin(x)


every_module = pytest.mark.parametrize("build", [build for build, _ in LAYERS.values()], ids=LAYERS)


@pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)
def test_a_state_dict_is_enough_for_an_empty_twin(build, shape):
    module, scheme, x = build(), Scheme(W8, ACTIVATIONS["static asymmetric"]), torch.randn(shape)
    twin = twin_of(module, scheme, x)
    state = twin.state_dict()
    assert {name: tensor.dtype for name, tensor in state.items()} == {
        "weight": torch.int8,
        "weight_scale": torch.float32,
        "input_scale": torch.float32,
        "input_zero_point": torch.int8,
        "bias": torch.float32,
    }
    assert not any(tensor.is_meta for tensor in state.values())
    other = empty_twin(module, scheme)
    other.load_state_dict(state)
    assert torch.equal(other(x), twin(x))


@pytest.mark.parametrize(
    "scheme, names",
    [
        (ROWS, {"weight", "weight_scale"}),
        (Scheme(W8, ActivationScheme()), {"weight", "weight_scale"}),
        (Scheme(W8, ACTIVATIONS["static symmetric"]), {"weight", "weight_scale", "input_scale"}),
    ],
    ids=["weight-only", "dynamic", "static symmetric"],
)
def test_a_state_dict_holds_no_more_than_the_scheme_needs(scheme, names):
    assert set(twin_of(nn.Linear(4, 2, bias=False), scheme, torch.randn(3, 4)).state_dict()) == names


def test_the_state_dict_of_an_embedding():
    module = nn.Embedding(11, 6)
    twin, other = twin_of(module, ROWS), empty_twin(module, ROWS)
    assert {name: tensor.dtype for name, tensor in twin.state_dict().items()} == {
        "weight": torch.int8,
        "weight_scale": torch.float32,
    }
    other.load_state_dict(twin.state_dict())
    assert torch.equal(other.weight, twin.weight)


def test_a_copy_of_a_twin_is_its_own():
    twin, x = twin_of(nn.Linear(8, 4), Scheme(W8, ActivationScheme())), torch.randn(2, 8)
    before = twin(x)
    other = copy.deepcopy(twin)
    other.weight_scale *= 2
    assert torch.equal(twin(x), before) and not torch.equal(other(x), before)


@pytest.mark.parametrize(
    "scheme, text",
    [
        (Scheme(WeightScheme(7), ActivationScheme()), "W7A8 dynamic"),
        (Scheme(W8, ACTIVATIONS["static symmetric"]), "W8A8 static"),
        (Scheme(W8, ACTIVATIONS["static asymmetric"]), "W8A8 static asymmetric"),
        (Scheme(WeightScheme(4)), "W4"),
    ],
    ids=["dynamic", "static", "asymmetric", "weight-only"],
)
@every_module
def test_a_twin_prints_its_scheme(build, scheme, text):
    twin = empty_twin(build(), scheme)
    assert twin.describe_scheme() == text
    assert repr(twin).endswith(f"{text})")


class Renamed(nn.Linear):
    pass


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Positions(nn.Embedding):
    def forward(self, mask):
        return super().forward(mask.cumsum(1))


class OwnConv1D(nn.Module):
    """Has the name but not the layout of the class of transformers."""


OwnConv1D.__name__ = "Conv1D"

OP_TYPES = {
    "Linear": (nn.Linear(2, 2), "Linear"),
    "Embedding": (nn.Embedding(2, 2), "Embedding"),
    "Conv1d": (nn.Conv1d(2, 2, 1), "Conv1d"),
    "Conv2d": (nn.Conv2d(2, 2, 1), "Conv2d"),
    "Conv1D of transformers": (Conv1D(2, 2), "Conv1D"),
    "subclass": (Renamed(2, 2), "Linear"),
    "padding_idx": (nn.Embedding(2, 2, padding_idx=1), "Embedding"),
    "subclass with its own forward": (Scaled(2, 2), None),
    "embedding with its own forward": (Positions(2, 2), None),
    "max_norm": (nn.Embedding(2, 2, max_norm=1.0), None),
    "sparse": (nn.Embedding(2, 2, sparse=True), None),
    "reflected padding": (nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"), None),
    "circular padding": (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), None),
    "Conv3d": (nn.Conv3d(2, 2, 1), None),
    "ConvTranspose1d": (nn.ConvTranspose1d(2, 2, 1), None),
    "Bilinear": (nn.Bilinear(2, 2, 2), None),
    "EmbeddingBag": (nn.EmbeddingBag(2, 2), None),
    "out_proj": (nn.MultiheadAttention(2, 1).out_proj, None),
    "another Conv1D": (OwnConv1D(), None),
    "LayerNorm": (nn.LayerNorm(2), None),
    "twin": (QLinear(2, 2, True, ROWS, torch.float32), None),
    "twin of an embedding": (QEmbedding(2, 2, None, ROWS, torch.float32), None),
}


@pytest.mark.parametrize("module, expected", OP_TYPES.values(), ids=OP_TYPES)
def test_op_types(module, expected):
    assert op_type(module) == expected


def test_weight_matrix_has_the_outputs_first():
    assert weight_matrix(Conv1D(3, 5)).shape == (3, 5) == weight_matrix(nn.Linear(5, 3)).shape


def test_quantized_modules_names_a_shared_one_once():
    twin = twin_of(nn.Linear(2, 2), ROWS)
    model = nn.ModuleDict({"a": twin, "b": nn.Sequential(twin, nn.Linear(2, 2))})
    assert quantized_modules(model) == {"a": twin}
