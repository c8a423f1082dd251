"""What `compare_checkouts.py` compares: each case leaves a folder of what it saved and of logits.

python cases.py CHECKOUT [--only NAME]     in the folder for the cases, with CHECKOUT and that of `tiny` on PYTHONPATH

Of inc_hf it imports public names only, which stay where they are while the files behind them move.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tiny import MODELS, VOCABULARY, logits_of, tiny_inputs, tiny_model
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

import inc_hf
from inc_hf import AccuracyCriterion, IncQuantizer, PostTrainingQuantConfig, TuningCriterion, mix_precision, optimize
from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.compression.pruner import model_slim, parse_auto_slim_config, prepare_pruning
from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    MixedPrecisionConfig,
    WeightPruningConfig,
    set_workspace,
)
from inc_hf.quantization import fit

# model type -> class, where it is not one for sequence classification
LOADERS = {
    **dict.fromkeys(("llama", "phi", "gpt2", "opt"), inc_hf.IncModelForCausalLM),
    **dict.fromkeys(("t5", "bart"), inc_hf.IncModelForSeq2SeqLM),
    "whisper": inc_hf.IncModelForSpeechSeq2Seq,
    "vit": inc_hf.IncModelForImageClassification,
}
STEPS = 12
# So that all of the candidates are tried.
NEVER_MET = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0)
PLAINLY_LOADED = ("dynamic", "static")  # also by the class of transformers


def quantized(name: str, approach: str, folder: Path, **settings: Any) -> PreTrainedModel:
    model = tiny_model(name)
    data = [tiny_inputs(model)] if approach == "static" else None
    config = PostTrainingQuantConfig(approach=approach, **settings)
    return IncQuantizer.from_pretrained(model).quantize(config, folder / "model", calibration_dataset=data).model


def halved(name: str, folder: Path) -> PreTrainedModel:
    result = mix_precision.fit(tiny_model(name))
    result.save_pretrained(folder / "model")
    return result.model


def error_against(model: PreTrainedModel) -> Callable[[PreTrainedModel], float]:
    expected = logits_of(model)
    return lambda candidate: float((logits_of(candidate) - expected).square().mean())


def tuned(approach: str, folder: Path) -> PreTrainedModel:
    """With `history.json` in `workspace`."""
    set_workspace(folder / "workspace")
    model, criterion = tiny_model("bert"), TuningCriterion(max_trials=10)
    if approach == "bf16":
        config = MixedPrecisionConfig(accuracy_criterion=NEVER_MET, tuning_criterion=criterion)
        result = mix_precision.fit(model, config, error_against(model))
    else:
        config = PostTrainingQuantConfig(approach=approach, accuracy_criterion=NEVER_MET, tuning_criterion=criterion)
        result = fit(model, config, calib_dataloader=[tiny_inputs(model)], eval_func=error_against(model))
    result.save_pretrained(folder / "model")
    return result.model


def sentences() -> list[dict[str, torch.Tensor]]:
    ids = torch.randint(5, VOCABULARY, (16, 8), generator=torch.Generator().manual_seed(3))
    return [{"input_ids": row, "attention_mask": torch.ones_like(row), "labels": i % 2} for i, row in enumerate(ids)]


def pruning(**settings: Any) -> WeightPruningConfig:
    schedule = {"start_step": 2, "end_step": 8, "pruning_frequency": 2}
    return WeightPruningConfig(target_sparsity=0.8, pattern="4x1", **schedule, **settings)


def distillation() -> DistillationConfig:
    """From logits and from a layer that needs a projection."""
    teacher = tiny_model("bert", hidden_size=24, num_hidden_layers=2)
    layers = IntermediateLayersKnowledgeDistillationLossConfig([["bert.encoder.layer.0", "bert.encoder.layer.1"]])
    return DistillationConfig(teacher, [KnowledgeDistillationLossConfig(2.0, ["CE", "KL"], [0.5, 0.5]), layers])


# Of the model that is trained.
CALLBACKS: dict[str, Callable[[PreTrainedModel], TrainerCallback]] = {
    "prune": lambda model: PruningCallback(pruning()),
    "slim": lambda model: PruningCallback(pruning(pruning_configs=slimming(model))),
    "distil": lambda model: DistillationCallback(distillation()),
    "qat": lambda model: QuantizationAwareTrainingCallback(approach="static"),
}


def slimming(model: PreTrainedModel) -> list[dict]:
    return parse_auto_slim_config(model, ffn2_sparsity=0.5, mha_sparsity=0.5)


def trained(kinds: str, folder: Path) -> PreTrainedModel:
    """With checkpoints of the Trainer, one of them in the middle of the run, and what it logged."""
    model = tiny_model("bert")
    settings = {"max_steps": STEPS, "save_steps": STEPS // 2, "logging_steps": 1, "learning_rate": 1e-2}
    args = TrainingArguments(str(folder / "run"), use_cpu=True, report_to=[], disable_tqdm=True, **settings)
    callbacks = [CALLBACKS[kind](model) for kind in kinds.split("+")]
    trainer = Trainer(model, args, train_dataset=sentences(), callbacks=callbacks)
    trainer.train()
    trainer.state.save_to_json(str(folder / "trainer_state.json"))
    if "qat" in kinds:
        trainer.save_model(str(folder / "model"))
        return model.eval()
    trainer.save_model(str(folder / "trained"))
    return quantized_and_saved(model_slim(model, round_multiplier=8) if kinds == "slim" else model, folder)


def pruned_at_once(kind: str, folder: Path) -> PreTrainedModel:
    """Without training."""
    model = tiny_model("bert")
    config = WeightPruningConfig(pruning_type=kind, pattern="1x1", target_sparsity=0.5)
    prepare_pruning(model, config, dataloader=[tiny_inputs(model)])
    return quantized_and_saved(model, folder)


def quantized_and_saved(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    fit(model, PostTrainingQuantConfig(approach="dynamic")).save_pretrained(folder / "model")
    return model


CASES: dict[str, Callable[[Path], PreTrainedModel]] = {
    **{f"{name} {how}": partial(quantized, name, how) for name in MODELS for how in PLAINLY_LOADED},
    "bert smoothed static": partial(quantized, "bert", "static", recipes={"smooth_quant": True}),
    "bert 4-bit dynamic": partial(quantized, "bert", "dynamic", op_type_dict={"Linear": {"weight": {"bits": 4}}}),
    **{f"{name} bf16": partial(halved, name) for name in MODELS},
    **{f"tuned {how}": partial(tuned, how) for how in ("auto", "bf16")},
    **{f"trained {kinds}": partial(trained, kinds) for kinds in (*CALLBACKS, "prune+distil+qat")},
    **{f"pruned by {kind}": partial(pruned_at_once, kind) for kind in ("sparse_gpt", "wanda", "dsnot")},
}


def load_and_optimize(model: PreTrainedModel, folder: Path, plainly: bool) -> None:
    """Logits of the model as it was made, and of those it is loaded as, before and after `optimize`; what these save.

    The modules are written down, too: whether `optimize` has fused an activation can leave all the logits alone.
    """
    logits = {"made": logits_of(model)}
    loaders = {"loaded": LOADERS.get(model.config.model_type, inc_hf.IncModelForSequenceClassification)}
    if plainly:
        loaders["plain"] = type(model)
    for name, loader in loaders.items():
        loaded = loader.from_pretrained(folder / "model")
        logits[name] = logits_of(loaded)
        logits[f"{name}, optimized"] = logits_of(optimize(loaded))
        (folder / f"{name}.txt").write_text(repr(loaded), encoding="utf-8")
        loaded.save_pretrained(folder / name)
    save_file({name: tensor.contiguous() for name, tensor in logits.items()}, folder / "logits.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--only", default="", help="cases whose name begins with this, default: all")
    args = parser.parse_args()
    package = Path(inc_hf.__file__).resolve().parent
    if package.parent != args.checkout.resolve():
        sys.exit(f"inc_hf should come from {args.checkout}, but is {package}.")
    torch.set_num_threads(1)
    for case in [case for case in CASES if case.startswith(args.only)]:
        folder = Path(case)
        torch.manual_seed(0)
        load_and_optimize(CASES[case](folder), folder, plainly=case.endswith(PLAINLY_LOADED))
    if str(package / "_kernels.so") not in torch.ops.loaded_libraries:
        sys.exit(f"{package} ran without its kernels; build them with scripts/build_kernels.sh.")


if __name__ == "__main__":
    main()
