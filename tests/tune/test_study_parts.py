"""What a study is made of: who owns a trial, the lock of a journal, what is left of those who were killed."""

import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest
from driving import ListedSpace, candidate, problem_of

from inc_hf.tune import History, Trial
from inc_hf.tune.strategies import STRATEGIES
from inc_hf.tune.study import owner

optuna = pytest.importorskip("optuna")
from inc_hf.tune.study import participant as participants  # noqa: E402 as they import Optuna
from inc_hf.tune.study import shared, standing, storage  # noqa: E402


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


class TestOwner:
    def test_lives_until_it_ends(self, sleeper):
        them = {**owner.me(), "pid": sleeper.pid, "started": owner.started(sleeper.pid)}
        assert owner.is_here(them) and owner.lives(them) and owner.lives(owner.me())
        assert not owner.lives({**them, "started": them["started"] - 1}), "its number went to another process"
        sleeper.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
        assert not owner.lives(them), "a zombie, as nobody has asked for its end"
        sleeper.wait()
        assert not owner.lives(them)

    def test_of_another_machine(self):
        assert not owner.is_here({**owner.me(), "place": "elsewhere"}) and not owner.is_here({})


class TestJournal:
    def records(self, path):
        return list(optuna.storages.journal.JournalFileBackend(str(path)).read_logs(0))

    def test_half_a_line_of_a_process_that_was_killed_goes(self, tmp_path):
        journal = storage.opened(None, tmp_path)
        study = optuna.create_study(storage=journal, study_name="x")
        path = tmp_path / "study.journal"
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"op_code":2,"half')
        study.set_user_attr("a", 1)
        assert path.read_bytes().startswith(whole + b'{"op_code":2,"worker_id"') and len(self.records(path)) == 2
        assert optuna.load_study(storage=storage.opened(None, tmp_path), study_name="x").user_attrs == {"a": 1}
        assert [file.name for file in tmp_path.iterdir()] == ["study.journal"]

    def test_where_files_have_no_locks(self, tmp_path, monkeypatch):
        def none(*_):
            raise OSError("no locks here")

        monkeypatch.setattr(storage.fcntl, "flock", none)
        optuna.create_study(storage=storage.opened(None, tmp_path), study_name="x").set_user_attr("a", 1)
        assert len(self.records(tmp_path / "study.journal")) == 2
        assert [file.name for file in tmp_path.iterdir()] == ["study.journal"]


KILLED = []


@pytest.fixture
def problem(tmp_path):
    """With a goal that nothing meets, of four modules."""
    history = History(tmp_path / "history.json", baseline=1.0)
    space = ListedSpace([candidate("x")])
    yield replace(problem_of(space, strategy="random", max_trials=15), history=history)
    while KILLED:
        KILLED.pop().close()


def result(fingerprint, score=0.5):
    return Trial("x", fingerprint, score, 1.0, 1, False, 4, 1.0)


