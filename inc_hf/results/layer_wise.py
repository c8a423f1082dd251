"""A quantized model that is made while it is saved, one block at a time."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NoReturn

from safetensors.torch import save_file
from torch import Tensor, nn

from inc_hf.checkpoint.describe import with_forms
from inc_hf.checkpoint.packing import pack
from inc_hf.checkpoint.sparse import MASK, Sparse, compress, form_of
from inc_hf.checkpoint.streamed import Modules, StreamedWeights
from inc_hf.errors import UsageError
from inc_hf.inference.layers import Layer, measured
from inc_hf.quantize.nn import QLinear, QModule
from inc_hf.quantize.resolve import tied_names
from inc_hf.quantize.workflow import quantized_twin, tied_weights
from inc_hf.results.quantized import QuantizedModel
from inc_hf.results.story import story_of_layers
from inc_hf.telling import progress_bar


class LayerWiseModel(QuantizedModel):
    """What `layer_wise_quant` gives back: a quantized model whose weights are still the float ones on disk.

    `save_pretrained` (INC's `save`) reads, quantizes and writes one block after the other. To run the model, load what
    was saved. `model` has the quantized modules, without their tensors.
    """

    prepared: nn.Module
    weights: StreamedWeights
    layers: dict[str, Layer] | None = None
    forms: dict[str, Sparse]  # of the weights that were stored without their zeros

    def of(self, prepared: nn.Module, weights: StreamedWeights) -> "LayerWiseModel":
        """Itself, made of a prepared and calibrated model whose weights are `weights`."""
        self.prepared, self.weights = prepared, weights
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UsageError("The model is not in memory; `save_pretrained` it, and load what was saved.")

    def story_of_weights(self) -> dict[str, Any]:
        """Zeros and kernels of the layers, once they were written."""
        return {"zeros": None, "kernels": None} if self.layers is None else story_of_layers(self.layers)

    def write_weights(self, directory: Path, tokenizer: Any) -> None:
        """Write a file for what is around the blocks, and one for each block, and the index that names them."""
        places, total, self.layers, self.forms = {}, 0, {}, {}
        blocks = [modules for modules in self.weights.blocks.values() if modules]
        for i, modules in enumerate(progress_bar(blocks, desc="Quantizing", unit="block", leave=False)):
            tensors = self._on_disk(modules)
            file = f"model-{i + 1:05d}-of-{len(blocks):05d}.safetensors"
            save_file(tensors, directory / file, metadata={"format": "pt"})
            places |= dict.fromkeys(tensors, file)
            total += sum(tensor.nbytes for tensor in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        self._write_config(directory)
        if tokenizer is not None:
            tokenizer.save_pretrained(directory)

    def _write_config(self, directory: Path) -> None:
        config, quantizer = self.model.config, self.model.hf_quantizer
        if quantizer.packs_weights:
            quantizer.quantization_config.config |= with_forms(self.forms)
        config.architectures, config.dtype = [type(self.model).__name__], str(self.model.dtype).split(".")[1]
        config.save_pretrained(directory)
        if self.model.can_generate():
            self.model.generation_config.save_pretrained(directory)

    def _on_disk(self, modules: Modules) -> dict[str, Tensor]:
        """The tensors of a block, quantized, as transformers would write them."""
        from transformers.core_model_loading import revert_weight_conversion
        from transformers.modeling_utils import remove_tied_weights_from_state_dict

        tied = {name for names in tied_names(self.model) for name in names}
        stored = _Stored(self.model.hf_quantizer.packs_weights, tied)
        with self.weights.loaded(modules):
            tensors = {k: value for name, module in self._twins(modules) for k, value in stored.tensors(name, module)}
        self.forms |= stored.forms
        known = self.model.state_dict().keys()
        kept = {key: value for key, value in tensors.items() if key in known or key.endswith(MASK)}
        kept = remove_tied_weights_from_state_dict(kept, self.model)
        return {key: value.contiguous() for key, value in revert_weight_conversion(self.model, kept).items()}

    def _twins(self, modules: Modules) -> Iterator[tuple[str, nn.Module]]:
        """Each module of a block, or the quantized one that takes its place."""
        planned = {name: module for name, module in modules.items() if hasattr(module, "quantization_plan")}
        tied = tied_weights(planned)
        for name, module in modules.items():
            made = quantized_twin(module, tied) if name in planned else module
            self.layers |= measured([(name, made)])
            yield name, made


class _Stored:
    """The tensors of the modules of a block under their full names, integers in the form that they are stored in;
    those that are tied stay one tensor."""

    def __init__(self, packs: bool, dense: Collection[str]):
        self.packs, self.dense = packs, dense
        self.forms: dict[str, Sparse] = {}
        # by the address of the codes, which stay so that it stays theirs
        self.packed: dict[int, tuple[Tensor, tuple[Tensor, Tensor | None]]] = {}

    def tensors(self, name: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
        own = {**module._parameters, **{k: v for k, v in module._buffers.items() if k in _persistent(module)}}
        if isinstance(module, QModule):
            own = module.state_dict()
            if self.packs:
                own["weight"], own[MASK] = self._pack(name, module)
        for key, value in own.items():
            if isinstance(value, Tensor):
                yield f"{name}.{key}" if name else key, value.detach()

    def _pack(self, name: str, module: QModule) -> tuple[Tensor, Tensor | None]:
        codes, bits = module.codes, module.scheme.weight.num_bits
        if codes.data_ptr() not in self.packed:
            can_be_sparse = isinstance(module, QLinear) and name not in self.dense
            form = form_of(codes, bits) if can_be_sparse else None
            if form is not None:
                self.forms[name] = form
            stored = (pack(codes, bits), None) if form is None else compress(codes, form, bits)
            self.packed[codes.data_ptr()] = codes, stored
        return self.packed[codes.data_ptr()][1]


def _persistent(module: nn.Module) -> set[str]:
    return set(module._buffers) - module._non_persistent_buffers_set
