"""The kinds of encoders that run natively. A new one is a file like the others here, and a name in this list."""

from torch import nn

from inc_hf.inference.encoder.albert import ALBERT
from inc_hf.inference.encoder.bert import BERT, ELECTRA, ROBERTA
from inc_hf.inference.encoder.clip import CLIP_TEXT, CLIP_VISION
from inc_hf.inference.encoder.distilbert import DISTILBERT
from inc_hf.inference.encoder.eurobert import EUROBERT
from inc_hf.inference.encoder.family import Family
from inc_hf.inference.encoder.modernbert import MODERNBERT
from inc_hf.inference.encoder.mpnet import MPNET
from inc_hf.inference.encoder.nomic_bert import NOMIC_BERT
from inc_hf.inference.encoder.siglip import SIGLIP_TEXT, SIGLIP_VISION
from inc_hf.inference.encoder.vit import VIT

BERTS = (BERT, ROBERTA, ELECTRA, DISTILBERT, ALBERT, MPNET, MODERNBERT, NOMIC_BERT, EUROBERT)
TOWERS = (CLIP_TEXT, CLIP_VISION, SIGLIP_TEXT, SIGLIP_VISION)
FAMILIES = (*BERTS, VIT, *TOWERS)


def family_of(module: nn.Module) -> Family | None:
    """The family of a base model of transformers; None for any other module, also for a class made after one."""
    kind = type(module)
    if not kind.__module__.startswith("transformers.models."):
        return None
    return next((family for family in FAMILIES if kind.__name__ in family.classes), None)
