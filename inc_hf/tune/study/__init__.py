"""A search that several processes share, as a study of Optuna, which is imported when a strategy needs it."""

from inc_hf.tune.study.steering import check_study, studied

__all__ = ["check_study", "studied"]
