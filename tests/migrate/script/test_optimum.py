import pytest
from migrating import marks, rewritten

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


def test_arguments_of_quantize():
    old = """\
        from optimum.intel import INCQuantizer, INCModelForSequenceClassification
        q = INCQuantizer.from_pretrained(model)
        q.quantize(conf, "out", remove_unused_columns=False, batch_size=4, weight_only=True)
        INCModelForSequenceClassification.from_pretrained("out", export=True)
        """
    new = rewritten(old)
    assert 'q.quantize(conf, "out", batch_size=4)' in new
    assert 'IncModelForSequenceClassification.from_pretrained("out")' in new
    assert marks(old)[0].startswith("`weight_only` is gone")


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


def test_unpacked_arguments_are_marked():
    assert "a callback" in marks("from optimum.intel import INCTrainer\nINCTrainer(model, **more)\n")[0]


def test_a_name_with_a_fallback_stays():
    text = "try:\n    from optimum.intel import INCTrainer\nexcept ImportError:\n    INCTrainer = None\nINCTrainer\n"
    assert rewritten(text) == text.replace(
        "optimum.intel import INCTrainer", "transformers import Trainer as INCTrainer"
    )
