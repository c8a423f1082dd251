"""Distillation without an evaluation."""

import torch
from neural_compressor.experimental import Distillation, common
from tiny_task import bert, loader


def main():
    student_model, teacher_model = bert(0), bert(1)

    def train_func(model):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        distiller.on_train_begin()
        for nepoch in range(2):
            model.train()
            distiller.on_epoch_begin(nepoch)
            for i, batch in enumerate(loader()):
                distiller.on_step_begin(i)
                output = model(**batch)
                loss = distiller.on_after_compute_loss(batch, output, output.loss)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                distiller.on_step_end()
            distiller.on_epoch_end()
        distiller.on_train_end()
        return model

    distiller = Distillation("distil.yaml")
    distiller.teacher_model = common.Model(teacher_model)
    distiller.student_model = common.Model(student_model)
    distiller.train_func = train_func
    model = distiller.fit()
    model.save("student")


main()
