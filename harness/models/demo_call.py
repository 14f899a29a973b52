"""A demo model's reply: the script's words, streamed like a model's, without LiteLLM."""

import asyncio
import time
from collections.abc import Callable

from harness.models import demo
from harness.models.reply import Reply
from harness.models.said import Said
from harness.models.wire import Sent


async def complete(sent: Sent, reply: Reply, hear: Callable[[str, str], None]) -> None:
    """Play the answer of the script that `sent` names into `reply`, `demo_pace` seconds a piece.

    Takes what `call.complete` takes. Costs nothing; tokens are counted roughly, four characters
    of the request for one, and one for each piece of the answer."""
    started, messages = time.monotonic(), sent["messages"]
    name = sent["model"].partition("/")[2]
    text, calls = demo.compose(name, messages, sent.get("tools") or [], sent["demo_seed"])
    counts = {"input": len(str(messages)) // 4, "output": 0, "cache_read": 0, "cache_write": 0}
    said, pieces = Said(), 0
    try:
        for piece in demo.chunks(text):
            await asyncio.sleep(sent["demo_pace"])
            reply.begin(time.monotonic() - started)
            said.text(piece)
            pieces += 1
            hear("text", piece)
        for index, (tool, words) in enumerate(calls):
            said.call(None, f"demo_{len(messages)}_{index}", tool, words, new=True)
        said.end("tool_calls" if calls else "stop")
    finally:
        reply.take(said)
        if pieces or said.ended:  # stopped before its first word it has cost nothing
            reply.count(counts | {"output": pieces}, 0.0, estimated=not said.ended)
