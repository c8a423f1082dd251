"""`inc_hf`: make a Hugging Face model small and fast on a CPU, inside the Trainer you already have.

The names below are imported at their first use, so that `import inc_hf` is quick.
"""

from inc_hf import _registration
from inc_hf._lazy import lazy_names
from inc_hf.config import options, set_random_seed, set_resume_from, set_tensorboard, set_workspace

__version__ = "0.1.0"

_LAZY = {
    "IncQuantizer": "inc_hf.quantizer",
    "QuantizedModel": "inc_hf.quantization",
    "optimize": "inc_hf.modeling",
    "IncModel": "inc_hf.modeling",
    "IncModelForSequenceClassification": "inc_hf.modeling",
    "IncModelForTokenClassification": "inc_hf.modeling",
    "IncModelForQuestionAnswering": "inc_hf.modeling",
    "IncModelForMaskedLM": "inc_hf.modeling",
    "IncModelForMultipleChoice": "inc_hf.modeling",
    "IncModelForFeatureExtraction": "inc_hf.modeling",
    "IncModelForCausalLM": "inc_hf.modeling",
    "IncModelForSeq2SeqLM": "inc_hf.modeling",
    "IncModelForSpeechSeq2Seq": "inc_hf.modeling",
    "IncModelForImageClassification": "inc_hf.modeling",
    "IncModelForAudioClassification": "inc_hf.modeling",
    "DistillationCallback": "inc_hf.callbacks",
    "PruningCallback": "inc_hf.callbacks",
    "QuantizationAwareTrainingCallback": "inc_hf.callbacks",
    "DistillationConfig": "inc_hf.config",
    "WeightPruningConfig": "inc_hf.config",
    "QuantizationAwareTrainingConfig": "inc_hf.config",
    "PostTrainingQuantConfig": "inc_hf.config",
    "AccuracyCriterion": "inc_hf.config",
    "TuningCriterion": "inc_hf.config",
}

__all__ = [
    *_LAZY,
    "options",
    "set_random_seed",
    "set_resume_from",
    "set_tensorboard",
    "set_workspace",
]

_registration.register_with_transformers()

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
