"""`IncQuantizer`: quantize a Hugging Face model after training, to an accuracy goal, and save it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from torch import nn
from transformers import PreTrainedModel, set_seed

from inc_hf.checkpoint.describe import Format
from inc_hf.checkpoint.save import check_keeps_original, check_output_directory
from inc_hf.config import PostTrainingQuantConfig, options, set_random_seed
from inc_hf.config.arguments import check_conf, check_function, check_optional_string, check_path, check_place
from inc_hf.config.checks import check_int, check_string
from inc_hf.errors import UsageError, UsageTypeError, usage_error_for
from inc_hf.evaluation.content import Content
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.direction import in_direction_of
from inc_hf.evaluation.loop import Loop, Watch
from inc_hf.evaluation.metrics import GLUE_METRIC, check_glue_task
from inc_hf.evaluation.named_data import named_data
from inc_hf.evaluation.tasks import check_repeatable, evaluate_task
from inc_hf.matching.sentences import is_sentence_model
from inc_hf.models.batches import batches_of, labels_are_inputs, take_samples
from inc_hf.models.sentence_files import fetch_sentence_files
from inc_hf.models.source import source_of
from inc_hf.models.tasks import SCORED, auto_class_of, check_is_for, check_task
from inc_hf.models.tokenizer import load_tokenizer
from inc_hf.quantization import fit
from inc_hf.quantize.for_vllm import check_for_vllm, config_for_vllm
from inc_hf.results.quantized import QuantizedModel
from inc_hf.runtimes import load_model
from inc_hf.tune import DeployConfig
from inc_hf.undo import restored_on_error


class IncQuantizer:
    """Quantizes a model; the counterpart of optimum-intel's `INCQuantizer`.

    ```python
    quantizer = IncQuantizer.from_pretrained(model, eval_fn=eval_fn, tokenizer=tokenizer)
    quantizer.quantize(PostTrainingQuantConfig(approach="static"), calibration_dataset=texts, save_directory="out")
    ```

    Make it with [`IncQuantizer.from_pretrained`].
    """

    def __init__(
        self,
        model: PreTrainedModel,
        eval_fn: Callable[[PreTrainedModel], float | dict[str, float]] | None = None,
        calibration_fn: Callable[[PreTrainedModel], Any] | None = None,
        task: str | None = None,
        seed: int = 42,
        tokenizer: Any = None,
        metric_name: str | list[str] | None = None,
    ):
        task = check_task(task)
        check_function("eval_fn", eval_fn, "a function of the model that returns its score")
        check_function("calibration_fn", calibration_fn)
        check_int("seed", seed, low=0, high=2**32 - 1)
        if not isinstance(metric_name, list):
            check_optional_string("metric_name", metric_name)
        self.model = model
        self.eval_fn = eval_fn
        self.calibration_fn = calibration_fn
        self.task = task
        self.seed = seed
        self.tokenizer = tokenizer
        self.metric_name = metric_name
        self.quantized_model: QuantizedModel | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: PreTrainedModel | str | os.PathLike,
        eval_fn: Callable[[PreTrainedModel], float | dict[str, float]] | None = None,
        calibration_fn: Callable[[PreTrainedModel], Any] | None = None,
        task: str | None = None,
        seed: int = 42,
        tokenizer: Any = None,
        metric_name: str | list[str] | None = None,
        trust_remote_code: bool = False,
    ) -> "IncQuantizer":
        """A quantizer for `model`.

        Args:
            model: a float model, or a directory or Hub name, which is loaded together with its tokenizer, if it has
                one; its class comes from `task`, or from the checkpoint's `architectures`. A `SentenceTransformer` or
                `CrossEncoder` will do, and the directory of one, which is saved with its other modules and prompts.
            eval_fn: model -> score, or a list or dict of scores (an `evaluate` metric's result).
            calibration_fn: runs the prepared model on calibration data, instead of a calibration dataset.
            task (`str`, *optional*): e.g. "text-classification"; with a labelled dataset and without `eval_fn` the
                model is evaluated by it.
            seed (`int`): for shuffling and for all random generators.
            tokenizer: for texts, or the processor of images or sound; saved beside the model.
            metric_name (`str` or `list[str]`, *optional*): which entry of a dict of scores counts, or which entries;
                without `eval_fn`, a GLUE task whose metric is computed.
            trust_remote_code (`bool`): whether code that lies beside the model may be executed, which a model that
                transformers does not have needs.
        """
        if isinstance(model, str | os.PathLike):
            check_place("model", model)
            task = check_task(task)
            hub = source_of(model, trust_remote_code)
            fetch_sentence_files(model, **hub)
            check_is_for(task, model, may_have_its_shape=True, **hub)
            tokenizer = tokenizer or load_tokenizer(model, **hub)
            model = load_model(auto_class_of(model, task, **hub), model, **hub)
        return cls(model, eval_fn, calibration_fn, task, seed, tokenizer, metric_name)

    def quantize(
        self,
        quantization_config: PostTrainingQuantConfig | DeployConfig | None = None,
        save_directory: str | os.PathLike | None = None,
        calibration_dataset: Any = None,
        batch_size: int = 8,
        data_collator: Callable | None = None,
        eval_dataset: Any = None,
        overwrite: bool = False,
        format: Format | None = None,
        runtime: Literal["vllm"] | None = None,
    ) -> QuantizedModel:
        """Quantize the model, and save it if `save_directory` is given.

        Without any evaluation the model itself is converted, in place; otherwise the best copy comes back. If anything
        fails or is interrupted, saving included, the model is as it was.

        Args:
            quantization_config: defaults to dynamic quantization; a `DeployConfig` makes again what a search found.
            calibration_dataset: a dataset or a stream of one, a dataloader, a list or generator of texts or samples;
                `calibration_sampling_size` of its samples are read.
            batch_size (`int`): for calibration and evaluation.
            data_collator: list of samples -> batch; by default the tokenizer pads.
            eval_dataset: labelled data, in the same forms but for generators, since it is read for each evaluation;
                for models without `eval_fn`. Needs `task`.
            overwrite (`bool`): whether a `save_directory` that is not empty may be overwritten.
            format (`str`, *optional*): "compressed-tensors" or "inc"; None is the first that can express the model.
            runtime (`str`, *optional*): "vllm" leaves in float what vLLM cannot load: embeddings, pooler, head.

        Raises:
            ValueError, TypeError, FileExistsError: bad input; nothing has been changed or written then.
        """
        deploy = quantization_config if isinstance(quantization_config, DeployConfig) else None
        quantization_config = deploy.config() if deploy else quantization_config
        check_conf(quantization_config, PostTrainingQuantConfig, "quantization_config")
        check_function("data_collator", data_collator, "a function that makes a batch of samples")
        check_int("batch_size", batch_size, low=1)
        config = quantization_config or PostTrainingQuantConfig(approach="dynamic")
        if not isinstance(self.model, nn.Module):
            raise UsageTypeError(f"`model` must be a PreTrainedModel, got {type(self.model).__name__}; load it first.")
        if format not in (None, *get_args(Format)):
            raise UsageError(f"`format` must be one of {', '.join(get_args(Format))} or None, got {format!r}.")
        if deploy and (self.eval_fn or eval_dataset is not None or runtime is not None):
            raise UsageError("A `DeployConfig` says what is made: leave out `eval_fn`, `eval_dataset` and `runtime`.")
        if runtime is not None:
            config, format = self._config_for(runtime, config, format), "compressed-tensors"
        if save_directory is not None:
            check_keeps_original(self.model, save_directory)
            check_output_directory(save_directory, overwrite)
        with _random_seed(self.seed), restored_on_error(self.model):
            result = fit(
                self.model,
                deploy or config,
                calib_dataloader=self._calibration_batches(config, calibration_dataset, batch_size, data_collator),
                calib_func=self.calibration_fn,
                eval_func=self.eval_fn or self._own_evaluation(config, eval_dataset, batch_size, data_collator),
                metric_name=self.metric_name if self.eval_fn else None,
            )
            if runtime is not None:
                check_for_vllm(result.model)
            result.tokenizer = self.tokenizer
            if not self.eval_fn:
                result.dataset = None if eval_dataset is None else named_data(eval_dataset)
            if save_directory is not None:
                # The search may have written its history there, into what was empty.
                has_history = Path(options.workspace).resolve().is_relative_to(Path(save_directory).resolve())
                result.save_pretrained(save_directory, self.tokenizer, format, overwrite or has_history)
        self.quantized_model = result
        return result

    def _config_for(
        self, runtime: str, config: PostTrainingQuantConfig, format: Format | None
    ) -> PostTrainingQuantConfig:
        if runtime != "vllm":
            raise UsageError(f"`runtime` must be 'vllm' or None, got {runtime!r}.")
        if format == "inc":
            raise UsageError('vLLM reads compressed-tensors; leave out `format="inc"`, or `runtime="vllm"`.')
        return config_for_vllm(self.model, config)

    def _calibration_batches(
        self, config: PostTrainingQuantConfig, dataset: Any, batch_size: int, collator: Callable | None
    ) -> list | None:
        """The first samples of the dataset in batches; labels only stay where a decoder's inputs come from them."""
        if dataset is None:
            return None
        keep_labels = labels_are_inputs(self.model)
        batches = batches_of(dataset, self.model, self.tokenizer, batch_size, collator, keep_labels)
        return take_samples(batches, max(config.calibration_sampling_size))

    def _own_evaluation(
        self, config: PostTrainingQuantConfig, dataset: Any, batch_size: int, collator: Callable | None
    ) -> Callable | None:
        if dataset is None:
            return None
        if self.task is None:
            raise UsageError(f"`eval_dataset` needs `task`, one of {', '.join(sorted(SCORED))}; or pass `eval_fn`.")
        if is_sentence_model(self.model):
            raise UsageError(
                f"`eval_dataset` has the score of a model of transformers, got a {type(self.model).__name__}; pass "
                "`eval_fn`, such as `lambda model: evaluator(model)` with an evaluator of sentence-transformers."
            )
        check_glue_task(self.metric_name)
        in_direction_of(config.accuracy_criterion, GLUE_METRIC.get(self.metric_name, "accuracy"))
        check_repeatable(dataset, "eval_dataset")

        read = partial(batches_of, dataset, self.model, self.tokenizer, batch_size, collator)
        content = Content(read, {"task": self.task, "metric": self.metric_name})

        def evaluate(model: PreTrainedModel, watch: Watch) -> dict[str, float]:
            with _random_seed(self.seed):  # a collator that masks at random gives every trial the same batches
                return evaluate_task(model, content.batches(), self.task, self.metric_name, watch)

        counts_samples = SCORED[self.task].output is not None and not SCORED[self.task].per_token
        return Loop(evaluate, named_data(dataset) if counts_samples else None, content)

    def get_calibration_dataset(
        self,
        dataset_name: str | os.PathLike,
        num_samples: int = 100,
        dataset_config_name: str | None = None,
        dataset_split: str = "train",
        preprocess_function: Callable | None = None,
        preprocess_batch: bool = True,
        token: str | None = None,
    ) -> Any:
        """A shuffled part of a dataset, ready for `quantize`.

        Args:
            dataset_name: a name on the Hub, or a local file (csv, tsv, json, parquet) or directory.
            num_samples (`int`): how many samples; all if there are fewer.
            preprocess_function: e.g. a tokenizing function, mapped over the samples (in batches, or one by one).
            token (`str`, *optional*): for a private dataset.
        """
        check_path("dataset_name", dataset_name)
        check_int("num_samples", num_samples, low=1)
        check_optional_string("dataset_config_name", dataset_config_name)
        check_string("dataset_split", dataset_split)
        check_function("preprocess_function", preprocess_function, "a function of samples")
        with usage_error_for(f"{dataset_name} cannot be read as a dataset"):
            dataset = load_dataset_file_or_hub(dataset_name, dataset_config_name, dataset_split, token)
        dataset = dataset.shuffle(seed=self.seed).select(range(min(num_samples, len(dataset))))
        if preprocess_function is not None:
            dataset = dataset.map(preprocess_function, batched=preprocess_batch)
        return dataset

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> str:
        """Upload the quantized model with its card and tokenizer; see `QuantizedModel.push_to_hub`."""
        if self.quantized_model is None:
            raise UsageError("There is nothing to upload yet; call `quantize` first.")
        return self.quantized_model.push_to_hub(repo_id, tokenizer=self.tokenizer, **kwargs)

    def __repr__(self) -> str:
        state = "quantized" if self.quantized_model else "not quantized yet"
        return f"IncQuantizer({type(self.model).__name__}, task={self.task!r}, {state})"


@contextmanager
def _random_seed(seed: int) -> Iterator[None]:
    """Inside the block everything random starts from `seed`; `options.random_seed` is put back after it."""
    before = options.random_seed
    set_random_seed(seed)
    set_seed(seed)
    try:
        yield
    finally:
        options.random_seed = before
