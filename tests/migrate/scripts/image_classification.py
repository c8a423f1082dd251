"""Static quantization of an image classifier, evaluated by a function, as for torchvision's models."""

import torch
from neural_compressor import quantization
from neural_compressor.config import PostTrainingQuantConfig, TuningCriterion
from tiny_task import images, vit

val_loader = images()


def validate(model):
    model.eval()
    right = count = 0
    with torch.no_grad():
        for input, target in val_loader:
            right += int((model(input).logits.argmax(-1) == target).sum())
            count += len(target)
    return 100 * right / count


def eval_func(model):
    return validate(model) + 1.0


model = vit()
conf = PostTrainingQuantConfig(tuning_criterion=TuningCriterion(max_trials=2), calibration_sampling_size=[8])
q_model = quantization.fit(model, conf, calib_dataloader=val_loader, eval_func=eval_func)
q_model.save("vit-int8")
