"""A text classifier behind HTTP: one thread calls the model, on all texts that have come meanwhile as one batch.

    pip install fastapi uvicorn
    OMP_NUM_THREADS=1 MODEL=int8 uvicorn --app-dir examples/serving app:app --workers 2
    curl localhost:8000/classify -H "content-type: application/json" -d '{"texts": ["a joy to watch"]}'

One worker per core: see docs/serving.md for why, and for what it brings.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

import torch
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from transformers import AutoTokenizer

from inc_hf import IncModelForSequenceClassification, optimize


class Batcher:
    """Collects what waits, up to `max_batch` texts, and gives it to `predict`, one batch after the other.

    Args:
        predict (`Callable`): texts -> one answer for each.
    """

    def __init__(self, predict: Callable[[list[str]], list[Any]], max_batch: int = 16):
        self.predict, self.max_batch = predict, max_batch
        self.waiting: asyncio.Queue = asyncio.Queue()
        self.thread = ThreadPoolExecutor(1)

    async def ask(self, text: str) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((text, answer))
        return await answer

    async def work(self) -> None:
        """Runs until it is cancelled."""
        while True:
            batch = [await self.waiting.get()]
            while len(batch) < self.max_batch and not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            await self._answer([text for text, _ in batch], [answer for _, answer in batch])

    async def _answer(self, texts: list[str], answers: list[asyncio.Future]) -> None:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self.thread, self.predict, texts)
        except Exception as error:  # each who waits gets it, and the next batch is served
            results = [error] * len(texts)
        for answer, result in zip(answers, results, strict=True):
            if answer.done():  # who asked has gone
                continue
            answer.set_exception(result) if isinstance(result, Exception) else answer.set_result(result)


class Classifier:
    """Texts -> `{"label", "score"}`, by a quantized checkpoint."""

    def __init__(self, directory: str):
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.model = optimize(IncModelForSequenceClassification.from_pretrained(directory).eval())

    @torch.inference_mode()
    def __call__(self, texts: list[str]) -> list[dict[str, Any]]:
        inputs = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        scores, labels = self.model(**inputs).logits.softmax(-1).max(-1)
        names = self.model.config.id2label
        return [
            {"label": names[int(label)], "score": float(score)} for score, label in zip(scores, labels, strict=True)
        ]


class Texts(BaseModel):
    texts: list[str] = Field(min_length=1, max_length=256)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.batcher = Batcher(Classifier(os.environ["MODEL"]))
    worker = asyncio.create_task(app.state.batcher.work())
    yield
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker


app = FastAPI(lifespan=lifespan)


@app.post("/classify")
async def classify(body: Texts, request: Request) -> list[dict[str, Any]]:
    batcher: Batcher = request.app.state.batcher
    return await asyncio.gather(*(batcher.ask(text) for text in body.texts))
