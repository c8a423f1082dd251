"""The 8-bit operations under torch.compile, torch.export, autocast and in inference mode."""

import pytest
import torch

from inc_hf import ops
from inc_hf.ops.numbers import ACTIVATIONS, IN_USE, PACKINGS

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")
RELU, SILU = ACTIVATIONS["relu"], ACTIVATIONS["silu"]
SCALE, ZERO_POINT = torch.tensor([0.021]), torch.tensor([-19], dtype=torch.int8)
QUANTIZERS = {
    "dynamic": {},
    "dynamic float32": {"scale_dtype": torch.float32},
    "static": {"input_scale": SCALE},
    "static asymmetric": {"input_scale": SCALE, "input_zero_point": ZERO_POINT},
}
every_quantizer = pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS)


def layer(n=21, k=70):
    weight = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    return weight, torch.rand(n, 1) * 0.02 + 1e-3, torch.randn(n)


class Packed(torch.nn.Module):
    def __init__(self, **quantizer):
        super().__init__()
        self.quantizer = quantizer
        self.register_buffer("packed", ops.q8_pack(*layer()))

    def forward(self, x):
        return ops.q8_linear_packed(x, self.packed, 21, activation="gelu", **self.quantizer) * 2


class Portable(torch.nn.Module):
    def __init__(self, **quantizer):
        super().__init__()
        self.quantizer = quantizer
        for name, value in zip(("weight", "weight_scale", "bias"), layer(), strict=True):
            self.register_buffer(name, value)

    def forward(self, x):
        weight = (self.weight, self.weight_scale, self.bias)
        return ops.q8_linear_portable(x, *weight, activation="gelu", **self.quantizer) * 2


class Steps(torch.nn.Module):
    """Quantizes once for two weights, and feeds the codes of one to a third."""

    def __init__(self):
        super().__init__()
        self.register_buffer("first", ops.q8_pack(*layer(48, 70)))
        self.register_buffer("second", ops.q8_pack(*layer(21, 48)))

    def forward(self, x):
        codes, scales = ops.q8_quantize(x)
        hidden = ops.q8_matmul(codes, scales, self.first, 48, activation="relu", out_scale=SCALE)
        total = ops.q8_accumulate(codes, self.first, 48).sum(-1, keepdim=True)
        return ops.q8_matmul(hidden, SCALE.expand(*x.shape[:-1], 1), self.second, 21) + total


MODELS = {"packed": Packed, "portable": Portable, "steps": Steps}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@every_quantizer
def test_opcheck_of_the_layers(quantizer):
    weight, weight_scale, bias = layer()
    packed = ops.q8_pack(weight, weight_scale, bias)
    scale, zero_point = quantizer.get("input_scale"), quantizer.get("input_zero_point")
    round_scale = "scale_dtype" not in quantizer
    for x, residual in ((torch.randn(5, 70), None), (torch.randn(2, 70, 3).mT, torch.randn(2, 3, 21))):
        arguments = (x, packed, scale, zero_point, 8, round_scale, 21, ACTIVATIONS["gelu"], residual)
        torch.library.opcheck(torch.ops.inc_hf.q8_linear_packed.default, arguments)
        arguments = (x, weight, weight_scale, bias, scale, zero_point, 7, round_scale, ACTIVATIONS["none"])
        torch.library.opcheck(torch.ops.inc_hf.q8_linear.default, arguments)
        torch.library.opcheck(torch.ops.inc_hf.q8_quantize.default, (x, scale, zero_point, 8, round_scale))


