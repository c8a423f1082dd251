"""After `import inc_hf`, `AutoModel….from_pretrained` loads quant_method "inc".

Transformers' registry of quantizers takes more than a second to import, so we wait until somebody loads a model.

That is the moment when `transformers.modeling_utils` imports the registry, and is itself half executed. Hence a rule:
nothing that `inc_hf.checkpoint` imports, however indirectly, may import from transformers at its top, as what it asks
for, such as `PreTrainedModel`, may not be there yet; only checkpoint/quantizer.py and stock.py do, from the quantizers
API.
tests/test_registration.py holds it.
"""

import importlib
import importlib.abc
import importlib.util
import sys

QUANTIZERS = "transformers.quantizers.auto"
OURS = "inc_hf.checkpoint.quantizer"  # registers itself when it is imported


class _RegisterAfterImport(importlib.abc.MetaPathFinder):
    """Finds transformers' registry of quantizers as usual, and imports ours right after it."""

    def find_spec(self, name, path=None, target=None):
        if name != QUANTIZERS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def execute_then_register(module):
            execute(module)
            if OURS not in sys.modules:  # otherwise it is ours that imports the registry just now
                importlib.import_module(OURS)

        spec.loader.exec_module = execute_then_register
        return spec


def register_with_transformers() -> None:
    """Register now if transformers' registry has been imported, otherwise as soon as it is."""
    if QUANTIZERS in sys.modules:
        importlib.import_module(OURS)
    else:
        sys.meta_path.insert(0, _RegisterAfterImport())
