"""Tasks that tests hand to workers: top-level functions that need no sampler."""

import os
import signal
import time
from pathlib import Path

import numpy as np


def draw(task):
    """A number from the task's own stream, whoever draws it."""
    name, seed = task
    return name, float(np.random.default_rng([seed, *name.encode()]).normal())


def slow_draw(task):
    """The same, after a while, with a line in a log for every time it is done."""
    name, seed, log, seconds = task
    time.sleep(seconds)
    with open(log, "a") as file:
        file.write(f"{name}\n")
    return [{"case": name, "rate": np.random.default_rng([seed, *name.encode()]).normal(size=5),
             "level": np.zeros(5)}]


def own_id():
    """Process id of the worker, after a moment in which the other worker takes one too."""
    time.sleep(0.3)
    return os.getpid()


def hold_the_lock():
    """Half a minute and more in which no other thread of the worker can run."""
    return sum(range(10**9 * 3))


def refuse_odd(number):
    """Half of the number, or an error where it is odd."""
    if number % 2:
        raise ValueError(f"{number} is odd\n\nand more that nobody wants to read")
    return number // 2


def die_once(task):
    """Kill the worker the first time, then draw."""
    name, mark = task
    if mark and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return draw((name, 1))


def die(task):
    """Kill the worker where asked to, after what it did before has been fetched.

    (Dask asks a dead worker for a result for half a minute.)
    """
    name, deadly = task
    if deadly:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    return draw((name, 1))
