"""`inc_hf`: make a Hugging Face model small and fast on a CPU, inside the Trainer you already have.

The names below are imported at their first use, so that `import inc_hf` is quick.
"""

from inc_hf import _registration
from inc_hf._lazy import lazy_names
from inc_hf.config import options, set_random_seed, set_resume_from, set_tensorboard, set_workspace
from inc_hf.models.tasks import TASKS
from inc_hf.telling import set_up
from inc_hf.version import __version__ as __version__

set_up()

_LAZY = {
    "IncQuantizer": "inc_hf.quantizer",
    "QuantizedModel": "inc_hf.quantization",
    "DeployConfig": "inc_hf.quantization",
    "optimize": "inc_hf.modeling",
    "explain": "inc_hf.modeling",
    **{task.inc_class: "inc_hf.modeling" for task in TASKS},
    "IncModelForFeatureExtraction": "inc_hf.modeling",  # loads what `IncModel` does
    "DistillationCallback": "inc_hf.callbacks",
    "PruningCallback": "inc_hf.callbacks",
    "QuantizationAwareTrainingCallback": "inc_hf.callbacks",
    "DistillationConfig": "inc_hf.config",
    "WeightPruningConfig": "inc_hf.config",
    "QuantizationAwareTrainingConfig": "inc_hf.config",
    "PostTrainingQuantConfig": "inc_hf.config",
    "AccuracyCriterion": "inc_hf.config",
    "TuningCriterion": "inc_hf.config",
    "MixedPrecisionConfig": "inc_hf.config",
    **dict.fromkeys(["BaseModel", "MODELS", "Model"], "inc_hf.model"),  # INC's names
    **dict.fromkeys(["BaseMetric", "GeneralTopK", "METRICS", "Metric"], "inc_hf.metric"),
    **dict.fromkeys(["Benchmark", "Pruning", "Quantization"], "inc_hf.experimental.older"),
    **dict.fromkeys(["metric_registry", "register_customer_metric"], "inc_hf.metric"),
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
