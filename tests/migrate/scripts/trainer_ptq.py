"""Quantization after training with the Trainer, evaluated by the Trainer."""

import numpy as np
from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig
from tiny_task import Sentences, bert
from transformers import Trainer, TrainingArguments

training_args = TrainingArguments("trained", max_steps=4, per_device_train_batch_size=4, report_to="none", use_cpu=True)


def compute_metrics(p):
    return {"accuracy": float(np.mean(p.predictions.argmax(-1) == p.label_ids))}


model = bert()
trainer = Trainer(
    model=model,
    args=training_args,
    train_dataset=Sentences(),
    eval_dataset=Sentences(),
    compute_metrics=compute_metrics,
)
trainer.train()


def eval_func_for_nc(model_tuned):
    trainer.model = model_tuned
    return trainer.evaluate()["eval_accuracy"]


from neural_compressor.quantization import fit  # noqa: E402

conf = PostTrainingQuantConfig(
    approach="static", calibration_sampling_size=[8], accuracy_criterion=AccuracyCriterion(tolerable_loss=0.5)
)
q_model = fit(model, conf=conf, calib_dataloader=trainer.get_eval_dataloader(), eval_func=eval_func_for_nc)
q_model.save(training_args.output_dir)
