"""examples/serving/app.py: what it answers is what the model says of each text alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from example_scripts import SERVING, script
from tiny import quantized, tiny_model, tiny_tokenizer

testclient = pytest.importorskip("fastapi.testclient")

TEXTS = ["a good film", "a bad plot", "a great actor and a good film", "dull"]


@pytest.fixture(scope="module")
def app():
    return script(SERVING)


@pytest.fixture
def client(app, tmp_path, monkeypatch):
    quantized(tiny_model("bert")).save_pretrained(tmp_path / "int8", tiny_tokenizer())
    monkeypatch.setenv("MODEL", str(tmp_path / "int8"))
    with testclient.TestClient(app.app) as client:
        yield client


def test_many_clients_at_once(app, client, tmp_path):
    classifier = app.Classifier(str(tmp_path / "int8"))
    expected = [classifier([text])[0] for text in TEXTS]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda text: client.post("/classify", json={"texts": [text]}), TEXTS * 8))
    assert {answer.status_code for answer in answers} == {200}
    for answer, wanted in zip(answers, expected * 8, strict=True):
        (got,) = answer.json()
        assert got["label"] == wanted["label"]
        torch.testing.assert_close(got["score"], wanted["score"], rtol=1e-5, atol=1e-6)
    together = client.post("/classify", json={"texts": TEXTS}).json()
    assert [one["label"] for one in together] == [one["label"] for one in expected]


def test_what_is_no_list_of_texts_is_refused(client):
    assert client.post("/classify", json={"texts": []}).status_code == 422
    assert client.post("/classify", json={"texts": "a good film"}).status_code == 422


def test_an_error_reaches_who_asked_and_the_next_batch_is_served(app):
    def predict(texts):
        if "bad" in texts:
            raise ValueError("bad text")
        return [text.upper() for text in texts]

    async def run():
        batcher = app.Batcher(predict, max_batch=2)
        worker = asyncio.create_task(batcher.work())
        answers = await asyncio.gather(*(batcher.ask(text) for text in ["a", "bad", "c"]), return_exceptions=True)
        worker.cancel()
        return answers

    first, second, third = asyncio.run(run())
    assert isinstance(first, ValueError) and isinstance(second, ValueError) and third == "C"
