"""How fast a sweep is: 64 conversations at once against a provider that takes 2 s a message.

    python benchmarks/bench_sweep.py [--turns 30] [--conversations 64] [--delay 2]

Each part is a process of its own, as is the provider: the sweep; the same conversations through
bare `litellm.acompletion`, streamed in the same way, with nothing around it; and a few messages
one after another, from which the serial time is estimated. Import is not counted. Prints ratios of
things measured in this run; nothing is asserted.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench_loop import provider_process

SERIAL = 5  # messages measured one after another


def sweep(args: argparse.Namespace) -> float:
    """The sweep, from the moment that LiteLLM is there; seconds."""
    from harness import cli
    from harness.models import engine
    from harness.sweep import sweep as module

    spent = []

    class Timed(module.Sweep):
        async def go(self, show: object) -> int:
            await engine.ready()
            began = time.perf_counter()
            code = await super().go(show)
            spent.append(time.perf_counter() - began)
            return code

    module.Sweep = Timed
    with tempfile.TemporaryDirectory() as folder:
        size = ["--runs", str(args.conversations), "--concurrency", str(args.conversations)]
        words = ["-a", "opus", "-b", "opus", "--api-base", args.url, "--max-turns", str(args.turns)]
        cli.main(["sweep", *words, *size, "--quiet", "--log-dir", folder])
        logs = [path.read_bytes() for path in Path(folder).glob("*/*.jsonl")]
    said = sum(log.count(b'{"type": "turn"') for log in logs)
    assert said == 2 * args.turns * args.conversations, said
    return spent[0]


async def bare(args: argparse.Namespace) -> float:
    """The same conversations, each two lists of messages and a loop around acompletion."""
    from harness.models import call, engine
    from harness.talk.options import make_settings

    settings = make_settings({"model_a": "opus", "model_b": "opus", "api_base": args.url})
    litellm = await engine.ready()
    sent = call.request(settings.a, [], settings.schemas(), 120, {})

    async def hold() -> None:
        system = {"role": "system", "content": settings.a.system}
        mine, other = [system, {"role": "user", "content": settings.seed}], [system]
        for _ in range(2 * args.turns):
            parts, text = await litellm.acompletion(**sent | {"messages": mine}), []
            async for chunk in parts:
                if chunk.choices:
                    text.append(chunk.choices[0].delta.content or "")
            mine.append({"role": "assistant", "content": "".join(text)})
            other.append({"role": "user", "content": "".join(text)})
            mine, other = other, mine

    began = time.perf_counter()
    await asyncio.gather(*(hold() for _ in range(args.conversations)))
    return time.perf_counter() - began


def part(name: str, args: argparse.Namespace, **changed: int) -> tuple[float, float]:
    """One part in a process of its own: its seconds, and its peak of memory in MB."""
    values = vars(args) | changed | {"part": name}
    words = [f"--{key}={value}" for key, value in values.items()]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)


def main() -> None:
    """Measure, or be one of the measured parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--conversations", type=int, default=64)
    parser.add_argument("--delay", type=float, default=2.0)
    parser.add_argument("--part", default="")
    parser.add_argument("--url", default="")
    args = parser.parse_args()
    os.environ["ANTHROPIC_API_KEY"] = "bench"
    if args.part:
        seconds = sweep(args) if args.part == "sweep" else asyncio.run(bare(args))
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with provider_process("--delay", str(args.delay)) as args.url:
        ours, memory = part("sweep", args)
        theirs, least = part("bare", args)
        one, _ = part("sweep", args, conversations=1, turns=SERIAL)
    messages = 2 * args.turns * args.conversations
    floor = 2 * args.turns * args.delay
    serial = one / (2 * SERIAL) * messages
    print(f"{args.conversations} conversations x {args.turns} turns = {messages:,} messages")
    print(f"the delay alone      {floor:7.1f} s")
    print(f"bare acompletion     {theirs:7.1f} s  {least:4.0f} MB")
    print(f"the sweep            {ours:7.1f} s  {memory:4.0f} MB  (aim: at most 400 MB)")
    print(f"of what bare acompletion reaches    {theirs / ours:.3f}  (aim: at least 0.95)")
    print(f"of what the delay would allow       {floor / ours:.3f}  (aim: at least 0.9)")
    print(
        f"one after another    {serial:7.0f} s  (an estimate from {2 * SERIAL} messages): "
        f"{serial / ours:.0f} times as long"
    )


if __name__ == "__main__":
    main()
