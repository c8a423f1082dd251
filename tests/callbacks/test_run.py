import threading
import weakref

import pytest
from transformers import Trainer, TrainerState

from inc_hf.callbacks.run import TrainerRun


class Loop(Trainer):
    """Drives a callback as the Trainer does, and has nothing to train."""

    def __init__(self):
        self.state, self.run = None, None

    def train(self, body):
        self.state = TrainerState()
        self.run = TrainerRun(self.state)
        return body(self.run)


def test_runs_until_the_loop_returns():
    loop = Loop()
    assert loop.train(lambda run: run.is_running()) is True
    assert not loop.run.is_running()
    assert loop.run.trainer.state is loop.state


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_is_over_after_an_exception(error):
    loop = Loop()

    def fail(run):
        raise error

    with pytest.raises(error):
        loop.train(fail)
    assert not loop.run.is_running()


def test_another_run_of_the_same_loop_is_another_run():
    loop = Loop()
    loop.train(lambda run: None)
    first = loop.run
    assert loop.train(lambda run: (first.is_running(), run.is_running())) == (False, True)
    assert Loop().train(lambda run: first.is_running()) is False


def test_nested_loops_are_both_running():
    inner = Loop()
    assert Loop().train(lambda outer: inner.train(lambda run: (outer.is_running(), run.is_running()))) == (True, True)


def test_another_thread_does_not_count():
    def body(run):
        found = []
        thread = threading.Thread(target=lambda: found.append(run.is_running()))
        thread.start()
        thread.join()
        return found

    assert Loop().train(body) == [False]


def test_without_a_trainer_it_never_ends():
    run = TrainerRun(TrainerState())
    assert run.trainer is None and run.is_running()


def test_nothing_is_kept_alive():
    loop = Loop()
    loop.train(lambda run: None)
    run, watched = loop.run, weakref.ref(loop)
    del loop
    assert watched() is None
    assert not run.is_running()


class Passing:
    """Stands between the Trainer and a callback, and looks at the state, too."""

    def make_run(self, state):
        self.state = state
        return TrainerRun(state)


def test_another_object_with_the_state_is_not_the_trainer():
    trainer, passing = Loop(), Passing()
    trainer.state = TrainerState()

    def train(self):
        return passing.make_run(self.state)

    run = train(trainer)
    assert run.trainer.__class__ is Loop and not run.is_running()


def test_where_no_trainer_has_the_state_there_is_none():
    run = Passing().make_run(TrainerState())
    assert run.trainer is None and run.is_running() and run.callbacks == []
