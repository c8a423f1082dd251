from pathlib import Path

import pytest
from migrating import marks, rewritten

from inc_hf.migrate.script.source import rewrite_text

NAMES = {
    "quantizer": ("INCQuantizer", "from inc_hf import IncQuantizer"),
    "model": ("INCModelForCausalLM as M", "from inc_hf import IncModelForCausalLM as M"),
    "trainer": ("INCSeq2SeqTrainer", "from transformers import Seq2SeqTrainer"),
    "others": ("OVModelForCausalLM", "from optimum.intel import OVModelForCausalLM"),
    "both": ("INCModel, OVQuantizer", "from optimum.intel import OVQuantizer\nfrom inc_hf import IncModel"),
}


@pytest.mark.parametrize("names, new", NAMES.values(), ids=NAMES)
def test_imports(names, new):
    assert rewritten(f"from optimum.intel import {names}\n") == f"{new}\n"


@pytest.mark.parametrize("name", ["INCConfig", "INCStableDiffusionPipeline", "INCQuantizationMode", "IncOptimizer"])
def test_what_is_not_here_is_marked(name):
    (mark,) = marks(f"from optimum.intel import {name}\n")
    assert name in mark


MADE = """\
from optimum.intel import INCQuantizer, INCModelForCausalLM
q = INCQuantizer.from_pretrained(model)
"""
ARGUMENTS = {
    "usual": ("q.quantize(c, remove_unused_columns=True, file_name=None)", "q.quantize(c)", []),
    "columns": ("q.quantize(c, remove_unused_columns=False)", "q.quantize(c)", []),
    "file": ("q.quantize(c, file_name='a.bin')", "q.quantize(c)", ["`file_name`"]),
    "weights": (
        'q.quantize(c, "a", batch_size=4, weight_only=True)', 'q.quantize(c, "a", batch_size=4)', ["`weight_only`"],
    ),
    "by place": ("q.quantize(c, d, s, 8, f, True)", "q.quantize(c, d, s, 8, f, True)", ["`quantize` has other"]),
    "model": ('INCModelForCausalLM.from_pretrained("a", export=True)', 'IncModelForCausalLM.from_pretrained("a")', []),
    "private": (
        'INCModelForCausalLM.from_pretrained(use_auth_token=t)', "IncModelForCausalLM.from_pretrained(token=t)", [],
    ),
    "private data": ("q.get_calibration_dataset(use_auth_token=True)", "q.get_calibration_dataset(token=True)", []),
    "public": ("q.get_calibration_dataset(a, use_auth_token=None)", "q.get_calibration_dataset(a)", []),
    "attribute": ("m = q._quantized_model.eval()", "m = q.quantized_model.model.eval()", []),
    "own attribute": ("q.task, q.quantized_model", "q.task, q.quantized_model", []),
    "attribute that is gone": ("q.input_names", "q.input_names", ["`IncQuantizer` has no `input_names`"]),
    "another's": ("x._quantized_model", "x._quantized_model", ["If `x` is a quantizer"]),
}  # fmt: skip


