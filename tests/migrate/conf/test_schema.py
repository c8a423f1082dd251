"""Every key of INC 1.X is known here, and is mapped or stands in the list of what means nothing any more."""

import dataclasses
import warnings

import pytest

from inc_hf.built_in import datasets
from inc_hf.built_in.transforms import OF_PILLOW
from inc_hf.migrate.conf import ConfError, kept, read_conf
from inc_hf.migrate.conf.as_json import as_json
from inc_hf.migrate.conf.data_sections import DataloaderSection
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.meaningless import MEANINGLESS
from inc_hf.migrate.conf.named_data import DATASETS, POSTPROCESSES, TRANSFORMS
from inc_hf.migrate.conf.named_training import CRITERIA, METRICS, OPTIMIZERS
from inc_hf.migrate.conf.python_code import python_code
from inc_hf.migrate.conf.sections import Conf

# Each key of schema v1.14 (and of 2.0, which read the same files) but those of datasets, transforms and metrics, with
# a value that is not its default, by the section that it stands in.
OPS = {
    "weight": {
        "granularity": ["per_tensor"],
        "scheme": ["sym"],
        "dtype": ["fp32"],
        "algorithm": ["minmax"],
        "bit": 7.0,
    },
    "activation": {
        "granularity": ["per_tensor"],
        "scheme": ["sym"],
        "dtype": ["fp32"],
        "compute_dtype": ["int8"],
        "algorithm": ["kl"],
    },
}
DATALOADER = {
    "batch_size": 3,
    "shuffle": True,
    "last_batch": "discard",
    "distributed": True,
    "filter": {"LabelBalance": {"size": 2}},
    "transform": {"Resize": {"size": 8}},
}
IMAGES = {"dataset": {"ImageFolder": {"root": "images"}}}
TRAIN = {
    "start_epoch": 1,
    "end_epoch": 7,
    "epoch": 5,
    "iteration": 20,
    "frequency": 2,
    "hostfile": "hosts",
    "execution_mode": "graph",
    "optimizer": {"SGD": {"learning_rate": 0.5}},
    "criterion": {"CrossEntropyLoss": {"reduction": "sum"}},
    "dataloader": {**IMAGES},
    "postprocess": {"transform": {"LabelShift": 1}},
}
CONFIGS = {
    "cores_per_instance": 2,
    "num_of_instance": 3,
    "inter_num_of_threads": 2,
    "intra_num_of_threads": 4,
    "kmp_blocktime": 1,
    "kmp_affinity": "compact",
}
PRUNER = {
    "start_epoch": 1,
    "end_epoch": 3,
    "initial_sparsity": 0.1,
    "target_sparsity": 0.5,
    "update_frequency": 2,
    "method": "per_channel",
    "prune_type": "group_lasso",
    "start_step": 1,
    "end_step": 9,
    "update_frequency_on_step": 2,
    "prune_domain": "global",
    "sparsity_decay_type": "cos",
    "pattern": "tile_pattern_4x1",
    "names": ["layer.weight"],
    "exclude_names": ["head"],
    "excluded_names": ["head"],
    "extra_excluded_names": ["pooler"],
    "prune_layer_type": ["Linear"],
    "max_sparsity_ratio_per_layer": 0.9,
}
COMPRESSION = {name: value for name, value in PRUNER.items() if name not in ("method", "exclude_names")}
V2 = {
    "target_sparsity": 0.5,
    "pruning_type": "magnitude",
    "pattern": "1x1",
    "op_names": ["layer"],
    "excluded_op_names": ["head"],
    "start_step": 1,
    "end_step": 9,
    "pruning_scope": "local",
    "pruning_frequency": 2,
    "min_sparsity_ratio_per_op": 0.1,
    "max_sparsity_ratio_per_op": 0.9,
    "sparsity_decay_type": "cos",
    "pruning_op_types": ["Linear"],
    "reg_type": "group_lasso",
    "criterion_reduce_type": "max",
    "parameters": {"reg_coeff": 0.1},
    "resume_from_pruned_checkpoint": True,
}
APPROACH = ("pruning", "approach")
V2_PLACE, PYTORCH_PLACE = (*APPROACH, "weight_compression_v2"), (*APPROACH, "weight_compression_pytorch")
EPOCHS_PLACE = (*APPROACH, "weight_compression")
IN_STEPS = {"pruning": {"approach": {"weight_compression_pytorch": {"end_step": 30}}}}
IN_V2_STEPS = {"pruning": {"approach": {"weight_compression_v2": {"end_step": 30}}}}
# place -> keys with values, and what has to stand beside them
SECTIONS = {
    ("model",): ({"name": "x", "framework": "pytorch_ipex", "inputs": ["a"], "outputs": ["b"]}, {}),
    ("quantization",): ({"approach": "post_training_dynamic_quant", "quant_level": 0}, {}),
    ("quantization", "train"): (TRAIN, {"quantization": {"approach": "quant_aware_training"}}),
    ("quantization", "advance"): ({"bias_correction": "weight_empirical"}, {}),
    ("quantization", "calibration"): ({"sampling_size": [7], "dataloader": IMAGES}, {}),
    ("quantization", "calibration", "dataloader"): (DATALOADER, {}),
    ("quantization", "recipes"): (
        {
            "scale_propagation_max_pooling": False,
            "scale_propagation_concat": False,
            "first_conv_or_matmul_quantization": False,
            "last_conv_or_matmul_quantization": False,
            "pre_post_process_quantization": False,
            "fast_bias_correction": True,
            "weight_correction": True,
        },
        {},
    ),
    **{("quantization", "model_wise", part): (keys, {}) for part, keys in OPS.items()},
    **{("quantization", "op_wise", "a", part): (keys, {}) for part, keys in OPS.items()},
    **{("quantization", "optype_wise", "a", part): (keys, {}) for part, keys in OPS.items()},
    **{
        (kind, "op_wise", "a", part): ({"dtype": ["fp32"]}, {kind: {"precisions": "bf16"}})
        for kind in ("mixed_precision", "graph_optimization")
        for part in OPS
    },
    ("mixed_precision",): ({"precisions": "fp16"}, {"mixed_precision": {"precisions": "bf16"}}),
    ("graph_optimization",): ({"precisions": "fp16"}, {"graph_optimization": {"precisions": "bf16"}}),
    (): ({"model_conversion": {"source": "qat", "destination": "default"}, "train": TRAIN, "device": "gpu",
          "version": 1.5, "use_bf16": False, "quant_level": 0, "reduce_range": True}, {"quantization": {}}),
    ("tuning",): (
        {
            "objective": "modelsize",
            "multi_objectives": {"objective": ["accuracy", "modelsize"]},
            "random_seed": 5,
            "tensorboard": True,
        },
        {"quantization": {}},
    ),
    ("tuning", "strategy"): (
        {
            "name": "bayesian",
            "sigopt_api_token": "a",
            "sigopt_project_id": "b",
            "sigopt_experiment_name": "c",
            "accuracy_weight": 2.0,
            "latency_weight": 2.0,
            "confidence_batches": 7,
            "hawq_v2_loss": "f",
        },
        {"quantization": {}, "tuning": {"strategy": {"name": "mse_v2"}}},
    ),
    ("tuning", "accuracy_criterion"): (
        {"relative": 0.3, "absolute": 2, "higher_is_better": False},
        {"quantization": {}},
    ),
    ("tuning", "multi_objectives"): (
        {"weight": [0.3, 0.7], "higher_is_better": [True, False]},
        {"quantization": {}, "tuning": {"multi_objectives": {"objective": ["accuracy", "modelsize"]}}},
    ),
    ("tuning", "exit_policy"): ({"timeout": 9, "max_trials": 3, "performance_only": True}, {"quantization": {}}),
    ("tuning", "workspace"): ({"path": "here", "resume": "there"}, {}),
    ("tuning", "diagnosis"): (
        {
            "diagnosis_after_tuning": True,
            "op_list": ["a"],
            "iteration_list": [2],
            "inspect_type": "weight",
            "save_to_disk": False,
            "save_path": "here",
        },
        {"quantization": {}},
    ),
    ("evaluation", "accuracy"): (
        {
            "metric": {"topk": 5},
            "multi_metrics": {"topk": 5, "F1": {}},
            "iteration": 4,
            "dataloader": IMAGES,
            "postprocess": {"transform": {"LabelShift": 1}},
        },
        {"quantization": {}, "evaluation": {"accuracy": {}}},
    ),
    ("evaluation", "performance"): (
        {
            "warmup": 9,
            "iteration": 4,
            "dataloader": IMAGES,
            "postprocess": {"transform": {"LabelShift": 1}},
        },
        {"evaluation": {"performance": {}}},
    ),
    ("evaluation", "performance", "configs"): (CONFIGS, {"evaluation": {"performance": {"configs": {}}}}),
    EPOCHS_PLACE: (COMPRESSION, {}),
    (*EPOCHS_PLACE, "pruners", "0"): ({**PRUNER, "parameters": {"alpha": 0.1}}, {}),
    PYTORCH_PLACE: ({**COMPRESSION, "prune_domain": "local"}, IN_STEPS),
    (*PYTORCH_PLACE, "pruners", "0"): (
        {**PRUNER, "prune_domain": "local", "parameters": {"alpha": 0.1}},
        IN_STEPS,
    ),
    V2_PLACE: (V2, IN_V2_STEPS),
    (*V2_PLACE, "pruners", "0"): (V2, IN_V2_STEPS),
    ("pruning", "train"): (TRAIN, {"pruning": {}}),
    ("distillation", "train"): (
        {**TRAIN, "criterion": {"KnowledgeDistillationLoss": {"temperature": 3.0}}},
        {"distillation": {}},
    ),
    ("distillation", "train", "criterion", "KnowledgeDistillationLoss"): (
        {"temperature": 3.0, "loss_types": ["CE", "MSE"], "loss_weights": [0.1, 0.9]},
        {"distillation": {}},
    ),
    **{
        ("distillation", "train", "criterion", name): (
            {"loss_types": [kind], "loss_weights": [0.7], "add_origin_loss": True, **more},
            {"distillation": {"train": {"criterion": {name: {"layer_mappings": [mapping]}}}}},
        )
        for name, kind, mapping, more in (
            ("IntermediateLayersKnowledgeDistillationLoss", "L1", ["a", "b"], {}),
            ("SelfKnowledgeDistillationLoss", "L2", [["a", "b"]], {"temperature": 3.0}),
        )
    },
}  # fmt: skip


