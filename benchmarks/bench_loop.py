"""How much the harness costs: start-up, and time and memory per message. Run by hand:

    python benchmarks/bench_loop.py

Prints ratios of things measured side by side in this run; nothing here is asserted.
"""

import asyncio
import contextlib
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from provider import Provider

import attractor
from harness.models import call, engine
from harness.models.reply import Reply
from harness.screen.silent import Silent
from harness.talk.controls import Controls
from harness.talk.log import Log
from harness.talk.options import make_settings

TURNS = 1000
EARLY, LATE = slice(10, 110), slice(1890, 1990)  # messages
SAMPLE = (20, 21, 22, 23, 24, 1990, 1991, 1992, 1993, 1994)  # messages whose requests are kept


def timed(*command: str, **env: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=os.environ | env, check=False, capture_output=True)
    return time.perf_counter() - began


def start_up() -> None:
    """--help, a bare import of LiteLLM, and the time to the first request on the wire."""
    python, program = sys.executable, str(ROOT / "attractor.py")
    helped = min([timed(python, program, "--help") for _ in range(5)])
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    bare, first, drawn = [], [], []
    for _ in range(5):  # alternating, so that both meet the same machine
        bare.append(timed(python, "-c", "import litellm", **local))
        request, header = first_request(python, program)
        first.append(request)
        drawn.append(header)
    print(f"--help                                {helped:.3f} s")
    print(f"bare `import litellm`                 {min(bare):.2f} s")
    print(f"process start to the header           {min(drawn):.3f} s")
    print(
        f"process start to the first request    {min(first):.2f} s"
        f" = {min(first) / min(bare):.2f} of the bare import"
    )


def first_request(python: str, program: str) -> tuple[float, float]:
    with Provider(lambda body, i: "hi") as provider, tempfile.TemporaryDirectory() as folder:
        began, clock = time.perf_counter(), time.monotonic()
        pair = ["-a", "opus", "-b", "opus", "--api-base", provider.url]
        process = subprocess.Popen(
            [python, program, *pair, "--max-turns", "1", "--log-dir", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        process.stdout.readline()
        header = time.perf_counter() - began
        provider.wait_for(1, 60)
        arrived = provider.requests[0].time_received - clock
        process.communicate()
        return arrived, header


def resident() -> float:
    """This process's resident memory in MB (Linux; elsewhere nan)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


@contextlib.contextmanager
def provider_process(*arguments: str) -> Iterator[str]:
    """The fake provider in a process of its own, so that its work is not taken for ours."""
    command = [sys.executable, str(ROOT / "tests" / "provider.py"), "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


async def bare_call(litellm: object, sent: dict) -> float:
    """A request through litellm alone; its seconds."""
    began = time.perf_counter()
    async for _ in await litellm.acompletion(**sent):
        pass
    return time.perf_counter() - began


class Calls:
    """Stands before `call.complete` and keeps what each request took, as (s, s of processor time),
    and some of the requests. `then`: one more request that each makes within it."""

    def __init__(self, litellm: object):
        self.litellm, self.complete, self.then = litellm, call.complete, None
        self.took: list[tuple[float, float]] = []
        self.sample: dict[int, dict] = {}

    async def __call__(self, sent: dict, *rest: object) -> None:
        began = clocks()
        await self.complete(sent, *rest)
        if self.then:
            await self.complete(self.then, Reply(), 60.0, lambda kind, piece: None)
        self.took.append(since(began))
        if len(self.took) in SAMPLE:
            self.sample[len(self.took)] = sent | {"messages": list(sent["messages"])}

    async def added(self, talk: attractor.Conversation) -> tuple[float, float]:
        """Hold one message; what it took beside its call."""
        began = clocks()
        talk.record(await talk.speak(*talk.state.next_up()))
        return tuple(all - call for all, call in zip(since(began), self.took[-1], strict=True))


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    return tuple(now - then for now, then in zip(clocks(), began, strict=True))


def middle(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """The medians, in ms."""
    return tuple(statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))


async def messages() -> None:
    """What the harness adds to each message, early and late in a long conversation."""
    with provider_process("--delay", "0") as url, tempfile.TemporaryDirectory() as folder:
        options = {"model_a": "opus", "model_b": "opus", "api_base": url, "max_turns": TURNS}
        settings, show = make_settings(options), Silent()
        call.warm(settings.a, settings.b)  # as the program does
        calls = call.complete = Calls(await engine.ready())

        def begin(name: str) -> attractor.Conversation:
            return attractor.Conversation(
                settings, Log.create(Path(folder), name), show, Controls(show)
            )

        talk, added, memory = begin("long"), [], {}
        while not talk.over():
            added.append(await calls.added(talk))
            if len(added) in (200, 1000, 2000):
                gc.collect()
                memory[len(added)] = resident()
        one_after_another(added, calls)
        await beside_each_other(talk, begin("short"), calls)
        await beside_bare_calls(calls)
        text = talk.log.path.stat().st_size / 1e6
        print(f"resident memory after 200, 1,000, 2,000 messages: {memory} MB; log {text:.1f} MB")


def one_after_another(added: list, calls: Calls) -> None:
    """Turns 5 to 55 and turns 945 to 995 of one conversation."""
    early, late = (middle(added[part]) for part in (EARLY, LATE))
    for name, part, (wall, busy) in (("early", EARLY, early), ("late", LATE, late)):
        inside = middle(calls.took[part])
        print(
            f"{name}: LiteLLM and provider {inside[0]:6.2f} ms a message ({inside[1]:.2f} of "
            f"processor time here), the harness adds {wall:.2f} ms ({busy:.2f})"
        )
    print(f"added at turn 1,000 / at turn 5: {late[0] / early[0]:.2f} ({late[1] / early[1]:.2f})")


async def beside_each_other(
    long: attractor.Conversation, short: attractor.Conversation, calls: Calls
) -> None:
    """The same with both conversations in turn, and behind each call a request of 1,000 turns:
    what that does to the processor's caches, and its wait for the answer, slow down whatever comes
    next. Here both meet it, so that what differs is the harness's own."""
    for _ in range(EARLY.start):
        await calls.added(short)
    calls.then, pairs = calls.sample[max(SAMPLE)], []
    for _ in range(100):
        pairs.append((await calls.added(short), await calls.added(long)))
    calls.then = None
    early, late = map(middle, zip(*pairs, strict=True))
    print(
        f"both behind a request of 1,000 turns: {late[0]:.2f} ms ({late[1]:.2f}) / "
        f"{early[0]:.2f} ms ({early[1]:.2f}) = {late[0] / early[0]:.2f} ({late[1] / early[1]:.2f})"
    )


async def beside_bare_calls(calls: Calls) -> None:
    """The call inside the harness, and the same request through LiteLLM alone."""
    for name, part in (("early", SAMPLE[:5]), ("late", SAMPLE[5:])):
        own = statistics.median(calls.took[i - 1][0] for i in part)
        bare = statistics.median([await bare_call(calls.litellm, calls.sample[i]) for i in part])
        print(f"{name}: the call inside the harness {own / bare:.2f} of a bare acompletion")


if __name__ == "__main__":
    os.environ["ANTHROPIC_API_KEY"] = "bench"
    start_up()
    asyncio.run(messages())
