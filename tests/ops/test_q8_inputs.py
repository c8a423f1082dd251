"""What `q8_linear_packed` and `q8_pack` take and refuse, and what corrupt packed weights do."""

import pytest
import torch

from inc_hf import ops

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")
SUPPORTED = ops.supported_isas()
every_isa = pytest.mark.parametrize("isa", SUPPORTED)
every_kind = pytest.mark.parametrize("kind", ["dense", "sparse"])


def layer(n=21, k=70):
    weight = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    weight[4:8, ::3] = 0
    return weight, torch.rand(n, 1) * 0.02 + 1e-3, torch.randn(n)


LAYOUTS = {
    "vector": lambda: torch.randn(70),
    "matrix": lambda: torch.randn(5, 70),
    "3-D": lambda: torch.randn(2, 3, 70),
    "4-D": lambda: torch.randn(2, 1, 3, 70),
    "no tokens": lambda: torch.randn(0, 70),
    "no tokens, 3-D": lambda: torch.randn(2, 0, 70),
    "slice of columns": lambda: torch.randn(5, 101)[:, 3:73],
    "slice of rows": lambda: torch.randn(11, 70)[1::2],
    "slice of rows and columns": lambda: torch.randn(4, 11, 90)[:, 2::3, 7:77],
    "transposed": lambda: torch.randn(70, 5).T,
    "permuted": lambda: torch.randn(70, 2, 3).permute(1, 2, 0),
    "expanded row": lambda: torch.randn(1, 70).expand(5, 70),
    "expanded column": lambda: torch.randn(5, 1).expand(5, 70),
    "every second": lambda: torch.randn(5, 140)[:, ::2],
    "overlapping rows": lambda: torch.randn(200).as_strided((5, 70), (9, 1)),
    "misaligned": lambda: torch.randn(351)[1:].view(5, 70),
    "one row of a wide matrix": lambda: torch.randn(3, 99)[1:2, 5:75],
    "imaginary part": lambda: torch.randn(5, 70, dtype=torch.complex64).imag,
    "negative view": lambda: torch.randn(5, 70, dtype=torch.complex64).conj().imag,
    "parameter": lambda: torch.nn.Parameter(torch.randn(5, 70)),
    "float16": lambda: torch.randn(5, 70).half(),
    "bfloat16": lambda: torch.randn(2, 3, 70).bfloat16(),
    "transposed bfloat16": lambda: torch.randn(70, 5).bfloat16().T,
}


@every_kind
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_of_the_input(kind, make):
    weight, weight_scale, bias = layer()
    packed, x = ops.q8_pack(weight, weight_scale, bias, kind), make()
    before = x.detach().clone()
    y = ops.q8_linear_packed(x, packed, 21)
    expected = ops.q8_linear(x.detach(), weight, weight_scale, bias)
    assert y.dtype == x.dtype and y.is_contiguous()
    assert torch.equal(y, expected) and torch.equal(x, before)
    residual = torch.randn(expected.shape).to(x.dtype)
    y = ops.q8_linear_packed(x, packed, 21, residual=residual)
    assert torch.equal(y, ops.q8_linear(x.detach(), weight, weight_scale, bias, residual=residual))
    backwards = torch.arange(21).flip(0)
    strided = residual[..., backwards].transpose(-1, 0).contiguous().transpose(-1, 0)
    y = ops.q8_linear_packed(x, packed, 21, residual=strided)
    assert torch.equal(y, ops.q8_linear(x.detach(), weight, weight_scale, bias, residual=strided))


def test_float64_is_refused_or_as_precise_as_the_twin():
    (weight, weight_scale, bias), x = layer(), torch.randn(5, 70).double()
    try:
        y = ops.q8_linear_packed(x, ops.q8_pack(weight, weight_scale, bias), 21)
    except ValueError:
        return
    assert torch.equal(y, ops.q8_linear(x, weight, weight_scale, bias))


