"""Which score is better, by the name of the metric."""

import copy
import pickle

import pytest
import torch
from fitting import config
from tiny import TinyNet, tiny_model

from inc_hf import (
    AccuracyCriterion,
    IncQuantizer,
    PostTrainingQuantConfig,
    mix_precision,
)
from inc_hf.config import MixedPrecisionConfig, WeightPruningConfig
from inc_hf.errors import UsageError
from inc_hf.evaluation.direction import higher_is_better
from inc_hf.evaluation.scoring import scoring
from inc_hf.quantization import fit
from inc_hf.training import fit as train
from inc_hf.training import prepare_compression

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")

LOWER = "mse RMSE mae loss eval_loss perplexity wer cer test_wer error_rate mean_squared_error Hinge-Loss nll".split()
LOWER += "bits_per_byte eval_ce ECE false_positive_rate levenshtein lpips accuracy_drop wape eval_runtime err".split()
HIGHER = "accuracy eval_accuracy f1 topk top_5_accuracy bleu rougeL pearson matthews_correlation exact_match".split()
HIGHER += "mAP eval_map ap50 mIoU ndcg mrr dice squad explained_variance d2_absolute_error_score neg_log_loss".split()
HIGHER += "samples_per_second mean_reciprocal_rank specificity cosine_similarity".split()


class MeanSquaredError:
    """An object in INC's form."""

    def reset(self):
        self.sum = self.count = 0

    def update(self, preds, labels):
        self.sum += float((preds - labels).square().sum())
        self.count += labels.numel()

    def result(self):
        return self.sum / self.count


class Said:
    higher_is_better = False


def named(value):
    """The same in every process, which the address of an object is not."""
    return value if isinstance(value, str) else str(value) if isinstance(value, dict) else type(value).__name__


@pytest.mark.parametrize(
    "name", [*LOWER, "negative_log_likelihood", {"mse": {}}, MeanSquaredError(), Said()], ids=named
)
def test_lower(name):
    assert higher_is_better(name) is False


@pytest.mark.parametrize("name", [*HIGHER, "neg_mean_squared_error", "log_likelihood", {"topk": 5}], ids=str)
def test_higher(name):
    assert higher_is_better(name) is True


@pytest.mark.parametrize("name", [None, "score", "lossless", object(), {}], ids=named)
def test_unknown(name):
    assert higher_is_better(name) is None


class TestCriterion:
    @pytest.mark.parametrize("values", [{}, {"tolerable_loss": 0.1}, {"criterion": "absolute"}], ids=str)
    def test_of_a_metric(self, values):
        given = AccuracyCriterion(**values)
        for name, higher in (("mse", False), ("accuracy", True), ("score", True)):
            found = scoring(lambda model: 1.0, metric_name=name, criterion=given).criterion
            assert found == AccuracyCriterion(**{**values, "higher_is_better": higher})
        assert given == AccuracyCriterion(**values)

    @pytest.mark.parametrize(
        "copied",
        [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c)), lambda c: AccuracyCriterion.from_dict(c.to_dict())],
        ids=["copy", "pickle", "dict"],
    )
    def test_what_was_given_survives(self, copied):
        assert copied(AccuracyCriterion(higher_is_better=True)).direction_is_given
        assert not copied(AccuracyCriterion(tolerable_loss=0.1)).direction_is_given

    def test_what_was_set_later_was_given(self):
        criterion = AccuracyCriterion()
        criterion.higher_is_better = False
        with pytest.raises(UsageError, match="'accuracy' a higher score is better"):
            scoring(lambda model: 1.0, metric_name="accuracy", criterion=criterion)

    def test_a_config_that_was_saved_takes_the_direction_of_the_metric(self, tmp_path):
        config().save(tmp_path / "config.json")
        again = PostTrainingQuantConfig.load(tmp_path / "config.json")
        assert scoring(lambda model: 1.0, metric_name="mse", criterion=again.accuracy_criterion).criterion

    @pytest.mark.parametrize(("name", "given"), [("mse", True), ("accuracy", False), ("wer", True)])
    def test_a_contradiction(self, name, given):
        with pytest.raises(UsageError, match=f"{name!r} a .* is better.*_better={given}`.*to {not given}"):
            scoring(lambda model: 1.0, metric_name=name, criterion=AccuracyCriterion(higher_is_better=given))

    def test_a_name_that_a_dict_brings(self):
        evaluate = scoring(lambda model: {"wer": 0.5})
        assert evaluate(TinyNet()) == 0.5 and evaluate.criterion.higher_is_better is False
        with pytest.raises(UsageError, match="'wer'"):
            scoring(lambda model: {"wer": 0.5}, criterion=AccuracyCriterion(True))(TinyNet())


