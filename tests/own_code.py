"""Models whose code lies in their directory: transformers has neither their config nor their class."""

import json
import textwrap
from pathlib import Path

from safetensors.torch import save_file
from tiny import tiny_model, tiny_tokenizer

CONFIGURATION = """
    from transformers import BertConfig

    class OwnConfig(BertConfig):
        model_type = "own"
    """
MODELING = """
    from transformers import BertForSequenceClassification

    from .configuration_own import OwnConfig

    class OwnForSequenceClassification(BertForSequenceClassification):
        config_class = OwnConfig

        def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, **kwargs):
            output = super().forward(input_ids, attention_mask, token_type_ids, labels=labels, **kwargs)
            output.logits = 2 * output.logits  # which tells it from BERT
            return output
    """
AUTO_MAP = {
    "AutoConfig": "configuration_own.OwnConfig",
    "AutoModelForSequenceClassification": "modeling_own.OwnForSequenceClassification",
}


def write_own_model(directory: Path) -> Path:
    """A classifier with its tokenizer and its code; returns the directory."""
    model = tiny_model("bert")
    directory.mkdir(parents=True, exist_ok=True)
    config = {**model.config.to_dict(), "model_type": "own", "auto_map": AUTO_MAP}
    config["architectures"] = ["OwnForSequenceClassification"]
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "configuration_own.py").write_text(textwrap.dedent(CONFIGURATION))
    (directory / "modeling_own.py").write_text(textwrap.dedent(MODELING))
    save_file(model.state_dict(), directory / "model.safetensors", {"format": "pt"})
    tiny_tokenizer().save_pretrained(directory)
    return directory