def test_every_shape_of_scale_and_every_dtype_of_bias():
    (weight, weight_scale, bias), x = layer(), torch.randn(3, 70)
    expected = ops.q8_linear(x, weight, weight_scale, bias)
    wide = torch.stack([weight_scale, weight_scale], 1)[:, 0]
    for scale in (weight_scale, weight_scale[:, 0], weight_scale.T, wide):
        assert torch.equal(ops.q8_linear_packed(x, ops.q8_pack(weight, scale, bias), 21), expected)
    one = torch.tensor([0.01])
    for other in (bias.half(), bias.bfloat16(), bias.double(), torch.stack([bias, bias], 1)[:, 0], None):
        packed = ops.q8_pack(weight, one, other)
        expected = ops.q8_linear(x, weight, one, None if other is None else other.float())
        assert torch.equal(ops.q8_linear_packed(x, packed, 21), expected)


def test_a_packed_weight_may_lie_anywhere():
    (weight, weight_scale, bias), x = layer(), torch.randn(9, 70)
    for isa in SUPPORTED:
        for kind in ("dense", "sparse"):
            packed = ops.q8_pack(weight, weight_scale, bias, kind, isa)
            for offset in (4, 32):
                moved = torch.cat([torch.zeros(offset, dtype=torch.uint8), packed])[offset:]
                y = ops.q8_linear_packed(x, moved, 21)
                assert torch.equal(y, ops.q8_linear(x, weight, weight_scale, bias))
                assert torch.equal(ops.q8_unpack(moved), weight)
            with pytest.raises(ValueError, match="not aligned"):
                ops.q8_unpack(torch.cat([torch.zeros(1, dtype=torch.uint8), packed])[1:])


W, S, B = torch.zeros(21, 70, dtype=torch.int8), torch.ones(21, 1), torch.zeros(21)
BAD_WEIGHTS = {
    "float weight": ((W.float(), S), "`weight` must be of type Char, got Float"),
    "uint8 weight": ((W.to(torch.uint8), S), "`weight` must be of type Char, got Byte"),
    "vector": ((W[0], S), r"`weight` must be of shape \(out_features, in_features\), got \(70\)"),
    "3-D": ((W[None], S), r"`weight` must be of shape \(out_features, in_features\), got \(1, 21, 70\)"),
    "no rows": ((W[:0], S[:0]), "at least one row and 1 to 65536 columns, got 0 x 70"),
    "no columns": ((W[:, :0], S), "at least one row and 1 to 65536 columns, got 21 x 0"),
    "too many columns": ((torch.zeros(1, 65537, dtype=torch.int8), S[:1]), "1 to 65536 columns, got 1 x 65537"),
    "double scale": ((W, S.double()), "`weight_scale` must be of type Float, got Double"),
    "half scale": ((W, S.half()), "`weight_scale` must be of type Float, got Half"),
    "too few scales": ((W, S[:20]), r"`weight_scale` must have 21 elements, got shape \(20, 1\)"),
    "zero scale": ((W, S * 0), "Weight scales must be positive and finite, got 0.000000 for channel 0"),
    "negative scale": ((W, -S), "Weight scales must be positive and finite, got -1.0"),
    "nan scale": ((W, S * torch.nan), "Weight scales must be positive and finite, got -?nan"),
    "infinite scale": ((W, S * torch.inf), "Weight scales must be positive and finite, got inf"),
    "zero scale of all": ((W, torch.zeros(1)), "Weight scales must be positive and finite"),
    "bias": ((W, S, B[:20]), r"`bias` must have 21 elements, got shape \(20\)"),
    "kind": ((W, S, B, "blocks"), "Unknown kind 'blocks'; choose one of auto, dense, sparse"),
    "isa": ((W, S, B, "auto", "sse2"), "Unknown ISA 'sse2'; choose one of amx, avx512vnni, avxvnni, avx2, neondot"),
    "weight on another device": ((W.to("meta"), S), "`weight` must be on the CPU, got a tensor on meta"),
    "scale on another device": ((W, S.to("meta")), "`weight_scale` must be on the CPU, got a tensor on meta"),
    "bias on another device": ((W, S, B.to("meta")), "`bias` must be on the CPU, got a tensor on meta"),
}


