"""Own figures in the Trainer's logs."""

from transformers import TrainerState


def add_to_logs(state: TrainerState, logs: dict[str, float], figures: dict[str, float]) -> None:
    """Put `figures` into `logs`, and into the entry of the history that the Trainer has just copied from them."""
    logs.update(figures)
    if state.log_history and state.log_history[-1].get("step") == state.global_step:
        state.log_history[-1].update(figures)
