"""A demo model's reply: the script's words, streamed like a model's, without LiteLLM."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from harness.models import demo
from harness.models.reply import Reply


async def complete(sent: dict[str, Any], reply: Reply, hear: Callable[[str, str], None]) -> None:
    """Play the answer of the script that `sent` names into `reply`, `demo_pace` seconds a piece.

    Takes what `call.complete` takes. Costs nothing; tokens are counted roughly, four characters
    of the request for one, and one for each piece of the answer."""
    started, messages = time.monotonic(), sent["messages"]
    name = sent["model"].partition("/")[2]
    text, calls = demo.compose(name, messages, sent.get("tools") or [], sent["demo_seed"])
    counts = {"input": len(str(messages)) // 4, "output": 0, "cache_read": 0, "cache_write": 0}
    said = 0
    try:
        for piece in demo.chunks(text):
            await asyncio.sleep(sent["demo_pace"])
            reply.begin(time.monotonic() - started)
            reply.text += piece
            said += 1
            hear("text", piece)
        reply.calls = [
            {"id": f"demo_{len(messages)}_{index}", "name": tool, "arguments": words, "extra": {}}
            for index, (tool, words) in enumerate(calls)
        ]
        reply.finish_reason = "tool_calls" if calls else "stop"
    finally:
        if said or reply.finish_reason:  # stopped before its first word it has cost nothing
            reply.usage, reply.cost = counts | {"output": said}, 0.0
            reply.estimated = reply.finish_reason is None
