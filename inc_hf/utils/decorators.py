"""What INC's scripts put before their own functions and classes."""

import contextlib
import ctypes
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from inc_hf.utils.logger import info

__all__ = ["alias_param", "dump_elapsed_time", "singleton", "time_limit"]


def singleton(cls: type) -> Callable[..., Any]:
    """A class of which there is one object, made at the first call."""

    @functools.wraps(cls, updated=())
    @functools.cache
    def only_one(*args: Any, **kwargs: Any) -> Any:
        return made[0] if made else made.append(cls(*args, **kwargs)) or made[0]

    made: list[Any] = []
    return only_one


def alias_param(param_name: str, param_alias: str) -> Callable[[Callable], Callable]:
    """A decorator of a function that is to know its argument `param_name` by a second name."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            if param_alias in kwargs:
                kwargs[param_name] = kwargs.pop(param_alias)
            return function(*args, **kwargs)

        return called

    return decorate


def dump_elapsed_time(customized_msg: str = "") -> Callable[[Callable], Callable]:
    """A decorator that logs how long each call of a function took."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            milliseconds = (time.perf_counter() - start) * 1000
            info(f"{customized_msg or function.__qualname__} elapsed time: {milliseconds:.2f} ms")
            return result

        return called

    return decorate


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError as soon as what is inside takes longer; 0 is no limit.

    It is raised before the next instruction of Python: a long call into a library ends first. INC used an alarm of the
    system, which interrupts threads that do not expect it, and may end the process if it comes late.
    """
    if not seconds:
        yield
        return
    lock, thread, state = threading.Lock(), ctypes.c_ulong(threading.get_ident()), {"inside": True, "late": False}

    def stop() -> None:
        with lock:
            if state["inside"]:
                state["late"] = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeoutError))

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    except TimeoutError:
        if not state["late"]:
            raise
        raise TimeoutError(f"It took longer than {seconds} seconds.") from None
    finally:
        timer.cancel()
        with lock:
            state["inside"] = False
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