@pytest.mark.parametrize("old, new, said", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_and_attributes(old, new, said):
    assert rewritten(MADE + old).endswith(f"\n{new}")
    found = marks(MADE + old)
    assert len(found) == len(said) and all(map(str.startswith, found, said)), found


def test_columns_are_said():
    found = rewrite_text(f"{MADE}q.quantize(c, remove_unused_columns=args.all)\n", Path("a.py"))
    assert "columns that the model does not take are left out" in found.notes[0]


OF_INC = {
    "function": ("from optimum.intel.neural_compressor.utils import load_quantized_model", "IncModelFor"),
    "private": ("from optimum.intel.neural_compressor.utils import _HEAD_TO_AUTOMODELS", "`_HEAD_TO_AUTOMODELS`"),
    "coder": ("from optimum.intel.neural_compressor.neural_coder_adaptor import X", "`X`"),
    "check": ("from optimum.intel.utils.import_utils import is_neural_compressor_available", "not needed any more"),
    "star": ("from optimum.intel import *", "Name what is imported"),
    "module": ("import optimum.intel.neural_compressor.utils as u\nu.WEIGHTS_NAME", "leave this import out"),
    "dotted": ("import optimum.intel\noptimum.intel.INCConfig.from_pretrained(x)", "`INCConfig`"),
    "as": ("import optimum.intel as oi\noi.utils.import_utils.is_neural_compressor_version('1')", "not needed"),
}


@pytest.mark.parametrize("text, said", OF_INC.values(), ids=OF_INC)
def test_all_of_inc_is_marked(text, said):
    (mark,) = marks(f"{text}\n")
    assert said in mark


OTHERS = """\
import optimum.intel.openvino
import optimum.intel as oi
from optimum.intel import OVModelForCausalLM, IPEXModelForCausalLM, pipeline
from optimum.intel.openvino import *
from optimum.exporters.onnx import export
oi.OVQuantizer(model, OVModelForCausalLM)
"""


def test_other_parts_stay_unmarked():
    assert rewritten(OTHERS) == OTHERS


DEAD = {
    "as": "import optimum.intel as oi\n",
    "module": "import optimum.intel.neural_compressor as oi\n",
    "from": "from optimum.intel import neural_compressor as oi\n",
}


@pytest.mark.parametrize("line", DEAD.values(), ids=DEAD)
def test_imports_that_nothing_uses_go(line):
    new = "from inc_hf import IncQuantizer\nq = IncQuantizer(m)\n"
    assert rewritten(f"{line}q = oi.INCQuantizer(m)\n") == new
    assert line in rewritten(f"{line}q = oi.INCQuantizer(m)\noi.OVX\n")


def test_names_in_quotes():
    old = """\
        from optimum.intel import INCQuantizer, INCTrainer

        __all__ = ["INCQuantizer", "x"]
        def f(q: "INCQuantizer", *, t: "Optional[INCTrainer]" = None) -> "dict[str, INCTrainer]":
            return typing.cast("INCTrainer", t), "INCTrainer"
        """
    new = rewritten(old)
    assert '__all__ = ["IncQuantizer", "x"]' in new
    assert 'f(q: "IncQuantizer", *, t: "Optional[Trainer]" = None) -> "dict[str, Trainer]"' in new
    assert 'typing.cast("Trainer", t), "INCTrainer"' in new


def trainer(arguments: str, before: str = "") -> str:
    text = f"from optimum.intel import INCTrainer\n{before}trainer = INCTrainer({arguments})\n"
    return rewritten(text).partition("trainer = ")[2].strip()


CONF = "conf = make()\n"
TRAINERS = {
    "known": ("model, pruning_config=conf", CONF, "Trainer(model, callbacks=[PruningCallback(conf)])"),
    "order": (
        "quantization_config=make(), pruning_config=conf, task='x'",
        CONF,
        "Trainer(callbacks=[PruningCallback(conf), QuantizationAwareTrainingCallback(make())])",
    ),
    "none": ("model, pruning_config=None, tokenizer=t", "", "Trainer(model, processing_class=t)"),
    "perhaps": (
        "distillation_config=args.conf",
        "",
        "Trainer(callbacks=[DistillationCallback(args.conf)] if args.conf is not None else [])",
    ),
    "with others": (
        "pruning_config=conf, callbacks=[mine]", CONF, "Trainer(callbacks=[PruningCallback(conf), mine])",
    ),
    "with others by name": (
        "pruning_config=conf, callbacks=mine", CONF, "Trainer(callbacks=[PruningCallback(conf), *(mine or [])])",
    ),
    "nothing to do": ("model, args", "", "Trainer(model, args)"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, before, new", TRAINERS.values(), ids=TRAINERS)
def test_configs_of_the_trainer_become_callbacks(arguments, before, new):
    assert trainer(arguments, before) == new


def test_several_that_may_be_none():
    new = trainer("\n    pruning_config=a,\n    quantization_config=b,\n    callbacks=[mine],\n")
    assert "(PruningCallback, a),\n" in new and "if config is not None" in new and "mine]" in new


def test_subclasses_and_what_the_trainer_saves():
    old = """\
        from optimum.intel.neural_compressor.trainer import INCTrainer

        class Mine(INCTrainer):
            pass

        conf = make()
        trainer = Mine(model, quantization_config=conf)
        trainer.save_model("out", save_onnx_model=True)
        """
    new = rewritten(old)
    assert "class Mine(Trainer)" in new
    assert "Mine(model, callbacks=[QuantizationAwareTrainingCallback(conf)])" in new
    assert "inc-hf export" in marks(old)[0]


def test_what_only_inctrainer_had_is_marked():
    old = """\
        from optimum.intel import INCTrainer

        class Mine(INCTrainer):
            def __init__(self, conf):
                super().__init__(pruning_config=conf)

            def log(self):
                return self.pruning_config, self.args

        Mine(conf).get_model_sparsity()
        trainer = Mine(conf)
        trainer.get_model_sparsity()
        """
    said = ["takes no configs", "`self.pruning_config` is gone", "`trainer.get_model_sparsity` is gone"]
    found = marks(old)
    assert len(found) == 3 and all(map(str.__contains__, found, said)), found


def test_unpacked_arguments_are_marked():
    assert "a callback" in marks("from optimum.intel import INCTrainer\nINCTrainer(model, **more)\n")[0]


def test_a_name_with_a_fallback_stays():
    text = "try:\n    from optimum.intel import INCTrainer\nexcept ImportError:\n    INCTrainer = None\nINCTrainer\n"
    assert rewritten(text) == text.replace(
        "optimum.intel import INCTrainer", "transformers import Trainer as INCTrainer"
    )
