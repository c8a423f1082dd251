"""Accuracy-driven tuning with criteria, and layers that stay in FP32."""

from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion
from neural_compressor.quantization import fit
from tiny_task import accuracy, bert, loader

accuracy_criterion = AccuracyCriterion(higher_is_better=True, criterion="absolute", tolerable_loss=0.9)
tuning_criterion = TuningCriterion(max_trials=3, timeout=0)
conf = PostTrainingQuantConfig(
    approach="auto",
    op_type_dict={"Embedding": {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}},
    op_name_dict={"classifier": {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}},
    accuracy_criterion=accuracy_criterion,
    tuning_criterion=tuning_criterion,
)
q_model = fit(model=bert(), conf=conf, calib_dataloader=loader(), eval_func=accuracy)
assert q_model is not None