@pytest.mark.parametrize("kind", ["auto", "dense", "sparse"])
def test_opcheck_of_packing_and_products(kind):
    weight, weight_scale, bias = layer()
    op, packed = torch.ops.inc_hf, ops.q8_pack(weight, weight_scale, bias, kind)
    codes, scales = ops.q8_quantize(torch.randn(2, 3, 70))
    torch.library.opcheck(op.q8_pack.default, (weight, weight_scale, bias, IN_USE, PACKINGS[kind]))
    torch.library.opcheck(op.q8_unpack.default, (packed,))
    torch.library.opcheck(op.q8_accumulate.default, (codes, packed, -3, 21))
    residual = torch.randn(2, 3, 21)
    torch.library.opcheck(
        op.q8_matmul.default, (codes, scales, packed, 0, 21, ACTIVATIONS["silu"], residual, None, None)
    )
    torch.library.opcheck(
        op.q8_matmul.default, (codes, scales, packed, 5, 21, ACTIVATIONS["relu"], None, SCALE, ZERO_POINT)
    )


@every_model
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_compile(model, dynamic):
    model = model().eval()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    for rows in (4, 7):
        x = torch.randn(rows, 70)
        assert torch.equal(compiled(x), model(x))


@every_quantizer
def test_compile_of_half_precision_with_dynamic_sequences(quantizer):
    model = Packed(**quantizer).eval()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    for shape in ((2, 5, 70), (3, 4, 70)):
        x = torch.randn(shape).bfloat16()
        y = compiled(x)
        assert y.dtype == torch.bfloat16 and torch.equal(y, model(x))


def test_compile_once_for_every_batch():
    model = Packed().eval()
    torch.compiler.reset()
    counter = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(model, fullgraph=True, backend=counter, dynamic=True)
    for rows in (4, 7, 65, 128):
        compiled(torch.randn(rows, 70))
    assert counter.frame_count == 1


def test_compile_of_packing():
    weight, weight_scale, bias = layer()

    def pack_and_multiply(x):
        return ops.q8_linear_packed(x, ops.q8_pack(weight, weight_scale, bias), 21)

    torch.compiler.reset()
    x = torch.randn(4, 70)
    assert torch.equal(torch.compile(pack_and_multiply, fullgraph=True, backend="aot_eager")(x), pack_and_multiply(x))


@every_model
def test_export_with_a_dynamic_batch(model):
    model, batch = model().eval(), torch.export.Dim("batch")
    exported = torch.export.export(model, (torch.randn(4, 70),), dynamic_shapes=({0: batch},))
    for program in (exported.module(), exported.run_decompositions().module()):
        for rows in (1, 4, 33):
            x = torch.randn(rows, 70)
            assert torch.equal(program(x), model(x))


@pytest.mark.parametrize("model", [Packed, Portable])
@every_quantizer
def test_an_exported_program_survives_a_file(model, quantizer, tmp_path):
    model, x = model(**quantizer).eval(), torch.randn(4, 70)
    torch.export.save(torch.export.export(model, (x,)), tmp_path / "program.pt2")
    assert torch.equal(torch.export.load(tmp_path / "program.pt2").module()(x), model(x))


@every_model
def test_inference_mode_and_autocast_change_nothing(model):
    model, x = model().eval(), torch.randn(5, 70)
    y = model(x)
    with torch.inference_mode():
        assert torch.equal(model(x), y) and torch.equal(model(x.clone()), y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(model(x), y) and model(x).dtype == torch.float32


def test_packing_in_inference_mode():
    x = torch.randn(5, 70)
    weight, weight_scale, bias = layer()
    packed = ops.q8_pack(weight, weight_scale, bias)
    with torch.inference_mode():
        same = ops.q8_pack(weight.clone(), weight_scale.clone(), bias.clone())
        assert torch.equal(same, packed)
    assert torch.equal(ops.q8_linear_packed(x, same, 21), ops.q8_linear_packed(x, packed, 21))
    assert torch.equal(ops.q8_unpack(same), weight)


def test_an_input_that_needs_gradients():
    (weight, weight_scale, bias), x = layer(), torch.randn(5, 70)
    packed = ops.q8_pack(weight, torch.nn.Parameter(weight_scale), torch.nn.Parameter(bias))
    y = ops.q8_linear_packed(x.clone().requires_grad_(), packed, 21)
    assert torch.equal(y.detach(), ops.q8_linear(x, weight, weight_scale, bias))
