import json

import pytest

from inc_hf.migrate.script import ScriptError
from inc_hf.migrate.script.notebook import rewrite_notebook

SOURCES = [
    "%matplotlib inline\n!pip install neural_compressor \\\n    -q\nfrom neural_compressor import quantization  # it",
    "%%time\nif True:\n    !ls\nfiles = !ls\nquantization.fit?",
    "%%bash\nfrom neural_compressor import x",
    "",
    "from neural_compressor.torch import quantization\n\n",
]
COMMAND = "# TODO(inc_hf): This command line names INC; here the package is `inc-hf`, and the module `inc_hf`.\n"
NEW = [
    SOURCES[0].replace("from neural_compressor", "from inc_hf").replace("!pip", f"{COMMAND}!pip"),
    SOURCES[1],
    SOURCES[2].replace("%%bash\n", f"%%bash\n{COMMAND}"),
    "",
    "# TODO(inc_hf): `neural_compressor.torch` is INC 3.X's API; here it is `inc_hf.quantization.fit`.\n" + SOURCES[4],
]


def notebook(sources, as_list=True, **form) -> str:
    cells = [
        {
            "cell_type": "code",
            "outputs": [{"text": "é\u2713"}],
            "source": each.splitlines(True) if as_list else each,
            "n": 1.0,
        }
        for each in sources
    ]
    cells.insert(1, {"cell_type": "markdown", "source": ["neural_compressor"], "metadata": {}})
    return json.dumps({"cells": cells, "nbformat": 4, "metadata": {"b": 1e3, "a": {}}}, **form) + "\n"


FORMS = {
    "jupyter": {"indent": 1, "ensure_ascii": False},
    "escaped": {"indent": 2},
    "one line": {},
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "strings": {"indent": 1, "as_list": False},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_only_sources_change(tmp_path, form):
    text, _, sources = rewrite_notebook(notebook(SOURCES, **form), tmp_path / "n.ipynb")
    assert text == notebook(NEW, **form)
    assert rewrite_notebook(text, tmp_path / "n.ipynb")[0] == text
    assert set(sources) == {1, 3, 4, 5, 6}


MAGICS = ["%pip install neural-compressor", "  !pip install -U optimum[neural-compressor]", "%%sh\npython -m lpot"]
UNMARKED = ["%pip install torch", "%%html\n<a>neural_compressor</a>", "%load_ext lpot_ext", "?neural_compressorx"]


@pytest.mark.parametrize("source", MAGICS)
def test_commands_are_marked_where_they_name_inc(tmp_path, source):
    text, _, _ = rewrite_notebook(notebook([f"if x:\n{source}" if source[0] == " " else source]), tmp_path / "n.ipynb")
    assert text.count("# TODO(inc_hf): This command line") == 1
    assert rewrite_notebook(text, tmp_path / "n.ipynb")[0] == text


@pytest.mark.parametrize("source", UNMARKED)
def test_other_magics_stay(tmp_path, source):
    assert rewrite_notebook(notebook([source]), tmp_path / "n.ipynb")[0] == notebook([source])


def test_one_cell_makes_what_another_runs(tmp_path):
    (tmp_path / "conf.yaml").write_text(
        "model: {name: m, framework: pytorch}\nquantization: {approach: post_training_dynamic_quant}\n"
    )
    cells = [
        'from neural_compressor.experimental import Quantization\nq = Quantization("conf.yaml")',
        "# the model\nq.model = model",
        "q.fit()",
    ]
    _, _, sources = rewrite_notebook(notebook(cells), tmp_path / "n.ipynb")
    assert sources[3].strip() == "# the model"
    assert sources[4] == "quantization.fit(model, quantization_conf)"


BROKEN = {
    "no json": ("{", "is no notebook"),
    "no cells": ("{}", "is no notebook"),
    "a list": ("[]", "is no notebook"),
    "format 3": ('{"worksheets": [{"cells": []}]}', "is no notebook"),
    "no python": (notebook(["import neural_compressor", "x = = 1"]), "cell 3, line 1"),
}


@pytest.mark.parametrize("text, said", BROKEN.values(), ids=BROKEN)
def test_broken_notebooks_are_refused(tmp_path, text, said):
    with pytest.raises(ScriptError, match=said):
        rewrite_notebook(text, tmp_path / "n.ipynb")
