"""What all scripts here share: a tiny model, and data that it can learn. Nothing of it has to do with INC."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

SIZES = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def bert(seed=0):
    torch.manual_seed(seed)
    return BertForSequenceClassification(BertConfig(**SIZES, max_position_embeddings=16)).eval()


def bert_for_answers():
    torch.manual_seed(0)
    return BertForQuestionAnswering(BertConfig(**SIZES, max_position_embeddings=16)).eval()


def t5():
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2}
    return T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=0)).eval()


def vit():
    torch.manual_seed(0)
    sizes = {name: SIZES[name] for name in SIZES if name != "vocab_size"}
    return ViTForImageClassification(ViTConfig(**sizes, image_size=16, patch_size=8, num_labels=2)).eval()


class Sentences(Dataset):
    """The label says whether the first token is in the upper half of the vocabulary."""

    def __init__(self, count=16, **more):
        tokens = np.random.RandomState(0).randint(1, 64, (count, 8))
        self.rows = [
            {"input_ids": torch.tensor(row), "attention_mask": torch.ones(8, dtype=torch.long), "labels": int(row[0] > 32)}
            for row in tokens
        ]
        for row in self.rows:
            row.update(more)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def loader(count=16, batch_size=4):
    return DataLoader(Sentences(count), batch_size=batch_size)


def pairs(count=16, batch_size=4):
    """`(inputs, labels)`, as scripts for INC have them."""
    return [({k: v for k, v in batch.items() if k != "labels"}, batch["labels"]) for batch in loader(count, batch_size)]


def images(count=8):
    data = [(torch.randn(3, 16, 16), index % 2) for index in range(count)]
    return DataLoader(data, batch_size=4)


def accuracy(model):
    model.eval()
    hits = []
    with torch.no_grad():
        for batch in loader():
            labels = batch.pop("labels")
            hits += (model(**batch).logits.argmax(-1) == labels).tolist()
    return sum(hits) / len(hits)


def zeros(model, name="query"):
    """The share of zeros in the weights of layers of this name."""
    found = [module.weight for key, module in model.named_modules() if key.endswith(name)]
    return sum(float((weight == 0).float().mean()) for weight in found) / len(found)
