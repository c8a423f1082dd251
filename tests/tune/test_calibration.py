"""The data that static ranges come from."""

import json
import logging

import pytest
import torch
from fitting import ERROR_GOAL, ErrorAgainstFloat, config, images, net
from tiny import tiny_inputs, tiny_model
from torch.utils.data import DataLoader, TensorDataset

from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


class TestCalibrationData:
    def test_batch_size_of_the_loader_is_not_touched(self):
        loader = DataLoader(TensorDataset(images(7), torch.zeros(7)), batch_size=3)
        result = fit(net(), config("static", calibration_sampling_size=5), calib_dataloader=loader)
        assert loader.batch_size == 3
        assert result.q_config["calibration_samples"] == 5

    def test_only_so_many_samples_are_used(self):
        """The first 5 of 7, so that two of a much wider range do not count."""
        wide = images(7)
        wide[5:] *= 100
        few = fit(net(), config("static", calibration_sampling_size=5), calib_dataloader=[wide[:4], wide[4:]])
        expected = fit(net(), config("static"), calib_dataloader=[images(7)[:5]])
        for name, module in quantized_modules(few.model).items():
            # a convolution of another batch size may sum in another order
            torch.testing.assert_close(module.input_scale, quantized_modules(expected.model)[name].input_scale)

    @pytest.mark.parametrize("has_evaluation", [False, True], ids=["converted", "tuned"])
    def test_more_asked_than_there_are(self, has_evaluation, tmp_path, caplog):
        model = tiny_model("bert")
        evaluate = ErrorAgainstFloat(model) if has_evaluation else None
        with caplog.at_level(logging.WARNING, "inc_hf"):
            result = fit(
                model,
                config("static", ERROR_GOAL, calibration_sampling_size=100),
                calib_dataloader=[tiny_inputs(model, 4), tiny_inputs(model, 3)],
                eval_func=evaluate,
            )
        assert "100 calibration samples were asked for, 7 are there" in caplog.text
        assert result.q_config["calibration_samples"] == 7
        result.save_pretrained(tmp_path / "saved")
        stored = json.loads((tmp_path / "saved" / "inc_config.json").read_text())
        assert stored["quantization"]["dataset_num_samples"] == 7
        assert "calibrated on 7 samples" in (tmp_path / "saved" / "README.md").read_text()

    def test_enough_is_no_warning(self, caplog):
        with caplog.at_level(logging.WARNING, "inc_hf"):
            fit(net(), config("static", calibration_sampling_size=[2, 6]), calib_dataloader=[images()])
        assert "WARNING" not in caplog.text
