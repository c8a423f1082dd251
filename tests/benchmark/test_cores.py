import os

import pytest

from inc_hf.benchmark import cores
from inc_hf.benchmark.cores import parse_list, physical_cores, share_out

# Four cores of two threads each.
FOUR = [[0, 4], [1, 5], [2, 6], [3, 7]]


def test_lists_of_cpus():
    assert parse_list("0-2,8\n") == {0, 1, 2, 8} and parse_list("") == set()


@pytest.mark.parametrize(
    "instances, each, expected",
    [
        (1, None, [[0, 1, 2, 3]]),
        (2, None, [[0, 1], [2, 3]]),
        (3, None, [[0], [1], [2]]),
        (2, 1, [[0], [1]]),
    ],
)
def test_one_thread_of_each_core(instances, each, expected):
    assert share_out(instances, each, FOUR) == expected


@pytest.mark.parametrize("instances, each", [(5, None), (2, 3), (1, 5)])
def test_more_than_there_are(instances, each):
    with pytest.raises(
        ValueError, match="needs? . physical cores, but this process may use 4; lower `num_of_instance`"
    ):
        share_out(instances, each, FOUR)


def test_the_cores_of_this_machine():
    found = physical_cores()
    flat = [cpu for core in found for cpu in core]
    assert len(flat) == len(set(flat)) and set(flat) == os.sched_getaffinity(0)


def test_threads_of_a_core_and_nodes(tmp_path, monkeypatch):
    for cpu, (siblings, node) in enumerate([("0,2", 1), ("1,3", 0), ("0,2", 1), ("1,3", 0)]):
        (tmp_path / f"cpu/cpu{cpu}/topology").mkdir(parents=True)
        (tmp_path / f"cpu/cpu{cpu}/topology/thread_siblings_list").write_text(siblings)
        (tmp_path / f"cpu/cpu{cpu}/node{node}").mkdir()
    monkeypatch.setattr(cores, "SYSTEM", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 3})
    assert physical_cores() == [[1, 3], [0]]
