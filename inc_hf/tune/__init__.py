"""Searching for a configuration that meets an accuracy goal."""

from inc_hf.tune.candidate import Candidate
from inc_hf.tune.deploy import DeployConfig
from inc_hf.tune.diagnosis import diagnose, write_diagnosis
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import History, Trial
from inc_hf.tune.problem import Problem
from inc_hf.tune.search import search
from inc_hf.tune.sensitivity import rank_by_damage, rank_twins
from inc_hf.tune.strategies import STRATEGIES
from inc_hf.tune.tuner import TuneResult, tune

__all__ = [
    "STRATEGIES",
    "Candidate",
    "DeployConfig",
    "Goal",
    "History",
    "Problem",
    "Trial",
    "TuneResult",
    "diagnose",
    "rank_by_damage",
    "rank_twins",
    "search",
    "tune",
    "write_diagnosis",
]
