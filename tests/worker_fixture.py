"""The fixture `forked_workers`; a test module that measures says `pytest_plugins = ["worker_fixture"]`."""

import os
import subprocess
import types

import pytest
from fresh import forked

from inc_hf.benchmark import instances

RUN = "import runpy; runpy.run_module({module!r}, run_name='__main__')"


class Forked:
    """What `Instance` wants of a `subprocess.Popen` of `python -m MODULE`, see `fresh.py`."""

    def __init__(self, command, stdin, stdout, stderr, env, text):
        *_, option, module = command
        assert (option, stdin, stdout, text) == ("-m", subprocess.PIPE, subprocess.PIPE, True)
        (read, write), (answers, speaks) = os.pipe(), os.pipe()
        standard = {0: read, 1: speaks, 2: stderr.fileno()}
        self.process = forked(RUN.format(module=module), [], os.getcwd(), dict(env), standard)
        os.close(read)
        os.close(speaks)
        self.pid, self.stdin, self.stdout = self.process.pid, open(write, "w"), open(answers)

    def kill(self):
        self.process.kill()

    def wait(self):
        self.process.join()
        return self.process.exitcode


@pytest.fixture
def forked_workers(monkeypatch):
    """Workers begin where torch and transformers are imported: four seconds less for each of them."""
    stand_in = types.SimpleNamespace(Popen=Forked, PIPE=subprocess.PIPE)
    monkeypatch.setattr(instances, "subprocess", stand_in)
