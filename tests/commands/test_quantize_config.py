"""The config that arguments of `inc-hf quantize` describe."""

import pytest

from inc_hf import PostTrainingQuantConfig
from inc_hf.commands.main import build_parser
from inc_hf.commands.quantize_config import config_of
from inc_hf.errors import UsageError


class TestConfigOf:
    def config(self, *arguments: str) -> PostTrainingQuantConfig:
        return config_of(build_parser().parse_args(["quantize", "model", "-o", "out", *arguments]))

    def test_default(self):
        assert self.config() == PostTrainingQuantConfig(approach="dynamic")

    def test_a_tolerance_gives_no_direction(self):
        assert not self.config("--tolerance", "0.5").accuracy_criterion.direction_is_given

    def test_options(self):
        config = self.config(
            *("--approach", "static", "--samples", "7", "--tolerance", "0.02", "--max-trials", "3"),
            *("--weight-bits", "7", "--observer", "kl", "--keep-fp32", "head", "embed.*"),
        )
        fp32 = {"weight": {"dtype": "fp32"}}
        assert config == PostTrainingQuantConfig(
            approach="static",
            calibration_sampling_size=7,
            op_type_dict={"Linear|Conv1D|Conv1d|Conv2d": {"activation": {"algorithm": "kl"}, "weight": {"bits": 7}}},
            op_name_dict={"head": fp32, "embed.*": fp32},
            accuracy_criterion={"tolerable_loss": 0.02},
            tuning_criterion={"max_trials": 3},
        )

    @pytest.mark.parametrize("given, alpha", [([], "auto"), (["auto"], "auto"), (["0.8"], 0.8)], ids=str)
    def test_smoothing(self, given, alpha):
        recipes = {"smooth_quant": True, "smooth_quant_args": {"alpha": alpha}}
        assert self.config("--smooth-quant", *given).recipes == recipes

    @pytest.mark.parametrize(
        "option, recipes",
        {
            "--first-fp32": {"first_conv_or_matmul_quantization": False},
            "--last-fp32": {"last_conv_or_matmul_quantization": False},
            "--layer-wise": {"layer_wise_quant": True},
        }.items(),
    )
    def test_recipes(self, option, recipes):
        assert self.config(option).recipes == recipes

    def test_a_word_is_no_alpha(self):
        with pytest.raises(UsageError, match="--smooth-quant: it takes a number in .0, 1., or auto, got 'model'"):
            build_parser().parse_args(["quantize", "-o", "out", "--smooth-quant", "model"])

    def test_for_onnx(self):
        config = self.config("--approach", "static", "--quant-format", "QDQ")
        assert config == PostTrainingQuantConfig(approach="static", quant_format="QDQ")

    @pytest.fixture
    def from_file(self) -> PostTrainingQuantConfig:
        config = PostTrainingQuantConfig(
            approach="weight_only",
            calibration_sampling_size=[5, 6],
            op_name_dict={"a": {"weight": {"bits": 5}}},
            recipes={"last_conv_or_matmul_quantization": False},
            accuracy_criterion={"tolerable_loss": 0.3, "criterion": "absolute"},
            tuning_criterion={"max_trials": 9, "timeout": 60},
        )
        config.save("config.json")
        return config

    def test_file(self, from_file):
        assert self.config("--config", "config.json") == from_file

    def test_options_win_over_the_file(self, from_file):
        config = self.config(
            *("--config", "config.json", "--approach", "dynamic", "--tolerance", "0.1", "--samples", "8"),
            *("--keep-fp32", "b", "--weight-bits", "6", "--max-trials", "2"),
        )
        assert config.approach == "dynamic"
        assert config.calibration_sampling_size == [8]
        assert config.op_name_dict == {**from_file.op_name_dict, "b": {"weight": {"dtype": ["fp32"]}}}
        assert config.op_type_dict == {"Linear|Conv1D|Conv1d|Conv2d": {"weight": {"bits": [6]}}}
        assert config.recipes == from_file.recipes
        assert (config.accuracy_criterion.tolerable_loss, str(config.accuracy_criterion)) == (0.1, "absolute")
        assert (config.tuning_criterion.max_trials, config.tuning_criterion.timeout) == (2, 60)