x = torch.randn(32, 4, generator=torch.Generator().manual_seed(1))
GOAL = AccuracyCriterion(tolerable_loss=0.01)
BAD = {"weight": {"bits": 2}}


def regression() -> tuple[TinyNet, list]:
    torch.manual_seed(1)
    model = TinyNet()
    return model, [(x, model(x).detach() + 1e-3)]


class TestVerbs:
    """A far larger error does not meet the goal, although it is a higher score."""

    @pytest.mark.parametrize(
        "metric", ["mse", "rmse", "mae", MeanSquaredError()], ids=["mse", "rmse", "mae", "object"]
    )
    def test_quantization(self, metric):
        model, data = regression()
        result = fit(model, config(goal=GOAL, op_type_dict={"Linear": BAD}), eval_dataloader=data, eval_metric=metric)
        assert result.score > 2 * result.baseline and not result.met_criterion
        assert result.target == pytest.approx(1.01 * result.baseline)

    @pytest.mark.parametrize("key", ["loss", "eval_wer"])
    def test_quantization_by_a_dict(self, key):
        model, [(inputs, labels)] = regression()
        result = fit(
            model,
            config(goal=GOAL, op_type_dict={"Linear": BAD}),
            eval_func=lambda model: {key: float((model(inputs) - labels).square().mean()), "samples": 32},
            metric_name=key,
        )
        assert not result.met_criterion and result.target > result.baseline

    def test_mixed_precision(self):
        model, data = regression()
        conf = MixedPrecisionConfig(accuracy_criterion=GOAL)
        result = mix_precision.fit(model, conf, eval_dataloader=data, eval_metric="mse")
        assert result.met_criterion == (result.score <= 1.01 * result.baseline)

    @pytest.mark.parametrize("trained", [0.0, 5.0], ids=["as it was", "worse"])
    def test_training(self, trained):
        model, data = regression()
        manager = prepare_compression(model, WeightPruningConfig(op_names=["linear"], pattern="1x1", end_step=5))
        add = lambda model: model.model.linear.bias.data.add_(trained)  # noqa: E731
        result = train(manager, add, eval_dataloader=data, eval_metric="mse")
        assert result.met_criterion == (trained == 0.0)

    @pytest.mark.parametrize("verb", ["quantization", "mixed precision"])
    def test_a_contradiction_comes_before_the_first_evaluation(self, verb, workspace):
        model, goal = TinyNet(), AccuracyCriterion(higher_is_better=True)
        model.register_forward_pre_hook(lambda *args: pytest.fail("was evaluated"))
        with pytest.raises(UsageError, match="'mse' a lower score is better"):
            if verb == "quantization":
                fit(model, config(goal=goal), eval_dataloader=[(x, x)], eval_metric="mse")
            else:
                conf = MixedPrecisionConfig(accuracy_criterion=goal)
                mix_precision.fit(model, conf, eval_dataloader=[(x, x)], eval_metric="mse")
        assert not workspace.exists()

    def test_a_contradiction_of_a_task(self):
        model = tiny_model("bert")
        model.register_forward_pre_hook(lambda *args: pytest.fail("was evaluated"))
        quantizer = IncQuantizer.from_pretrained(model, task="text-classification")
        with pytest.raises(UsageError, match="'accuracy' a higher score is better"):
            quantizer.quantize(config(goal=AccuracyCriterion(higher_is_better=False)), eval_dataset=[{"label": 1}])


class TestDataThatCanBeReadOnce:
    def test_it_is_refused(self):
        with pytest.raises(UsageError, match="`eval_dataloader` is a generator, which can be read once"):
            fit(TinyNet(), config(), eval_dataloader=(pair for pair in [(x, x)]), eval_metric="mse")

    def test_nothing_to_read(self):
        with pytest.raises(UsageError, match="is empty"):
            fit(TinyNet(), config(), eval_dataloader=iter([]), eval_metric="mse")