def put(content, place, value):
    """Set a value in nested dicts; below `pruners` are lists of one."""
    for part in place[:-1]:
        if part == "0":
            continue
        content = content.setdefault(part, {})
        if part == "pruners":
            content = content.setdefault("0", {})
    content[place[-1]] = value


def listed(content):
    """With lists in place of the dicts below `pruners`."""
    if not isinstance(content, dict):
        return content
    return {
        name: [listed(item["0"])] if name == "pruners" and isinstance(item, dict) else listed(item)
        for name, item in content.items()
    }


def deep(content):
    return {name: deep(value) for name, value in content.items()} if isinstance(content, dict) else content


def conf_of(beside, place=(), value=None):
    content = {"model": {"name": "a", "framework": "pytorch"}, **deep(beside)}
    if place[:1] == ("quantization",) and "dataloader" in place[:3] and len(place) > 3:
        put(content, (*place[:3], "dataset"), IMAGES["dataset"])
    if place:
        put(content, place, value)
    return read_conf(listed(content))


def everything(conf):
    return as_json(conf, steps_per_epoch=7).split('"ignored"')[0] + python_code(conf).text()


CASES = [(place, name, value, beside) for place, (keys, beside) in SECTIONS.items() for name, value in keys.items()]


@pytest.mark.parametrize(
    "place, name, value, beside", CASES, ids=[".".join((*place, name)) for place, name, _, _ in CASES]
)
def test_every_key_is_mapped_or_in_the_list(place, name, value, beside):
    beside = deep(beside)
    if place[:1] in ((), ("model",), ("quantization",)):
        beside.setdefault("quantization", {})
    if place[:2] == APPROACH and not beside:
        put(beside, (*EPOCHS_PLACE, "end_epoch"), 9)
    if place[-1:] == ("0",) and "method" in SECTIONS[place][0]:
        put(beside, (*place, "prune_type"), "group_lasso" if name == "parameters" else "basic_magnitude")
    with_key = conf_of(beside, (*place, name), value)
    without = conf_of(beside)
    key = ".".join((*place, name))
    is_ignored = any(key == entry.key or key.startswith(f"{entry.key}.") for entry in with_key.ignored)
    if is_ignored:
        assert all(entry.reason for entry in with_key.ignored)
        assert as_json(with_key, 7).split('"ignored"')[0] == as_json(without, 7).split('"ignored"')[0]
    else:
        assert everything(with_key) != everything(without), f"{key} changes nothing and is not in the list"


