"""Texts and configs to quantize with."""

from inc_hf import PostTrainingQuantConfig

TEXTS = [
    "the film was good",
    "a dull plot",
    "great actor but a very bad film",
    "not good",
    "bad",
    "the actor is great and the plot is dull",
    "a very good film",
    "is the film not bad",
]
STATIC = PostTrainingQuantConfig(approach="static")
DYNAMIC = PostTrainingQuantConfig(approach="dynamic")
