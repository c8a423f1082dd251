"""`--tune` of run_glue_tune.py of INC 1.X."""

from tiny_task import accuracy, bert, loader

eval_dataloader = loader()


def take_eval_steps(model):
    return accuracy(model)


def tune(model):
    def eval_func_for_nc(model_tuned):
        return take_eval_steps(model_tuned)

    from neural_compressor.experimental import Quantization, common

    calib_dataloader = eval_dataloader
    quantizer = Quantization("./conf.yaml")
    quantizer.eval_func = eval_func_for_nc
    quantizer.calib_dataloader = calib_dataloader  # any batches will do
    quantizer.model = common.Model(model)
    model = quantizer.fit()
    model.save("int8")


tune(bert())
