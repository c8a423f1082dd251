"""The embeddings and the output layer of a decoder, which stay in float by default, as with llm-compressor: vLLM and
others that read compressed-tensors have no place for their scales."""

from collections.abc import Collection, Mapping

from torch import nn

from inc_hf.coverage import Reason

# Asked for: everybody leaves them, so it is said, but no warning.
FOR_READERS = Reason(
    "embeddings and output layer of a decoder, in float so that vLLM loads the checkpoint (quantized if "
    "`op_name_dict` names them)",
    asked=True,
)


def decoder_ends(
    model: nn.Module,
    kinds: Mapping[str, str],
    by_type: Collection[str],
    by_name: Collection[str],
    tied: Collection[Collection[str]],
) -> list[str]:
    """The modules that stay in float, none if `model` is no decoder that generates.

    Args:
        kinds: name of a module -> its op type, of all that can be quantized.
        by_type, by_name: the names of modules that `op_type_dict` and `op_name_dict` speak of, its `default_qconfig`
            apart, which names none. An embedding that is named either way is quantized, and the output layer, which a
            pattern for all Linear layers hits, too, if `op_name_dict` names it.
        tied: names of modules that share one weight: what is said of one holds for all.
    """
    if not generates_alone(model):
        return []
    output = set(model.get_output_embeddings().modules())  # of MusicGen, a layer for each codebook
    ends = [name for name, kind in kinds.items() if kind == "Embedding" or model.get_submodule(name) in output]
    wanted = {n for n in ends if n in by_name or (kinds[n] == "Embedding" and n in by_type)}
    wanted |= {name for names in tied if wanted & set(names) for name in names}
    return [name for name in ends if name not in wanted]


def generates_alone(model: nn.Module) -> bool:
    """Whether it is a decoder of transformers with an output layer, and no encoder before it."""
    can_generate = getattr(model, "can_generate", lambda: False)
    is_pair = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
    return can_generate() and not is_pair and getattr(model, "get_output_embeddings", lambda: None)() is not None
