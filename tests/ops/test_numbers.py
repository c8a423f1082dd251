"""The numbers of `inc_hf/ops/numbers.py` are those of the C++ enumerations."""

import pytest
import torch

from inc_hf import ops
from inc_hf.ops import numbers
from inc_hf.ops.bf16 import bf16_describe, bf16_pack, bf16_variants
from inc_hf.ops.elementwise import activate_reference

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")
WEIGHT = torch.zeros(8, 16, dtype=torch.int8)


def test_isas_are_numbered_as_their_names_say():
    """The error of a variant that this CPU lacks comes from C++ and names it."""
    for isa in numbers.ISAS:
        if isa in ops.supported_isas():
            assert ops.q8_describe(ops.q8_pack(WEIGHT, torch.ones(1), isa=isa)).split()[0] == isa
        else:
            with pytest.raises(ValueError, match=f"lacks {isa};"):
                ops.q8_pack(WEIGHT, torch.ones(1), isa=isa)


def test_bf16_variants_are_numbered_as_their_names_say():
    for variant in numbers.BF16_VARIANTS:
        if variant in bf16_variants():
            assert bf16_describe(bf16_pack(WEIGHT.bfloat16(), variant=variant)) == variant
        else:
            with pytest.raises(ValueError, match=f"lacks {variant};"):
                bf16_pack(WEIGHT.bfloat16(), variant=variant)


def test_activations_are_numbered_as_their_names_say():
    x = torch.linspace(-3, 3, 32)
    assert list(numbers.ACTIVATIONS) == list(ops.ACTIVATIONS)
    for name, number in numbers.ACTIVATIONS.items():
        torch.testing.assert_close(torch.ops.inc_hf.activate(x, number), activate_reference(x, name))


def test_packings_are_numbered_as_their_names_say():
    for kind in ("dense", "sparse"):
        assert ops.q8_describe(ops.q8_pack(WEIGHT, torch.ones(1), kind=kind)).split()[1] == kind
    assert ops.q8_describe(ops.q8_pack(WEIGHT, torch.ones(1), kind="auto")).endswith("sparse")


@pytest.mark.parametrize("number", [-1, 6, 2**40])
def test_a_number_that_stands_for_nothing_is_refused(number):
    with pytest.raises(ValueError, match=f"`activation` must be one of the 6 numbers.*got {number}"):
        torch.ops.inc_hf.activate(torch.zeros(1), number)


def test_a_name_that_stands_for_nothing_is_refused():
    with pytest.raises(ValueError, match="Unknown kind 'thin'; choose one of auto, dense, sparse"):
        ops.q8_pack(WEIGHT, torch.ones(1), kind="thin")


def test_old_names_of_the_operators():
    for name, function in ops.OLD_NAMES.items():
        assert getattr(ops, name) is function
    with pytest.raises(AttributeError, match="no attribute 'pack_lines'"):
        ops.pack_lines  # noqa: B018
