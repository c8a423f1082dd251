"""An Embedding with a weight in bfloat16."""

from torch import Tensor, nn


class BF16Embedding(nn.Module):
    """`nn.Embedding` with a weight in bfloat16 and results in float32."""

    def __init__(self, weight: nn.Parameter, padding_idx: int | None, scale: float = 1.0):
        super().__init__()
        self.weight, self.padding_idx, self.embed_scale = weight, padding_idx, scale
        self.num_embeddings, self.embedding_dim = weight.shape

    def forward(self, ids: Tensor) -> Tensor:
        return nn.functional.embedding(ids, self.weight, self.padding_idx).float() * self.embed_scale

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, weight=bfloat16"
