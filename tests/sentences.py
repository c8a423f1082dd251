"""What tests say to models of sentence-transformers."""

TEXTS = ["the film", "a good plot but dull", "not very great and a very bad film was the dull plot", "dull"]
PAIRS = [("the film", text) for text in TEXTS]
PROMPTS = {"query": "a very good ", "text": "the "}
