"""Classes of 1.X. What the 2.X code does is in test_scripts.py."""

import pytest
from migrating import marks, rewritten

PTQ = """\
model: {name: m, framework: pytorch_fx}
quantization: {approach: post_training_static_quant, calibration: {sampling_size: 8}}
tuning: {accuracy_criterion: {relative: 0.02}, random_seed: 9527}
"""
EPOCHS = """\
model: {name: m, framework: pytorch}
pruning: {approach: {weight_compression: {target_sparsity: 0.5, start_epoch: 0, end_epoch: 2}}}
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "ptq.yaml").write_text(PTQ)
    (tmp_path / "epochs.yaml").write_text(EPOCHS)
    (tmp_path / "wrong.yaml").write_text(PTQ + "tunning: 1\n")
    return tmp_path / "script.py"


SETTERS = """\
    # my quantizer
    quantizer = Quantization("ptq.yaml")  # its conf
    quantizer.model = common.Model(model)  # of torch

    # now go
    quantizer.calib_dataloader = loader
    quantizer.eval_func = evaluate
    q_model = quantizer.fit()
"""
IMPORT = "from neural_compressor.experimental import Quantization, common\n"


def test_quantization(script):
    new = rewritten(f"{IMPORT}\ndef f():\n{SETTERS}    q_model.save(1)\n", script)
    assert "experimental" not in new
    assert "fit(model, quantization_conf, calib_dataloader=loader, eval_func=evaluate)\n    q_model.save(1)\n" in new
    assert "set_random_seed(9527)" in new and "AccuracyCriterion(tolerable_loss=0.02)" in new
    assert all(comment in new for comment in ("# my quantizer\n", "# its conf\n", "# of torch\n", "# now go\n"))


def test_values_that_change_on_the_way_are_kept(script):
    text = SETTERS.replace("    # now go\n", "    model = None\n")
    new = rewritten(f"{IMPORT}\ndef f(model):\n{text}", script)
    assert "quantizer_model = model  # of torch" in new and "fit(quantizer_model, " in new


@pytest.mark.parametrize("line", ["quantization = 1", "from torch import quantization", "def quantization(): pass"])
def test_a_name_of_the_script_is_not_hidden_by_a_module(script, line):
    new = rewritten(f"{IMPORT}\n{line}\ndef f():\n{SETTERS}", script)
    assert "import quantization as inc_quantization" in new and "inc_quantization.fit(" in new


@pytest.mark.parametrize("name", ["AccuracyCriterion", "PostTrainingQuantConfig", "set_random_seed"])
def test_classes_of_the_script_are_not_hidden(script, name):
    new = rewritten(f"{IMPORT}\ndef {name}(): pass\ndef f():\n{SETTERS}", script)
    assert f" {name} as inc_{name}" in new
    assert new.count(f"inc_{name}(") == 1


def test_variables_of_the_script_are_not_overwritten(script):
    new = rewritten(f"{IMPORT}\ndef f(quantization_conf):\n{SETTERS}    print(quantization_conf)\n", script)
    assert "quantizer_conf = PostTrainingQuantConfig(" in new and "fit(model, quantizer_conf, " in new
    assert "print(quantization_conf)" in new and " quantization_conf = " not in new
    new = rewritten(f"{IMPORT}\nquantizer_conf = 1\ndef f(quantization_conf):\n{SETTERS}", script)
    assert "inc_quantization_conf = PostTrainingQuantConfig(" in new


def test_several_components_have_confs_of_their_own(script):
    made = "".join(f'{name} = Quantization("ptq.yaml")\n{name}.model = m\n' for name in "ab")
    new = rewritten(f"{IMPORT}{made}a.fit()\nb.fit()\n", script)
    assert "fit(m, quantization_conf)\n" in new and "fit(m, b_conf)\n" in new


def test_lines_of_several_statements(script):
    text = 'if x:\n    q = Quantization("ptq.yaml"); q.model = m; r = q.fit()  # go\n    a = 1; b = 2\n'
    new = rewritten(IMPORT + text, script)
    assert "Quantization(" not in new
    assert "    r = quantization.fit(m, quantization_conf)  # go\n    a = 1; b = 2\n" in new


def test_a_metric_in_words(script):
    text = SETTERS.replace("quantizer.eval_func = evaluate", 'quantizer.metric = {"topk": 5}')
    assert "has no `eval_dataloader`" in marks(f"{IMPORT}\ndef f():\n{text}", script)[0]
    text = text.replace("    q_model =", "    quantizer.eval_dataloader = data\n    q_model =")
    assert 'eval_dataloader=data, eval_metric={"topk": 5})' in rewritten(f"{IMPORT}\ndef f():\n{text}", script)


def test_a_conf_in_a_variable(script):
    text = SETTERS.replace('"ptq.yaml"', "CONF")
    assert "experimental" not in rewritten(f'{IMPORT}CONF = "ptq.yaml"\ndef f():\n{text}', script)
    assert "experimental" in rewritten(f'{IMPORT}CONF = "ptq.yaml"\nCONF = g()\ndef f():\n{text}', script)


UNCLEAR = {
    "conf beside it": ("\"ptq.yaml\"", "os.path.join(dirname(__file__), \"c.yaml\")", "not beside the script"),
    "conf at run time": ('"ptq.yaml"', "args.config", "not known before the script runs"),
    "no conf": ('"ptq.yaml"', '"none.yaml"', "not beside the script"),
    "wrong conf": ('"ptq.yaml"', '"wrong.yaml"', "`tunning`"),
    "other sections": ('"ptq.yaml"', '"epochs.yaml"', "no section `quantization`"),
    "passed on": ("    # now go", "    g(quantizer)", "is passed on"),
    "read": ("    # now go", "    print(quantizer.conf)", "`quantizer.conf` is used"),
    "under a condition": ("    # now go\n    ", "    if x:\n        ", "is set under a condition"),
    "twice": ("    # now go", "    quantizer = 1", "assigned more than once"),
    "no fit": ("quantizer.fit()", "None", "there is no `quantizer.fit()`"),
    "runs twice": ("quantizer.fit()", "quantizer.fit(), quantizer()", "runs more than once"),
    "a metric": ("quantizer.eval_func", "quantizer.metric", "an object of 1.X"),
    "no model": ("quantizer.model", "quantizer.eval_dataloader", "is not set"),
    "in a test": ("q_model = quantizer.fit()", "if quantizer.fit(): pass", "several statements"),
}  # fmt: skip


@pytest.mark.parametrize("old, new, why", UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_not_certain_stays_and_is_marked(script, old, new, why):
    assert old in SETTERS
    text = f"{IMPORT}\ndef f():\n{SETTERS.replace(old, new)}"
    (mark,) = marks(text, script)
    assert mark.startswith("`Quantization` is kept from 1.X: ") and why in mark and "`quantization.fit`." in mark
    assert "from inc_hf.experimental import Quantization, common" in rewritten(text, script)


PRUNING = """\
from neural_compressor.experimental import Pruning, common

