"""Embeddings of texts, in one native call where they are plain tables and a LayerNorm."""

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.inference.encoder.family import Tokens
from inc_hf.ops.embedding import Table, embed
from inc_hf.quantize.nn import QEmbedding

# Classes of transformers that add these tables in this order, and norm the sum. The last one is DistilBERT's.
MODELS = ("Bert", "Roberta", "XLMRoberta", "Camembert", "Electra", "Albert", "MPNet", "")
CLASSES = frozenset(f"{name}Embeddings" for name in MODELS)
TABLES = {
    "word_embeddings": "input_ids",
    "token_type_embeddings": "token_type_ids",
    "position_embeddings": "position_ids",
}


def embedded(embeddings: nn.Module, tokens: Tokens) -> Tensor:
    """What `embeddings` gives for the tokens, of shape `(1, tokens, hidden)`; it computes that itself where there are
    no [`native_tables`]."""
    ids = {name: getattr(tokens, TABLES[name]) for name in TABLES if hasattr(embeddings, name)}
    if tokens.inputs_embeds is None and (tables := native_tables(embeddings)):
        norm = embeddings.LayerNorm
        flat = [torch.zeros_like(tokens.input_ids) if x is None else x for x in ids.values()]  # no type is type 0
        return embed([x.reshape(-1).long() for x in flat], tables, norm.weight, norm.bias, norm.eps)[None]
    return embeddings(inputs_embeds=tokens.inputs_embeds, **{TABLES[name]: x for name, x in ids.items()})


def native_tables(embeddings: nn.Module | None) -> list[Table]:
    """The tables that one native call adds and norms; none where `embeddings` is of another class, somebody listens
    to it, or gradients are asked for."""
    if type(embeddings).__name__ not in CLASSES or not ops.is_native():
        return []
    *modules, norm = modules_of(embeddings)
    tables = [table_of(module) for module in modules]
    watched = any(map(is_watched, (embeddings, norm, *modules)))
    return [] if watched or None in tables or not is_plain_norm(norm) or asks_gradients(tables) else tables


def modules_of(embeddings: nn.Module) -> list[nn.Module]:
    """The tables, and the norm behind them."""
    return [*(getattr(embeddings, name) for name in TABLES if hasattr(embeddings, name)), embeddings.LayerNorm]


def is_watched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def table_of(module: nn.Module) -> Table | None:
    """The table of a module that only looks rows up."""
    if type(module) is QEmbedding:
        is_plain = module.embed_scale == 1.0 and module.dtype == torch.float32 and module.weight_scale.is_cpu
        return Table(module.codes, module.weight_scale) if is_plain else None
    is_plain = type(module) is nn.Embedding and module.max_norm is None and fits(module.weight)
    return Table(module.weight) if is_plain else None


def is_plain_norm(norm: nn.Module) -> bool:
    if type(norm) is not nn.LayerNorm or norm.weight is None or norm.bias is None:
        return False
    return fits(norm.weight) and not (torch.is_grad_enabled() and norm.weight.requires_grad)


def fits(weight: Tensor) -> bool:
    return weight.dtype == torch.float32 and weight.is_cpu and weight.is_contiguous()


def asks_gradients(tables: list[Table]) -> bool:
    return torch.is_grad_enabled() and any(table.rows.requires_grad for table in tables)
