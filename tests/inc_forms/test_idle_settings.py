"""Settings that nothing reads are said once; what is searched in another way than asked for is, too."""

import pytest
from fitting import config, images, net
from tiny import tiny_model

from inc_hf.callbacks import QuantizationAwareTrainingCallback
from inc_hf.config import (
    BenchmarkConfig,
    DistillationConfig,
    KnowledgeDistillationLossConfig,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from inc_hf.mix_precision import fit as mix
from inc_hf.quantization import fit
from inc_hf.training import prepare_compression

IDLE = {
    PostTrainingQuantConfig: {"inputs": "a", "outputs": "b", "domain": "nlp", "excluded_precisions": ["bf16"]},
    QuantizationAwareTrainingConfig: {"inputs": "a", "quant_format": "QDQ", "excluded_precisions": ["bf16"]},
    MixedPrecisionConfig: {"inputs": "a", "outputs": "b"},
    BenchmarkConfig: {"inputs": "a", "outputs": "b"},
    WeightPruningConfig: {"backend": "itex"},
    DistillationConfig: {"optimizer": "Adam"},
}


@pytest.mark.parametrize("make", IDLE, ids=lambda make: make.__name__)
def test_of_each_config(make, caplog):
    conf = make(**IDLE[make])
    assert not caplog.messages, "not before it is used"
    for _ in range(2):
        conf.use()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(", ".join(f"`{name}`" for name in IDLE[make]) + f" of the {make.__name__} ")
    caplog.clear()
    make().use()
    assert not caplog.messages


def test_of_two_precisions_one_is_used(caplog):
    MixedPrecisionConfig(precisions=["bf16", "fp16"]).use()
    assert caplog.messages == ["'fp16' in `precisions` of the MixedPrecisionConfig changes nothing here."]


def test_by_the_verbs(caplog):
    fit(net(), config(inputs="x", domain="cv"))
    mix(net(), config=MixedPrecisionConfig(outputs="y"))
    conf = QuantizationAwareTrainingConfig(inputs="x")
    manager = prepare_compression(tiny_model("bert"), conf)
    manager.on_train_begin()
    QuantizationAwareTrainingCallback(conf)
    assert [message for message in caplog.messages if "nothing here" in message] == [
        "`inputs`, `domain` of the PostTrainingQuantConfig change nothing here.",
        "`outputs` of the MixedPrecisionConfig changes nothing here.",
        "`inputs` of the QuantizationAwareTrainingConfig changes nothing here.",
    ]


def test_arguments_of_recipes(caplog):
    recipes = {
        "smooth_quant": True,
        "smooth_quant_args": {"alpha": 0.5, "folding": True, "alhpa": 1},
        "gptq_args": {"a": 1},
    }
    PostTrainingQuantConfig(recipes=recipes).use()
    assert caplog.messages == [
        "the recipe `gptq_args`, `folding` of `smooth_quant_args`, `alhpa` of `smooth_quant_args` (did you mean "
        "'alpha'?) of the PostTrainingQuantConfig change nothing here."
    ]


START = {
    "beside": {"default_alpha": 0.7, "smooth_quant_args": {"alpha": "auto"}},
    "alone": {"default_alpha": 0.7},
    "inside": {"smooth_quant_args": {"alpha": "auto", "default_alpha": 0.7}},
    "of the grid": {"smooth_quant_args": {"auto_alpha_args": {"init_alpha": 0.7, "alpha_max": 0.8}}},
}


@pytest.mark.parametrize("recipes", START.values(), ids=START)
def test_where_a_search_of_alphas_begins_is_said_once_wherever_it_stands(recipes, caplog):
    conf = PostTrainingQuantConfig(recipes={"smooth_quant": True, **recipes})
    again = PostTrainingQuantConfig.from_dict(conf.to_dict())
    assert again == conf
    conf.use()
    name, of = ("init", "auto_alpha") if "auto_alpha" in str(recipes) else ("default", "smooth_quant")
    assert caplog.messages == [f"`{name}_alpha` of `{of}_args` of the PostTrainingQuantConfig changes nothing here."]


def test_what_was_changed_wrongly_is_seen_before_the_model_is_touched():
    conf = config()
    conf.op_type_dict["Linear"] = {"weigth": {}}
    model = net()
    with pytest.raises(ValueError, match="did you mean 'weight'"):
        fit(model, conf, calib_dataloader=[images()])
    assert type(model.conv).__name__ == "Conv2d"
    pruning = WeightPruningConfig()
    pruning.pruning_configs[0]["pattern"] = "4*1"
    with pytest.raises(ValueError, match="`pruning_configs\\[0\\]\\['pattern'\\]` must be NxM"):
        prepare_compression(model, pruning)


def test_what_is_not_as_in_inc_is_said_when_it_matters(caplog):
    for make in (PostTrainingQuantConfig, QuantizationAwareTrainingConfig):
        make(reduce_range=True).use()
        make(reduce_range=False).use()
    assert caplog.text.count("`reduce_range=True` makes weights 7 bits wide") == 2
    caplog.clear()
    PostTrainingQuantConfig(approach="weight_only").use()
    PostTrainingQuantConfig(approach="weight_only", op_type_dict={".*": {"weight": {"bits": 4}}}).use()
    assert caplog.text.count("`weight_only` without a word on bits makes INT8 weights") == 1
    caplog.clear()
    for kind in ("KL", "CE"):
        criterion = KnowledgeDistillationLossConfig(loss_types=["CE", kind])
        prepare_compression(net(), DistillationConfig(net(), criterion))
    assert caplog.text.count("INC's is divided by the number of classes") == 1
