"""Runs in the environment of vLLM: directory, "classify" or "generate", file for the answer; texts come on stdin."""

import json
import sys

from vllm import LLM, SamplingParams


def main() -> None:
    directory, kind, output = sys.argv[1:]
    texts, settings = json.load(sys.stdin), {"dtype": "float32", "enforce_eager": True, "max_model_len": 64}
    settings["distributed_executor_backend"] = "uni"  # in this process; each further one would import all again
    if kind == "classify":
        model = LLM(directory, runner="pooling", **settings)
        answer = [result.outputs.probs for result in model.classify(texts)]
    else:
        sampling = SamplingParams(temperature=0, max_tokens=8, logprobs=1, ignore_eos=True)
        generated = [result.outputs[0] for result in LLM(directory, **settings).generate(texts, sampling)]
        answer = [[(t, d[t].logprob) for t, d in zip(g.token_ids, g.logprobs, strict=True)] for g in generated]
    with open(output, "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main()