@pytest.mark.parametrize("arguments, message", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_q8_pack_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.q8_pack(*arguments)


@pytest.mark.parametrize("channel", [1, 20])
def test_q8_pack_looks_at_every_scale(channel):
    scale = torch.ones(21)
    scale[channel] = -0.5
    with pytest.raises(ValueError, match=f"positive and finite, got -0.500000 for channel {channel}"):
        ops.q8_pack(W, scale)


@pytest.mark.parametrize("isa", ["amx", "avx512vnni", "avxvnni", "avx2", "neondot"])
def test_q8_pack_refuses_an_isa_of_another_cpu(isa):
    if isa in SUPPORTED:
        pytest.skip(f"this CPU has {isa}")
    with pytest.raises(ValueError, match=f"This CPU lacks {isa}; choose one of {', '.join(SUPPORTED)}"):
        ops.q8_pack(W, S, isa=isa)


X, ONE, ZERO = torch.zeros(3, 70), torch.ones(1), torch.zeros(1, dtype=torch.int8)
CODES, SCALES = torch.zeros(3, 80, dtype=torch.uint8), torch.ones(3, 1)
BAD_CALLS = {
    "no dimension": ({"x": torch.tensor(1.0)}, r"`x` must have at least one dimension, got shape \(\)"),
    "too few features": ({"x": X[:, 1:]}, r"`x` must have 70 features, got shape \(3, 69\)"),
    "no features": ({"x": X[:, :0]}, r"`x` must have 70 features, got shape \(3, 0\)"),
    "int32": ({"x": X.int()}, "`x` must be of type Float, got Int"),
    "bool": ({"x": X.bool()}, "`x` must be of type Float, got Bool"),
    "complex": ({"x": X.to(torch.complex64)}, "`x` must be of type Float, got ComplexFloat"),
    "out_features": ({"out_features": 20}, "`out_features` is 21 for this packed weight, got 20"),
    "activation": ({"activation": "tanh"}, "Unknown activation 'tanh'; choose one of none, relu, gelu"),
    "9 bits": ({"num_bits": 9}, r"`num_bits` must be in \[2, 8\], got 9"),
    "1 bit": ({"num_bits": 1}, r"`num_bits` must be in \[2, 8\], got 1"),
    "zero scale": ({"input_scale": ONE * 0}, "`input_scale` must be positive and finite, got 0.0"),
    "negative scale": ({"input_scale": -ONE}, "`input_scale` must be positive and finite, got -1.0"),
    "nan scale": ({"input_scale": ONE * torch.nan}, "`input_scale` must be positive and finite, got -?nan"),
    "infinite scale": ({"input_scale": ONE * torch.inf}, "`input_scale` must be positive and finite, got inf"),
    "double scale": ({"input_scale": ONE.double()}, "`input_scale` must be of type Float, got Double"),
    "two scales": ({"input_scale": torch.ones(2)}, r"`input_scale` must have 1 elements, got shape \(2\)"),
    "zero point alone": ({"input_zero_point": ZERO}, "`input_zero_point` needs an `input_scale`, got none"),
    "float zero point": (
        {"input_scale": ONE, "input_zero_point": ZERO.float()},
        "`input_zero_point` must be of type Char, got Float",
    ),
    "residual shape": (
        {"residual": torch.zeros(21)},
        r"`residual` must have the shape of the result, \(3, 21\), got \(21\)",
    ),
    "packed float": ({"packed": X}, "`packed` must be of type Byte, got Float"),
    "packed int8": ({"packed": W.reshape(-1)}, "`packed` must be of type Byte, got Char"),
    "packed matrix": ({"packed": CODES}, r"`packed` must be what q8_pack returned, got shape \(3, 80\)\."),
    "packed strided": ({"packed": CODES[:, 0]}, r"q8_pack returned, got shape \(3\), not contiguous"),
    "packed on another device": (
        {"packed": X.to(torch.uint8).to("meta")},
        "`packed` must be on the CPU, got a tensor on meta",
    ),
    "scale on another device": (
        {"input_scale": ONE.to("meta")},
        "`input_scale` must be on the CPU, got a tensor on meta",
    ),
    "residual on another device": (
        {"residual": torch.zeros(3, 21, device="meta")},
        "`residual` must be on the CPU, got a tensor on meta",
    ),
}


@pytest.mark.parametrize("changed, message", BAD_CALLS.values(), ids=BAD_CALLS)
def test_linear_packed_refuses(changed, message):
    arguments = {"x": X, "packed": ops.q8_pack(W, S), "out_features": 21, **changed}
    with pytest.raises(ValueError, match=message):
        ops.q8_linear_packed(**arguments)


BAD_CODES = {
    "int8": ({"codes": CODES.to(torch.int8)}, "`codes` must be of type Byte, got Char"),
    "not padded": (
        {"codes": CODES[:, :70].contiguous()},
        r"`codes` must be what .* returned for 70 features, got shape \(3, 70\)\.",
    ),
    "strided": (
        {"codes": torch.zeros(80, 3, dtype=torch.uint8).T},
        r"`codes` must be what .* returned for 70 features, got shape \(3, 80\), not contiguous",
    ),
    "no dimension": ({"codes": CODES[0, 0]}, r"`codes` must be what .* for 70 features, got shape \(\)"),
    "zero point": ({"zero_point": 128}, r"`zero_point` must be in \[-128, 127\], got 128"),
    "out_features": ({"out_features": 22}, "`out_features` is 21 for this packed weight, got 22"),
    "scales": ({"scales": SCALES[:2]}, r"`scales` must have 3 elements, got shape \(2, 1\)"),
    "double scales": ({"scales": SCALES.double()}, "`scales` must be of type Float, got Double"),
    "activation": ({"activation": "tanh"}, "Unknown activation 'tanh'"),
    "residual and out_scale": ({"residual": torch.zeros(3, 21), "out_scale": ONE}, "got both it and `out_scale`"),
    "out_scale": ({"out_scale": ONE * 0}, "`out_scale` must be positive and finite, got 0.0"),
    "out_zero_point alone": ({"out_zero_point": ZERO}, "`out_zero_point` needs an `out_scale`, got none"),
}


@pytest.mark.parametrize("changed, message", BAD_CODES.values(), ids=BAD_CODES)
def test_matmul_refuses(changed, message):
    arguments = {"codes": CODES, "scales": SCALES, "packed": ops.q8_pack(W, S), "out_features": 21, **changed}
    with pytest.raises(ValueError, match=message):
        ops.q8_matmul(**arguments)
    if not changed.keys() & {"codes", "zero_point", "out_features"}:
        return
    arguments = {
        name: arguments[name] for name in ("codes", "packed", "out_features", "zero_point") if name in arguments
    }
    with pytest.raises(ValueError, match=message):
        ops.q8_accumulate(**arguments)


@pytest.mark.parametrize("name", ["out_scale", "out_zero_point alone"])
def test_errors_name_the_argument(name):
    changed, _ = BAD_CODES[name]
    with pytest.raises(ValueError, match="`out_scale`"):
        ops.q8_matmul(CODES, SCALES, ops.q8_pack(W, S), 21, **changed)


def test_meta_tensors_have_the_shape():
    packed, x = ops.q8_pack(W, S), torch.empty(2, 3, 70, device="meta")
    assert ops.q8_linear_packed(x, packed, 21).shape == (2, 3, 21)
    assert ops.q8_linear_portable(x, W.to("meta"), S.to("meta")).shape == (2, 3, 21)
    codes, scales = ops.q8_quantize(x)
    assert codes.shape == (2, 3, 80) and scales.shape == (2, 3, 1)
    assert ops.q8_accumulate(codes, packed, 21).dtype == torch.int32
    assert ops.q8_matmul(codes, scales, packed, 21, out_scale=ONE).shape == (2, 3, 32)