def keys_of(kind, place=()):
    """All keys below a section, as the reader takes them."""
    for field in dataclasses.fields(kind):
        meta = field.metadata
        if not meta:
            continue
        here = (*place, field.name)
        if "section" in meta:
            yield from keys_of(meta["section"], here)
        elif "by_name" in meta:
            yield from keys_of(meta["by_name"], (*here, "a"))
        elif "pruners" in meta:
            yield from keys_of(meta["pruners"][1], (*here, "0"))
        else:
            yield here


def test_the_cases_are_all_keys():
    tried = {(*place, name) for place, (keys, _) in SECTIONS.items() for name in keys}
    for where in keys_of(Conf):
        is_data = (
            "dataloader" in where[:-1] or "postprocess" in where[:-1] or where[0] in ("train", "model_conversion")
        )
        is_refused = where[0] in ("nas", "auto_distillation")
        is_tried = where in tried or is_data or is_refused or where[:3] == ("evaluation", "accuracy", "configs")
        is_tried |= where[-1] == "parameters" or where == ("tuning", "multi_objectives", "objective")
        assert is_tried, where


def test_every_entry_of_the_list_has_a_reason_and_a_key():
    keys = {".".join(where) for where in keys_of(Conf)}
    from fnmatch import fnmatchcase

    for entry in MEANINGLESS:
        below = [key for key in keys if fnmatchcase(key, entry.key) or fnmatchcase(key.rpartition(".")[0], entry.key)]
        assert below and entry.reason, entry


