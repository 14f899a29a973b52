"""A fake model provider: a real HTTP server on loopback, as strict as the real ones.

    with Provider(["Hello", Reply("Bye", delay=0.2), Reply(fault=status(429))]) as provider:
        litellm.acompletion("anthropic/claude-x", api_base=provider.url, api_key="k", ...)
        litellm.acompletion("openai/gpt-x", api_base=provider.url + "/v1", api_key="k", ...)
        litellm.acompletion("gemini/gemini-x", api_base=provider.url, api_key="k", ...)
        litellm.acompletion("ollama_chat/x", api_base=provider.url, ...)
        litellm.acompletion("bedrock/x", api_base=provider.url, api_key="k", ...)

    python tests/provider.py --port 0 --delay 2 --chunks 10     # its own process, for benchmarks

It speaks the Anthropic Messages API and OpenAI's chat completions, streamed or not, Gemini's
streamGenerateContent, Ollama's /api/chat and Bedrock's converse-stream, keeps every request as it
arrived, misbehaves where a `Fault` says so, and keeps a prompt cache with the real accounting
rules. Tokens are an estimate everywhere: four UTF-8 bytes make one. Its parts are in `fake/`.
"""

import argparse
import contextlib
import signal
import threading

from fake.cache import prefix_blocks
from fake.rules import signature
from fake.script import (
    NO_CREDIT,
    NO_QUOTA,
    Fault,
    Reply,
    Request,
    cut,
    eof,
    error_event,
    hang,
    junk,
    reset,
    stall,
    status,
    wrong_tool_id,
)
from fake.server import Provider

__all__ = [
    "NO_CREDIT",
    "NO_QUOTA",
    "Fault",
    "Provider",
    "Reply",
    "Request",
    "cut",
    "eof",
    "error_event",
    "hang",
    "junk",
    "prefix_blocks",
    "reset",
    "signature",
    "stall",
    "status",
    "wrong_tool_id",
]


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the headers")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between chunks")
    parser.add_argument("--chunks", type=int, default=10, help="chunks of 20 characters a reply")
    parser.add_argument("--cache-minimum", type=int, default=1024, help="tokens")
    args = parser.parse_args()

    def reply(_: dict, index: int) -> Reply:
        chunks = [f"{index:>8} part {i:>5}. " for i in range(args.chunks)]
        return Reply(chunks=chunks, delay=args.delay, pace=args.pace)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = Provider(reply, port=args.port, cache_minimum=args.cache_minimum, keep=False)
    with server as provider, contextlib.suppress(KeyboardInterrupt):
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
