"""Hooks of mkdocs.yml: what pages link to outside of docs/ is part of the site, and docstrings link to each other.

In the repository a page says `../benchmarks/peers.md`, so that the link works where the files lie. The site has the
same tree, but for `docs/`, which is its root. Source code becomes a page with its text, a folder a list of its files.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)[^)#\s]+(?=[)#])")
DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
TYPE = re.compile(r"<code>([^<]*`[^<]*)</code>")  # of an argument, as docstrings of Hugging Face write it
REFERENCE = re.compile(r"\[<code>~?([\w.]+)</code>\]")  # [`Name`] in a docstring
SHOWN_AS_IT_IS = {".md", ".svg"}


def site_path(path: str) -> str:
    """Where the site has the file `path` of the repository."""
    inside = path.removeprefix("docs/")
    return inside if inside != path or Path(path).suffix in SHOWN_AS_IT_IS else f"{path}.md"


def repository_path(page: str) -> str:
    """Where the repository has the page of the site."""
    return f"docs/{page}" if (ROOT / "docs" / page).is_file() else page


def links(path: str) -> list[str]:
    """The files of the repository that the page `path` links to."""
    if not path.endswith(".md"):
        return []
    targets = (posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for link in _links_in(path))
    return [target for target in targets if (ROOT / target).exists()]


def _links_in(path: str) -> list[str]:
    return LINK.findall((ROOT / path).read_text(encoding="utf-8"))


def as_file(path: str, config) -> File:
    source = ROOT / path
    if source.suffix in SHOWN_AS_IT_IS:
        return File.generated(config, path, abs_src_path=str(source))
    if source.is_dir():
        text = "".join(f"- `{file.relative_to(source)}`\n" for file in sorted(source.rglob("*.py")))
    else:
        text = f"```{source.suffix[1:]}\n{source.read_text(encoding='utf-8')}```\n"
    return File.generated(config, site_path(path), content=f"# {path}\n\n{text}")


def on_files(files, config):
    found: set[str] = set()
    left = [f"docs/{file.src_uri}" for file in files.documentation_pages()] + ["CONTRIBUTING.md", "CHANGELOG.md"]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += links(path)
    for path in sorted(path for path in found if not path.startswith("docs/")):
        files.append(as_file(path, config))
    return files


def on_page_markdown(markdown, page, config, files):
    own = repository_path(page.file.src_uri)

    def to_site(link: re.Match) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(own), link[0]))
        if not (ROOT / target).exists():
            return link[0]  # mkdocs says so, or it is code
        return posixpath.relpath(site_path(target), posixpath.dirname(page.file.src_uri) or ".")

    if not (ROOT / own).is_file():
        return markdown
    text = LINK.sub(to_site, markdown)
    # What an error message there quotes, `L['inputs']['ids']`, would be taken for a reference.
    return text.replace("]['", "]\\['") if own.startswith("benchmarks/") else text


def on_page_content(html, page, config, files):
    """[`Name`] becomes a link where the reference has that name, else plain code; types lose their marks."""
    pages = (ROOT / "docs" / "reference").glob("*.md")
    names = [name for path in pages for name in DIRECTIVE.findall(path.read_text(encoding="utf-8"))]
    known = {name.rpartition(".")[2]: name for name in names} | {name: name for name in names}
    del known["fit"]  # of three modules

    def linked(match: re.Match) -> str:
        code = f"<code>{match[1]}</code>"
        name = known.get(match[1]) or known.get(match[1].rpartition(".")[2])
        return f'<autoref identifier="{name}" optional>{code}</autoref>' if name else code

    return REFERENCE.sub(linked, TYPE.sub(without_marks, html))


def without_marks(type_: re.Match) -> str:
    """A default stands beside it anyway."""
    text = re.sub(r",? ?\*optional\*.*", "", type_[1])
    return f"<code>{text.replace('[`', '').replace('`]', '').replace('`', '')}</code>"