# Names of INC's schema; settings are tried below
NAMES = {
    "datasets": (
        DATASETS,
        "CIFAR10 CIFAR100 MNIST FashionMNIST ImageFolder TFRecordDataset ImageRecord dummy_v2 sparse_dummy_v2 dummy "
        "bert mzbert VOCRecord COCORecord COCORaw COCONpy ImagenetRaw style_transfer GLUE Imagenet",
    ),
    "transforms": (
        TRANSFORMS,
        "ResizeWithRatio CropToBoundingBox Cast RandomResizedCrop AlignImageChannel ToNDArray CropResize "
        "RandomHorizontalFlip RandomVerticalFlip ToTensor ToPILImage Normalize Resize RandomCrop Rescale CenterCrop "
        "PaddedCenterCrop ToArray QuantizedInput Transpose ParseDecodeImagenet ParseDecodeCoco ParseDecodeVoc "
        "BilinearImagenet ResizeCropImagenet ResizeWithAspectRatio",
    ),
    "postprocesses": (POSTPROCESSES, "LabelShift Collect SquadV1 SquadV1ModelZoo"),
    "optimizers": (OPTIMIZERS, "SGD AdamW Adam"),
    "losses": (
        CRITERIA,
        "CrossEntropyLoss SparseCategoricalCrossentropy KnowledgeDistillationLoss "
        "IntermediateLayersKnowledgeDistillationLoss SelfKnowledgeDistillationLoss",
    ),
    "metrics": (
        METRICS,
        "topk mAP COCOmAP COCOmAPv2 VOCmAP SquadF1 MSE RMSE MAE Accuracy Loss BLEU F1 mIOU GLUE ROC",
    ),
}


@pytest.mark.parametrize("known, names", NAMES.values(), ids=NAMES)
def test_names_of_the_schema(known, names):
    assert set(names.split()) <= set(known)


def test_each_dataset_and_transform_is_kept_or_says_what_takes_its_place():
    assert set(kept.DATASETS) == set(datasets.DATASETS) - {"bert"} and set(OF_PILLOW) <= set(TRANSFORMS)
    for name in DATASETS:
        reason = kept.reason_against(DataloaderSection(dataset=Named(name)))
        assert (name in kept.DATASETS) == (reason is None)
        assert reason is None or reason.startswith(f"INC's dataset `{name}` is not kept: ")
    for name in TRANSFORMS:
        section = DataloaderSection(dataset=Named("ImageFolder", {"root": "a"}), transform=[Named(name)])
        reason = kept.reason_against(section)
        assert reason is None or f"INC's transform `{name}` is not kept" in reason


def test_a_key_of_none_in_a_dict_is_left_out():
    assert read_conf({"model": {"name": "a", "framework": "NA"}, "device": None}).device == "cpu"


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        python_code(conf_of({"quantization": {}, "tuning": {}}))


def test_conf_error_is_pickled_whole():
    import pickle

    error = ConfError("is wrong.", None, 3, "a.b")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
