"""How much of the input is read from the provider's cache, and what that saves. Run by hand:

    python benchmarks/bench_cache.py

One conversation of 100 turns with the cache and one without, both through the fake provider with
the real accounting rules (at least 512 tokens, written once, read at the price of reading).
Prints ratios; nothing here is asserted.
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from provider import Provider, Reply

from harness import cli
from harness.models import catalogue
from harness.talk import transcript

TURNS, WORDS = 100, 170  # about 250 tokens a message


def reply(body: dict, index: int) -> Reply:
    """A message; every tenth one tries an exit tool first."""
    calls = (("kill_puppies_to_exit_loop", {"reason": f"stuck {index}"}),)
    return Reply(f"message {index}: " + "words " * WORDS, tools=calls if index % 10 == 9 else ())


def input_of(*flags: str) -> tuple[int, int, float]:
    """Input tokens, those of them read from the cache, and the input's cost in USD."""
    with tempfile.TemporaryDirectory() as folder, Provider(reply, cache_minimum=512) as provider:
        words = ["-a", "opus", "-b", "sonnet", "--api-base", provider.url, "--quiet"]
        code = cli.main([*words, "--max-turns", str(TURNS), "--log-dir", folder, *flags])
        assert code == 0, f"the run ended with {code}"
        messages = transcript.read(next(Path(folder).glob("*.jsonl"))).messages
    assert len(messages) == 2 * TURNS, f"{len(messages)} messages"
    usages = [(m["usage"], catalogue.entry(m["model"]), m["cost_usd"]) for m in messages]
    said = sum(usage["output"] * about["output_cost_per_token"] for usage, about, _ in usages)
    return (
        sum(usage["input"] for usage, _, _ in usages),
        sum(usage["cache_read"] for usage, _, _ in usages),
        sum(cost for _, _, cost in usages) - said,
    )


if __name__ == "__main__":
    os.environ["ANTHROPIC_API_KEY"] = "bench"
    tokens, read, cost = input_of()
    _, none, uncached = input_of("--no-cache")
    print(f"{TURNS} turns, {tokens:,} input tokens, {read:,} of them from the cache")
    print(f"share of the input read from the cache   {read / tokens:.3f}  (aim: at least 0.85)")
    print(
        f"cost of the input with and without       ${cost:.2f}, ${uncached:.2f}"
        f" = {cost / uncached:.3f}  (aim: at most 0.25)"
    )
    print(f"read from the cache with --no-cache      {none}")
