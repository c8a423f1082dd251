"""What a quantized product computes, in float and without a module."""

from torch import Tensor

from inc_hf.quantize.fake_quantize import fake_quantize_range, fake_quantize_tokens, rounded_weight
from inc_hf.quantize.scheme import Scheme


def rounded_product(x: Tensor, weight: Tensor, scheme: Scheme, span: tuple[float, float] | None) -> Tensor:
    """`x @ weight.T` with both rounded as `scheme` says.

    Args:
        x (`torch.Tensor` of shape `(rows, in_features)`): float inputs.
        weight (`torch.Tensor` of shape `(out_features, in_features)`): float weight.
        span (`tuple[float, float]`, *optional*): range of static activations.
    """
    if scheme.is_static:
        x = fake_quantize_range(x, *span, scheme.activation)
    elif scheme.activation is not None:
        x = fake_quantize_tokens(x, scheme.activation)
    return x @ rounded_weight(weight.float(), scheme.weight).T
