"""Every block of code in README and docs/ runs alone, as a reader would paste it, with what the text before it names.

That is the models of the demo, a file of texts and two with labels, and the YAML files that a page shows; each block
begins in a folder of its own.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from tiny import tiny_model, tiny_tokenizer

from inc_hf.commands.main import COMMANDS as COMMANDS_OF_INC_HF
from inc_hf.commands.main import build_parser, main

pytest_plugins = ["worker_fixture", "sentences_fixture", "hub_fixture"]

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "imports.md")]
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^```yaml\n# ([\w.]+)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)  # its name is in the first line
LABELLED = "sentence\tlabel\na good film\t1\na bad plot\t0\na great actor\t1\na dull film\t0\n"


def blocks(language: str) -> list:
    """(page, code) of each block, named by the line where it begins."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            name = f"{page.stem}-{text[: match.start()].count(chr(10)) + 2}"
            if match[1] == language:
                found.append(pytest.param(match[2], id=name))
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Path:
    """The folder of a reader who has run `inc-hf demo` and `inc-hf quantize demo/fp32 -o int8`."""
    folder = tmp_path_factory.mktemp("reader")
    for part in (tiny_model("bert"), tiny_tokenizer()):
        part.save_pretrained(folder / "demo/fp32")
    (folder / "demo/sentences.txt").write_text("a good film\na dull plot\n" * 4)
    (folder / "demo/validation.tsv").write_text(LABELLED + LABELLED.partition("\n")[2] * 3)
    (folder / "train.tsv").write_text(LABELLED + LABELLED.partition("\n")[2] * 15)
    for page in PAGES:
        for file in FILE.finditer(page.read_text(encoding="utf-8")):
            (folder / file[1]).write_text(file[2])
    assert main(["quantize", str(folder / "demo/fp32"), "-o", str(folder / "int8")]) == 0
    return folder


@pytest.fixture
def here(reader, tmp_path, monkeypatch) -> Path:
    shutil.copytree(reader, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here", "forked_workers")
@pytest.mark.parametrize("code", blocks("python"))
def test_python_block(code, request):
    if "sentence_transformers" in code:
        request.getfixturevalue("sentence_transformers")
    if "push_to_hub" in code:
        request.getfixturevalue("logged_in")
    exec(compile(code, "pasted.py", "exec"), {"__name__": "__main__"})


def commands(code: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in code.splitlines() if line.strip() and line[0] != "#"]


COMMANDS = [block for block in blocks("bash") if any(words[0] == "inc-hf" for words in commands(block.values[0]))]


@pytest.mark.slow("README.md", "docs", "inc_hf")
@pytest.mark.usefixtures("here", "forked_workers")
@pytest.mark.parametrize("code", COMMANDS)
def test_bash_block(code):
    """Its lines, one after the other. Measurements are shorter, and the demo has tests of its own."""
    if "-o int8\n" in code:
        shutil.rmtree("int8")  # the reader makes it here
    for program, *arguments in commands(code):
        if program == "inc-hf" and arguments[0] != "demo":
            quick = ["--seconds", "0.2"] if arguments[0] == "benchmark" else []
            assert main([*arguments, *quick]) in (0, 3), arguments


def test_each_command_has_its_line():
    """Which the parser takes."""
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \|.*`inc-hf ([^`]+)` \|", page, re.MULTILINE)
    lines = {name: shlex.split(line) for name, line in found}
    assert lines.keys() == COMMANDS_OF_INC_HF.keys()
    for name, line in lines.items():
        assert line[0] == name and build_parser().parse_args(line).run


def test_other_programs_of_the_blocks_are_tested_elsewhere():
    programs = {words[0] for block in blocks("bash") for words in commands(block.values[0])}
    assert programs <= {"inc-hf", "pip", "make"}


def test_no_two_blocks_write_to_one_place():
    """Who pastes them all, one after the other, loses nothing and is refused nothing."""
    found = [
        name
        for block in (*blocks("python"), *blocks("bash"))
        for name in re.findall(
            r"(?:-o |save_model\(\"|save_pretrained\(\"|save_directory=\")([\w-]+)", block.values[0]
        )
    ]
    assert sorted(found) == sorted(set(found))


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_the_menu():
    menu = re.findall(
        r": ([\w/-]+\.md)$|- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    named = {first or second for first, second in menu}
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages - named == set()
