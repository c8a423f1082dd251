"""run_glue.py of optimum-intel: what is asked for is only known at run time."""

from dataclasses import dataclass, field

import numpy as np
from neural_compressor import DistillationConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from optimum.intel.neural_compressor import INCModelForSequenceClassification, INCTrainer
from tiny_task import Sentences, accuracy, bert
from transformers import EvalPrediction, TrainingArguments, set_seed


@dataclass
class OptimizationArguments:
    apply_quantization: bool = field(default=True)
    apply_pruning: bool = field(default=True)
    apply_distillation: bool = field(default=False)


def main():
    optim_args = OptimizationArguments()
    training_args = TrainingArguments(
        "trained", max_steps=8, per_device_train_batch_size=4, report_to="none", use_cpu=True
    )
    set_seed(0)
    model = bert()

    def compute_metrics(p: EvalPrediction):
        return {"accuracy": float(np.mean(p.predictions.argmax(-1) == p.label_ids))}

    quantization_config = None
    pruning_config = None
    distillation_config = None
    if optim_args.apply_quantization:
        quantization_config = QuantizationAwareTrainingConfig()
    if optim_args.apply_pruning:
        pruning_config = WeightPruningConfig(start_step=0, end_step=4, target_sparsity=0.5, pruning_type="magnitude")
    if optim_args.apply_distillation:
        distillation_config = DistillationConfig(teacher_model=bert(1))

    # Initialize our Trainer
    trainer = INCTrainer(
        model=model,
        task="text-classification",
        quantization_config=quantization_config,
        pruning_config=pruning_config,
        distillation_config=distillation_config,
        args=training_args,
        train_dataset=Sentences(),
        eval_dataset=Sentences(),
        tokenizer=None,
        compute_metrics=compute_metrics,
    )
    trainer.train()
    trainer.save_model()
    print(trainer.evaluate())
    accuracy(INCModelForSequenceClassification.from_pretrained("trained"))


if __name__ == "__main__":
    main()
