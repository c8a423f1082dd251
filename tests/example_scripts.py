"""The scripts in `examples`: where they lie, and one of them as a module."""

import importlib.util
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
GLUE = EXAMPLES / "text_classification" / "run_glue.py"
NER = EXAMPLES / "token_classification" / "run_ner.py"
CLM = EXAMPLES / "language_modeling" / "run_clm.py"
ONE_SHOT = EXAMPLES / "one_shot" / "run_one_shot.py"
RECIPE = EXAMPLES / "hyperparameter_search" / "search_recipe.py"
PLAIN = EXAMPLES / "training_loops" / "plain_loop.py"
EMBED = EXAMPLES / "embed_sentences.py"
SERVING = EXAMPLES / "serving" / "app.py"
ACCELERATE = EXAMPLES / "training_loops" / "accelerate_loop.py"


def script(path):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where dataclasses look for the types of their fields
    spec.loader.exec_module(module)
    return module