class TestTakingOver:
    def study(self, problem):
        [name] = optuna.get_all_study_names(journal := storage.opened(None, problem.history.path.parent))
        return shared.SharedStudy(optuna.load_study(study_name=name, storage=journal), journal)

    def begin(self, problem, monkeypatch, **who):
        """Begin with the default as another process, which ends without a word."""
        with monkeypatch.context() as as_another:
            me = owner.me() | who
            as_another.setattr(owner, "me", lambda: me)
            strategy = STRATEGIES["random"](problem)
            KILLED.append(strategy)  # what nobody refers to would be closed, and say that it ends
            return next(strategy)

    def next_of(self, problem):
        strategy = STRATEGIES["random"](replace(problem, history=History(problem.history.path, 1.0)))
        return next(strategy), strategy

    def states(self, problem):
        return [trial.state.name for trial in self.study(problem).trials()]

    def test_of_one_that_ended(self, problem, monkeypatch, sleeper):
        ended = {"pid": sleeper.pid, "started": 1}
        default = self.begin(problem, monkeypatch, **ended)
        again, strategy = self.next_of(problem)
        assert again == default and self.states(problem) == ["FAIL", "RUNNING"]
        strategy.close()
        assert self.states(problem) == ["FAIL", "FAIL"]

    def test_of_one_that_lives(self, problem, monkeypatch, sleeper):
        default = self.begin(problem, monkeypatch, pid=sleeper.pid, started=owner.started(sleeper.pid))
        assert self.next_of(problem)[0] != default

    @pytest.mark.parametrize("where", ["history", "study"])
    def test_a_result_that_was_written_counts(self, problem, monkeypatch, where):
        """Killed between two lines of ours: nothing is evaluated twice."""
        default = self.begin(problem, monkeypatch, started=1)
        if where == "history":
            problem.history.add(result(default.fingerprint))
        else:
            study = self.study(problem)
            for name, value in {"trial": vars(result(default.fingerprint)), "score": 0.5, "latency": 1.0}.items():
                study.storage.set_trial_user_attr(study.trials()[0]._trial_id, name, value)
        known, strategy = self.next_of(problem)
        assert known == default and self.states(problem) == ["COMPLETE"]
        assert strategy.send(result(default.fingerprint)) != default

    def test_a_result_of_a_rival_does_not(self, problem, monkeypatch, sleeper):
        """Killed before it could see that another process had begun with the same candidate."""
        default = self.begin(problem, monkeypatch, pid=sleeper.pid, started=owner.started(sleeper.pid))
        with monkeypatch.context() as late:
            late.setattr(participants.Participant, "_point", lambda self: self.points.default())
            late.setattr(standing.Standing, "taken_before", lambda self, number, fingerprint: "")
            assert self.begin(problem, monkeypatch, started=1) == default
        problem.history.add(result(default.fingerprint))
        other, strategy = self.next_of(problem)
        assert other != default and self.states(problem) == ["RUNNING", "FAIL", "RUNNING"]
        strategy.close()

    def test_a_result_of_an_older_search_does_not(self, problem, monkeypatch):
        """The workspace may hold trials of another model with the same score."""
        problem.history.add(result(problem.default.fingerprint))
        default = self.begin(problem, monkeypatch, started=1)
        again, strategy = self.next_of(problem)
        assert again == default and self.states(problem) == ["FAIL", "RUNNING"]
        strategy.close()

    def test_of_another_machine(self, problem, monkeypatch):
        default = self.begin(problem, monkeypatch, place="elsewhere", started=1)
        other, strategy = self.next_of(problem)
        assert other != default, "there is hope"
        monkeypatch.setattr(shared, "SILENCE", -1.0)
        assert strategy.send(result(other.fingerprint)) == default

    def test_signs_of_life(self, problem, monkeypatch):
        monkeypatch.setattr(shared, "BEAT", 0.01)
        monkeypatch.setattr(shared, "SILENCE", 0.0)
        _, strategy = self.next_of(problem)
        study = self.study(problem)
        for _ in range(500):
            if study.trials()[0].user_attrs.get("beat", 0) > 2:
                break
            time.sleep(0.01)
        mine = study.trials()[0]
        mine.user_attrs["owner"]["place"] = "elsewhere"
        assert mine.user_attrs["beat"] > 2 and not study.is_dead(mine)
        mine.user_attrs["beat"] += 1
        assert not study.is_dead(mine), "it has been heard of"
        assert study.is_dead(mine)
        strategy.close()

    def test_two_at_once_take_different_ones(self, problem):
        (first, one), (second, other) = self.next_of(problem), self.next_of(problem)
        assert first.fingerprint != second.fingerprint
        assert other.send(result(second.fingerprint)) not in (first, second)
        assert one.send(result(first.fingerprint)) == second, "it learns what the other one has found"

    def test_the_lower_number_has_a_candidate_that_two_want(self, problem, monkeypatch):
        """Both look before either has begun."""
        default = problem.default
        first, strategy = self.next_of(problem)
        monkeypatch.setattr(participants.Participant, "_point", lambda self: self.points.default())
        name = self.study(problem).study.study_name
        own = participants.Participant(problem, {"storage": None, "study_name": name}, None, False)
        assert first == default and own.take() is None and own.mine is None
        assert self.states(problem) == ["RUNNING", "FAIL"]
        assert self.study(problem).trials()[-1].user_attrs["ended"] == "another process has the same candidate"
