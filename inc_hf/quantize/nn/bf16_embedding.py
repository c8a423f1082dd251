"""An Embedding with a weight in bfloat16."""

from torch import Tensor, nn

from inc_hf.quantize.nn.bf16_linear import float_of_halves
from inc_hf.quantize.nn.stored_weight import StoredWeight


class BF16Embedding(StoredWeight):
    """`nn.Embedding` with a weight stored in bfloat16 and results in float32."""

    read_weight = staticmethod(float_of_halves)

    def __init__(self, weight: nn.Parameter, padding_idx: int | None, scale: float = 1.0):
        super().__init__()
        self.store_weight(weight)
        self.padding_idx, self.embed_scale = padding_idx, scale
        self.num_embeddings, self.embedding_dim = weight.shape

    def forward(self, ids: Tensor) -> Tensor:
        return nn.functional.embedding(ids, self.stored, self.padding_idx).float() * self.embed_scale

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, weight=bfloat16"
