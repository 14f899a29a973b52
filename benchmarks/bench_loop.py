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
from harness.screen.silent import Silent
from harness.talk.controls import Controls
from harness.talk.log import Log
from harness.talk.options import make_settings

TURNS = 1000


def timed(*command: str, **env: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=os.environ | env, check=False, capture_output=True)
    return time.perf_counter() - began


def best(times: list[float]) -> float:
    return min(times)


def start_up() -> None:
    """--help, a bare import of LiteLLM, and the time to the first request on the wire."""
    python, program = sys.executable, str(ROOT / "attractor.py")
    helped = best([timed(python, program, "--help") for _ in range(5)])
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    bare, first, drawn = [], [], []
    for _ in range(5):  # alternating, so that both meet the same machine
        bare.append(timed(python, "-c", "import litellm", **local))
        request, header = first_request(python, program)
        first.append(request)
        drawn.append(header)
    print(f"--help                                {helped:.3f} s")
    print(f"bare `import litellm`                 {best(bare):.2f} s")
    print(f"process start to the header           {best(drawn):.3f} s")
    print(
        f"process start to the first request    {best(first):.2f} s"
        f" = {best(first) / best(bare):.2f} of the bare import"
    )


def first_request(python: str, program: str) -> tuple[float, float]:
    with Provider(lambda body, i: "hi") as provider, tempfile.TemporaryDirectory() as folder:
        began, clock = time.perf_counter(), time.monotonic()
        process = subprocess.Popen(
            [
                python,
                program,
                "-a",
                "opus",
                "-b",
                "opus",
                "--api-base",
                provider.url,
                "--max-turns",
                "1",
                "--log-dir",
                folder,
            ],
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


async def bare_calls(litellm: object, sample: list[dict]) -> list[float]:
    """The same requests through litellm alone, one after another."""
    times = []
    for sent in sample:
        began = time.perf_counter()
        parts = await litellm.acompletion(**sent)
        async for _ in parts:
            pass
        times.append(time.perf_counter() - began)
    return times


async def messages() -> None:
    """What the harness adds to each message, early and late in a long conversation."""
    litellm = await engine.ready()
    with provider_process("--delay", "0") as url, tempfile.TemporaryDirectory() as folder:
        options = {"model_a": "opus", "model_b": "opus", "api_base": url}
        options |= {"max_turns": TURNS}
        log = Log.create(Path(folder))
        show = Silent()
        talk = attractor.Conversation(make_settings(options), log, show, Controls(show))
        spans, sample, marks, memory = [], [], {}, {}
        complete = call.complete

        async def spy(sent: dict, *rest: object) -> None:
            began = time.perf_counter()
            await complete(sent, *rest)
            spans.append(time.perf_counter() - began)
            if len(spans) in (20, 21, 22, 23, 24, 1990, 1991, 1992, 1993, 1994):
                sample.append(sent | {"messages": list(sent["messages"])})

        call.complete = spy
        whole, began = [], time.perf_counter()
        while not talk.over():
            talk.record(await talk.speak(*talk.state.next_up()))
            ended = time.perf_counter()
            whole.append(ended - began)
            began = ended
            if len(whole) in (200, 1000, 2000):
                gc.collect()
                memory[len(whole)] = resident()
                began = time.perf_counter()
        call.complete = complete
        added = [total - inside for total, inside in zip(whole, spans, strict=True)]
        for name, part in (("early", slice(10, 110)), ("late", slice(1890, 1990))):
            marks[name] = statistics.median(added[part])
            inside = statistics.median(spans[part])
            print(
                f"{name}: LiteLLM and provider {inside * 1e3:6.2f} ms a message, "
                f"the harness adds {marks[name] * 1e3:.2f} ms"
            )
        early, late = sample[:5], sample[5:]
        for name, part in (("early", early), ("late", late)):
            own = statistics.median(spans[20:25] if name == "early" else spans[1990:1995])
            bare = statistics.median(await bare_calls(litellm, part))
            print(f"{name}: the call inside the harness {own / bare:.2f} of a bare acompletion")
        print(f"added at turn 1,000 / at turn 5: {marks['late'] / marks['early']:.2f}")
        text = log.path.stat().st_size / 1e6
        print(f"resident memory after 200, 1,000, 2,000 messages: {memory} MB; log {text:.1f} MB")
        log.close()


if __name__ == "__main__":
    os.environ["ANTHROPIC_API_KEY"] = "bench"
    start_up()
    asyncio.run(messages())
