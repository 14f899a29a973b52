"""A sweep's conversations as Ray tasks, on machines that share the log folder (an optional extra).

    pip install -r requirements-ray.txt
    python attractor.py sweep ... --ray           on this machine
    python attractor.py sweep ... --ray auto      on the cluster that this machine belongs to

A task does one part of the sweep, as `--shard` would, and tells a board what becomes of its runs.
What a lost worker leaves behind are logs that were cut: Ray starts the task again elsewhere, and
it goes on with them.
"""

import asyncio
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

from harness.sweep.options import parse_arguments
from harness.sweep.run import News, Run
from harness.sweep.sweep import Onlooker, Sweep, prepare
from harness.talk.log import LogError
from harness.text import UserError, install

ROOT = Path(__file__).parent.parent.parent
LOSSES = 20  # how often a task may lose its worker
DYING = 60.0  # seconds that a lost worker is given to let go of its logs
REACH = 10.0  # seconds to wait for an answer from the cluster's address


class Board:
    """What the tasks have told so far, and how often they were asked to stop. A Ray actor."""

    def __init__(self) -> None:
        self.news: dict[str, News] = {}
        self.stops = 0

    def tell(self, news: dict[str, News]) -> int:
        """Note what became of runs; returns how often the sweep was asked to stop."""
        self.news |= news
        return self.stops

    def take(self, stops: int) -> dict[str, News]:
        """What is new since the last call; `stops` is for the tasks."""
        news, self.news, self.stops = self.news, {}, stops
        return news


class Teller:
    """A task's display: it tells the board instead of drawing, and hears when to stop."""

    plain = True

    def __init__(self, ray: Any, board: Any):
        self.ray, self.board, self.stops = ray, board, 0

    def draw(self, sweep: Sweep) -> None:
        """Tell the board where all the runs of this part are."""
        news = {run.path.name: run.news() for run in sweep.runs}
        stops = self.ray.get(self.board.tell.remote(news))
        for _ in range(stops - self.stops):
            sweep.stop(signal.SIGINT)
        self.stops = stops

    def finished(self, run: Run) -> None:
        """Nothing: the next `draw` tells it."""


def part(arguments: list[str], k: int, parts: int, folder: str, board: Any) -> None:
    """The task: hold the conversations of one part that are missing."""
    import ray

    os.chdir(folder)
    args = parse_arguments(arguments)
    teller, until = Teller(ray, board), time.monotonic() + DYING
    while True:
        sweep, _, _ = prepare(args, (k, parts))
        teller.draw(sweep)
        asyncio.run(sweep.go(teller))
        busy = any(run.state == "elsewhere" for run in sweep.runs)
        if not busy or sweep.stopping or time.monotonic() > until:
            return
        time.sleep(1)  # a worker whose node was lost may hold a log for as long as it takes to die


def go(sweep: Sweep, address: str, arguments: list[str], show: Onlooker) -> int:
    """Hold the sweep's conversations as Ray tasks; returns the exit code. Raises UserError where
    there is no Ray, and LogError where it fails."""
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError(f"--ray needs Ray: {install('ray')}") from None
    parts = -(-len(sweep.runs) // sweep.concurrency)
    _connect(ray, address)
    try:
        # On the node of this process: any other may be lost without the sweep.
        here = ray.get_runtime_context().get_node_id()
        pinned = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        board = ray.remote(num_cpus=0, scheduling_strategy=pinned)(Board).remote()
        task = ray.remote(max_retries=LOSSES, num_cpus=1)(part)
        tasks = {
            task.remote(arguments, k, parts, os.getcwd(), board): k for k in range(1, parts + 1)
        }
        code = _watch(ray, sweep, tasks, board, show)
    except ray.exceptions.RayError as error:
        said = str(error).strip().partition("\n")[0]
        raise LogError(f"--ray: the cluster failed: {said}; the same command goes on") from None
    finally:
        ray.shutdown()
    if sweep.judging:
        sweep.judging.read_labels()  # it was the tasks that labelled
    return code or sweep.outcome()


def _connect(ray: Any, address: str) -> None:
    if found := re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d+)", address):
        try:  # Ray itself would try for minutes
            socket.create_connection((found[1], int(found[2])), REACH).close()
        except (OSError, OverflowError) as error:
            raise UserError(f"--ray {address}: cannot reach it: {error}") from None
    # Workers find the code in the folder that they share. Keys come from the .env there or from
    # their own environment: they never pass through Ray.
    paths = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    new: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, runtime_env=paths, log_to_driver=False, logging_level="ERROR", **new)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"--ray {address}: {str(error).splitlines()[0]}") from None


def _watch(ray: Any, sweep: Sweep, tasks: dict[Any, int], board: Any, show: Onlooker) -> int:
    """Show what the board says until all tasks are done; returns the exit code."""
    stops: list[int] = []

    def on_signal(number: int, _: Any) -> None:
        sweep.stop(number)
        stops.extend([number] if number == signal.SIGINT else [number, number])

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        left = list(tasks)
        while left:
            done, left = ray.wait(left, num_returns=len(left), timeout=1)
            news = ray.get(board.take.remote(len(stops)))
            for run in sweep.runs:
                if run.path.name in news and run.hear(news[run.path.name]):
                    show.finished(run)
            for task in done:
                _task_over(ray, task, sweep.runs[tasks[task] - 1 :: len(tasks)])
            show.draw(sweep)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + stops[0] if stops else 0


def _task_over(ray: Any, task: Any, runs: list[Run]) -> None:
    """A task is over; what it could not do has failed."""
    try:
        ray.get(task)
    except Exception as error:  # Ray wraps whatever a task raised
        for run in runs:
            if not run.ended:
                run.fail((str(error).strip() or repr(error)).splitlines()[-1])
