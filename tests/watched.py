"""The program, watched from within: `python tests/watched.py ARGUMENTS...` runs it, and says on the
last line of standard error, as JSON, whom it spoke to and for how long its event loop was held up
once LiteLLM was there (seconds)."""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

TICK = 0.02  # seconds

spoken_to: set[str] = set()
held = 0.0


def listen(event: str, args: tuple) -> None:
    """Python's audit hook: every look-up and every connection, whoever makes it."""
    if event == "socket.getaddrinfo":
        spoken_to.add(str(args[0]))
    elif event == "socket.connect" and isinstance(args[1], tuple):
        spoken_to.add(str(args[1][0]))


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes event loops in which a clock ticks."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        if threading.current_thread() is threading.main_thread():
            loop.call_soon(tick, loop, now(), True)
        return loop


def now() -> float:
    """Seconds, without those for which this thread waited for a processor, as Linux tells them:
    what other programs take is no fault of the loop's."""
    try:
        waited = int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        waited = 0.0
    return time.monotonic() - waited


def tick(loop: asyncio.AbstractEventLoop, due: float, importing: bool) -> None:
    from harness.models import engine

    global held
    if not importing:
        held = max(held, now() - due)
    still = engine.loading()
    loop.call_later(TICK, tick, loop, now() + TICK, still)


if __name__ == "__main__":
    sys.addaudithook(listen)
    asyncio.set_event_loop_policy(Policy())
    from harness.cli import main

    code = main(sys.argv[1:])
    print(json.dumps({"spoken_to": sorted(spoken_to), "held": held}), file=sys.stderr)
    sys.exit(code)
