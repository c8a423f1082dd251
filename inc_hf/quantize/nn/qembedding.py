"""The quantized twin of `nn.Embedding`."""

from torch import Tensor, nn

from inc_hf import ops
from inc_hf.quantize.nn.qmodule import QModule
from inc_hf.quantize.scheme import Scheme


class QEmbedding(QModule):
    """Twin of `nn.Embedding`: rows are looked up as int8 and scaled."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, scheme: Scheme, dtype):
        super().__init__(scheme, (num_embeddings, embedding_dim), dtype)
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.embed_scale = 1.0  # BART's scaled embeddings multiply by it

    @classmethod
    def like(cls, module: nn.Embedding, scheme: Scheme) -> "QEmbedding":
        """Empty twin of `module`."""
        twin = cls(module.num_embeddings, module.embedding_dim, module.padding_idx, scheme, module.weight.dtype)
        if type(module) is not nn.Embedding:
            twin.embed_scale = getattr(module, "embed_scale", 1.0)
        return twin

    def forward(self, ids: Tensor) -> Tensor:
        rows = nn.functional.embedding(ids, self.codes)
        scale = self.weight_scale if self.weight_scale.numel() == 1 else self.weight_scale[ids]
        return (rows.to(ops.compute_dtype(self.dtype)) * scale).to(self.dtype) * self.embed_scale

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, {self.describe_scheme()}"
