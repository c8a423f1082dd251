"""How each family of models names the layers of its attention and of its feed-forward block: one row a family.

Whoever looks for such layers reads these rows, so that a family that is added here is known everywhere. What counts
are the names of a module's children, hardly ever that of its class: models that copy a family's layers keep those.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Names are those of children of one module, of its parent where they begin with `../`; an empty one means none.

    Args:
        projections (`tuple[str, ...]`): query, key and value, called on the same tensor where the attention is one of
            a sequence to itself; or one layer that computes all three.
        output (`str`): the projection of the heads' results.
        first (`tuple[str, ...]`): what computes the inner columns of the feed-forward block. If there are two, they
            are called on the same tensor, and one gates the other.
        second (`str`): what reads the inner columns.
        activation (`str`): a sibling of the only layer in `first`.
        fused_in (`str`): ending of the name of the class that holds those two, where all that is ever done with either
            of them is `activation(first(x))`; names of children do not tell what a forward does between them.
        has_separate_heads (`bool`): whether a head can be cut out of one layer. Not if its attention has a part for
            each head that comes from elsewhere, such as biases of relative positions that all layers share.
    """

    projections: tuple[str, ...] = ()
    output: str = ""
    first: tuple[str, ...] = ()
    second: str = ""
    activation: str = ""
    fused_in: str = ""
    has_separate_heads: bool = True


FAMILIES = {
    "bert": Family(  # and those made after it: RoBERTa, ELECTRA
        ("query", "key", "value"),
        "../output.dense",
        ("intermediate.dense",),
        "output.dense",
        "intermediate_act_fn",
        "Intermediate",
    ),
    "albert": Family(("query", "key", "value"), "dense", ("ffn",), "ffn_output", "activation", "AlbertLayer"),
    "distilbert": Family(("q_lin", "k_lin", "v_lin"), "out_lin", ("lin1",), "lin2", "activation", "FFN"),
    "bart": Family(("q_proj", "k_proj", "v_proj"), "out_proj", ("fc1",), "fc2"),  # OPT, CLIP, Whisper
    "vit": Family(("q_proj", "k_proj", "v_proj"), "o_proj", ("fc1",), "fc2"),
    "llama": Family(("q_proj", "k_proj", "v_proj"), "o_proj", ("gate_proj", "up_proj"), "down_proj"),
    "phi": Family(("q_proj", "k_proj", "v_proj"), "dense", ("fc1",), "fc2"),
    "gpt2": Family(("c_attn",), "c_proj", ("c_fc",), "c_proj"),
    "mpnet": Family(
        ("q", "k", "v"),
        "o",
        ("intermediate.dense",),
        "output.dense",
        "intermediate_act_fn",
        "Intermediate",
        has_separate_heads=False,
    ),
    "deberta": Family(  # its second version; the first has query, key and value in one layer, head by head
        ("query_proj", "key_proj", "value_proj"),
        "../output.dense",
        ("intermediate.dense",),
        "output.dense",
        "intermediate_act_fn",
        "Intermediate",
        has_separate_heads=False,
    ),
    "t5": Family(("q", "k", "v"), "o", ("wi",), "wo", has_separate_heads=False),
    "t5 1.1": Family(("q", "k", "v"), "o", ("wi_0", "wi_1"), "wo", has_separate_heads=False),
    "torch.nn.TransformerEncoderLayer": Family(first=("linear1",), second="linear2"),
}

# Children of one module that are called on the same tensor one after another.
SIBLINGS = tuple(
    dict.fromkeys(names for f in FAMILIES.values() for names in (f.projections, f.first) if len(names) > 1)
)


def resolve_name(name: str, child: str) -> str:
    """Full name of what a row calls `child`, in the module `name`."""
    parent = name.rpartition(".")[0] if child.startswith("../") else name
    return ".".join(filter(None, [parent, child.removeprefix("../")]))
