import os
import shutil
import tempfile

# What a search leaves in its workspace, of this process and of those it starts, goes with the tests.
os.environ["INC_HF_HOME"] = tempfile.mkdtemp(prefix="inc_hf-tests-")
# Before the first import of transformers or huggingface_hub, which read these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_MODULES_CACHE"] = os.path.join(os.environ["INC_HF_HOME"], "modules")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import random

import numpy as np
import pytest
import torch

pytest_plugins = ["shared", "slow"]


def pytest_unconfigure():
    shutil.rmtree(os.environ["INC_HF_HOME"], ignore_errors=True)


@pytest.fixture(autouse=True)
def one_thread_and_seed():
    """Every test starts from seed 0 and computes on one thread, whatever ran before it."""
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
