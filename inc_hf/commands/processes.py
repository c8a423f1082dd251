"""Several processes of one run, as `accelerate launch` starts them: the first writes and speaks."""

import gc
import os


def is_main() -> bool:
    """Whether this process is the first, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def join(use_cpu: bool) -> None:
    """Meet the other processes, if there are any."""
    from accelerate import PartialState

    PartialState(cpu=use_cpu)


def wait() -> None:
    """For the others to come here, too."""
    from accelerate import PartialState

    PartialState().wait_for_everyone()


def leave() -> None:
    """The end of the common work.

    One of several processes may hang or abort as it ends (pytorch/pytorch#179291), unless the model is gone first.
    """
    from accelerate import PartialState

    if PartialState().use_distributed:
        gc.collect()
        PartialState().destroy_process_group()