prune = Pruning("epochs.yaml")
def train(model):
    prune.on_train_begin()

prune.model = model
prune.train_func = train
"""


def test_epochs_become_steps_of_the_loader(script):
    new = rewritten(f"{PRUNING}prune.train_dataloader = loader\nprune.fit()\n", script)
    assert "steps_per_epoch = len(loader)" in new
    assert "prune = prepare_compression(model, pruning_conf)\ntraining.fit(prune, train)\n" in new
    assert "Check that an epoch" in marks(f"{PRUNING}prune.train_dataloader = loader\nprune.fit()\n", script)[0]


def test_epochs_of_an_unknown_length_stay_1x(script):
    (mark,) = marks(f"{PRUNING}prune.fit()\n", script)
    assert "counts in epochs" in mark


def test_what_runs_components_is_kept(script):
    text = "from neural_compressor.experimental.scheduler import Scheduler\ns = Scheduler()\ns.model = m\ns.fit()\n"
    (mark,) = marks(text, script)
    assert "orchestration.run_stages" in mark


@pytest.mark.parametrize("text", ["if x: q = Quantization('ptq.yaml'); q.fit()", "f(Quantization('ptq.yaml'))"])
def test_components_inside_of_other_statements_are_marked(script, text):
    (mark,) = marks(f"{IMPORT}{text}\n", script)
    assert "no statement of its own" in mark
