"""Whether an ONNX file computes what the model of torch computes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from inc_hf.backends.onnxruntime.program import ExportError, named


def other_batch(inputs: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]]) -> dict[str, Tensor]:
    """A batch of another size where `axes` allows that: three samples, one item less of a sequence, other values."""
    generator = torch.Generator().manual_seed(0)
    batch = {}
    for name, tensor in inputs.items():
        if tensor.is_floating_point():
            tensor = torch.randn(tensor.shape, generator=generator).to(tensor.dtype)
        for axis, axis_name in axes.get(name, {}).items():
            length = 3 if axis_name == "batch" else max(tensor.shape[axis] - 1, 1)
            index = torch.arange(length).remainder(tensor.shape[axis])
            tensor = tensor.index_select(axis, index if axis_name == "batch" else index.flip(0))
        batch[name] = tensor
    if "attention_mask" in batch and batch["attention_mask"].shape[-1] > 1:
        batch["attention_mask"] = batch["attention_mask"].clone()
        batch["attention_mask"][0, -1] = 0
    return batch


@torch.no_grad()
def difference(
    model: nn.Module, session: Callable[[Mapping[str, Tensor]], dict[str, Tensor]], inputs: Mapping[str, Tensor]
) -> float:
    """Largest difference between the outputs of the two, relative to the largest value of each output of torch.

    Raises:
        ExportError: shapes differ, or the file gives a NaN that torch does not.
    """
    expected, got, worst = named(model(**inputs)), session(inputs), 0.0
    for name in [name for name in got if name in expected]:
        value = got[name]
        if value.shape != expected[name].shape:
            raise ExportError(
                f"The output {name!r} of the ONNX file has the shape {tuple(value.shape)}, that of torch "
                f"{tuple(expected[name].shape)}."
            )
        if not value.numel():
            continue
        wanted = expected[name].float()
        gap = (value.float() - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12)
        if not gap.isfinite():
            raise ExportError(f"The output {name!r} of the ONNX file is not finite where that of torch is.")
        worst = max(worst, gap.item())
    return worst
