"""The fake provider keeps the promises that every other test leans on."""

import asyncio
import json
import socket
import time

import httpx
import pytest
from provider import (
    NO_CREDIT,
    Provider,
    Reply,
    cut,
    eof,
    error_event,
    hang,
    junk,
    reset,
    signature,
    stall,
    status,
    wrong_tool_id,
)

from harness.models import engine

ANTHROPIC, OPENAI = "anthropic/claude-opus-5-5", "openai/gpt-x"
HELLO = [{"role": "user", "content": "Hello there"}]
LEAVE = {"name": "leave", "description": "Leave.", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": LEAVE}]
WIRE_TOOLS = [{"name": "leave", "input_schema": {"type": "object"}}]


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Whichever test imports LiteLLM first: it asks nobody for prices."""
    for name, value in engine.ALONE.items():
        monkeypatch.setenv(name, value)


def post(provider: Provider, **body: object) -> httpx.Response:
    """A request in the Anthropic format."""
    body = {"model": "claude-x", "max_tokens": 500, "messages": HELLO, **body}
    url = provider.url + "/v1/messages"
    return httpx.post(url, json=body, headers={"x-api-key": "k"}, timeout=30)


def post_openai(provider: Provider, **body: object) -> httpx.Response:
    """A request in the OpenAI format."""
    body = {"model": "gpt-x", "messages": HELLO, **body}
    url = provider.url + "/v1/chat/completions"
    return httpx.post(url, json=body, headers={"authorization": "Bearer k"}, timeout=30)


async def stream(provider: Provider, model: str, messages: list = HELLO, **kwargs: object) -> dict:
    """What a streamed `litellm.acompletion` yields, put together by hand."""
    import litellm

    base = provider.url if model == ANTHROPIC else provider.url + "/v1"
    out: dict = {"text": "", "thinking": "", "calls": {}, "finish": None, "blocks": []}
    answer = await litellm.acompletion(
        model=model,
        messages=messages,
        api_base=base,
        api_key="test-key-123",
        stream=True,
        stream_options={"include_usage": True},
        max_retries=0,
        timeout=3,
        **kwargs,
    )
    try:
        async for chunk in answer:
            out["usage"] = getattr(chunk, "usage", None)
            for choice in chunk.choices:
                delta = choice.delta
                out["text"] += delta.content or ""
                out["thinking"] += getattr(delta, "reasoning_content", None) or ""
                out["blocks"] += getattr(delta, "thinking_blocks", None) or []
                for call in delta.tool_calls or []:
                    known = out["calls"].setdefault(call.index, {"id": call.id, "arguments": ""})
                    known["arguments"] += call.function.arguments or ""
                out["finish"] = choice.finish_reason or out["finish"]
    finally:
        out["received"] = answer.received_finish_reason
        await answer.aclose()
    return out


@pytest.mark.parametrize("model", [ANTHROPIC, OPENAI])
def test_text_thinking_parallel_tools_and_usage_arrive_through_litellm(model):
    reply = Reply(
        "I go now, as I said before.",
        thinking="Shall I? I shall.",
        tools=(("leave", {"reason": "done — 完"}), ("leave", {})),
    )
    with Provider([reply]) as provider:
        got = asyncio.run(stream(provider, model, tools=TOOLS))
    assert got["text"] == reply.text
    assert got["thinking"] == reply.thinking
    assert [json.loads(call["arguments"]) for call in got["calls"].values()] == [
        {"reason": "done — 完"},
        {},
    ]
    assert len({call["id"] for call in got["calls"].values()}) == 2
    assert got["finish"] == "tool_calls"
    assert got["usage"].completion_tokens == provider.requests[0].usage["output_tokens"]
    assert got["usage"].prompt_tokens == provider.requests[0].usage["input_tokens"]


def test_thinking_and_tools_come_back_in_history_as_they_were():
    reply = Reply("So.", thinking="Shall I?", tools=(("leave", {"reason": "x"}),))
    with Provider([reply, "Bye"]) as provider:
        got = asyncio.run(stream(provider, ANTHROPIC, tools=TOOLS, reasoning_effort="low"))
        call = got["calls"][0]
        block = {
            "type": "thinking",
            "thinking": got["thinking"],
            "signature": got["blocks"][-1]["signature"],
        }
        function = {"name": "leave", "arguments": call["arguments"]}
        history = [
            *HELLO,
            {
                "role": "assistant",
                "content": got["text"],
                "thinking_blocks": [block],
                "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": call["id"], "content": "refused"},
        ]
        again = asyncio.run(
            stream(provider, ANTHROPIC, history, tools=TOOLS, reasoning_effort="low")
        )
    assert again["text"] == "Bye"
    assert provider.requests[1].body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Shall I?", "signature": signature("Shall I?")},
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": call["id"], "name": "leave", "input": {"reason": "x"}},
    ]


@pytest.mark.parametrize("model", [ANTHROPIC, OPENAI])
@pytest.mark.parametrize(
    "fault, error",
    [
        (status(429, retry_after=3), "RateLimitError"),
        (status(401), "AuthenticationError"),
        (status(404), "NotFoundError"),
        (status(502, raw="<html>Bad gateway</html>"), "BadGatewayError"),
        (status(503), "ServiceUnavailableError"),
        (hang(), "Timeout"),
        (stall(2), "MidStreamFallbackError"),
        (cut(2), "MidStreamFallbackError"),
        (reset(2), "MidStreamFallbackError"),
        (error_event(2), "MidStreamFallbackError"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_faults_are_what_litellm_makes_of_them(model, fault, error):
    with Provider([Reply(chunks=["one ", "two ", "three "], fault=fault)]) as provider:
        with pytest.raises(Exception) as caught:
            asyncio.run(stream(provider, model))
        stalled = fault.kind == "stall" and model == OPENAI
        assert type(caught.value).__name__ == ("Timeout" if stalled else error)
        assert len(provider.requests) == 1
    if fault.kind == "status" and fault.headers:
        assert caught.value.litellm_response_headers["retry-after"] == "3"
    if fault.after and not stalled:
        assert caught.value.generated_content == "one two "


@pytest.mark.parametrize("model", [ANTHROPIC, OPENAI])
def test_a_clean_end_without_a_stop_reason_is_told_by_what_was_received(model):
    from litellm.exceptions import MidStreamFallbackError

    with Provider(["whole", Reply(chunks=["one ", "two "], fault=eof(1))]) as provider:
        whole = asyncio.run(stream(provider, model))
        assert (whole["text"], whole["finish"], whole["received"]) == ("whole", "stop", "stop")
        try:
            broken = asyncio.run(stream(provider, model))
        except MidStreamFallbackError:
            return  # from 1.109 on LiteLLM notices by itself
        assert (broken["text"], broken["finish"], broken["received"]) == ("one ", "stop", None)


def test_junk_and_wrong_tool_ids_are_on_the_wire():
    calls = (("leave", {}), ("leave", '{"broken'))
    script = [Reply("Hi", fault=junk(0)), Reply(tools=calls, fault=wrong_tool_id("x y"))]
    with Provider(script) as provider:
        lines = post(provider, stream=True).text.splitlines()
        assert any(line.startswith("data: ") and line.endswith("oops") for line in lines)
        assert "message_stop" in lines[-2]
        text = post(provider, stream=True).text
        assert text.count('"id": "x y"') == 2


ASKED = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t1", "name": "leave", "input": {}}],
}
RESULT = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "no"}],
}
SAID = {"role": "assistant", "content": "I said"}
MARK = {"type": "ephemeral"}


@pytest.mark.parametrize(
    "body, said",
    [
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "non-empty"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": []}]}, "must have non-empty content"),
        ({"messages": []}, "at least one message"),
        ({"messages": [SAID]}, "first message must use"),
        ({"messages": [{"role": "system", "content": "x"}, *HELLO]}, "Unexpected role"),
        ({"messages": [*HELLO, *HELLO]}, "roles must alternate"),
        ({"messages": [*HELLO, ASKED]}, "without `tool_result`"),
        ({"messages": [*HELLO, ASKED, *HELLO]}, "without `tool_result`"),
        ({"messages": [*HELLO, SAID, RESULT]}, "unexpected `tool_use_id`"),
        ({"messages": [*HELLO, ASKED, RESULT, ASKED, RESULT]}, "must be unique"),
        ({"messages": [*HELLO, ASKED, RESULT], "tools": []}, "unknown tool"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "x "}]}, "trailing whitespace"),
        (
            {
                "messages": [
                    *HELLO,
                    {
                        "role": "assistant",
                        "content": [{"type": "thinking", "thinking": "x", "signature": "forged"}],
                    },
                ]
            },
            "Invalid `signature`",
        ),
        (
            {"messages": [*HELLO, ASKED, RESULT], "thinking": {"type": "adaptive"}},
            "Expected `thinking`",
        ),
        ({"tools": [{"name": "a b"}]}, "should match pattern"),
        ({"system": [{"type": "text", "text": "x", "cache_control": MARK}] * 5}, "maximum of 4"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": "claude-opus-5-5", "temperature": 0.5}, "deprecated"),
    ],
)
def test_what_the_messages_api_refuses(body, said):
    with Provider() as provider:
        answer = post(provider, **{"tools": WIRE_TOOLS, **body})
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert said.lower() in answer.json()["error"]["message"].lower()
        assert provider.requests[0].error == answer.json()["error"]["message"]
        assert post(provider).json()["content"][0]["text"] == "Message 0"


CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "t1", "type": "function", "function": {"name": "leave", "arguments": "{}"}}
    ],
}
TOOL = {"role": "tool", "tool_call_id": "t1", "content": "no"}


@pytest.mark.parametrize(
    "messages, said",
    [
        ([], "empty array"),
        ([{"role": "robot", "content": "x"}], "Invalid value: 'robot'"),
        ([*HELLO, CALL], "must be followed by tool messages"),
        ([*HELLO, TOOL], "preceding message"),
        (
            [
                *HELLO,
                {
                    **CALL,
                    "tool_calls": [{"id": "t1", "function": {"name": "leave", "arguments": {}}}],
                },
            ],
            "a string",
        ),
        ([*HELLO, {"role": "assistant", "content": None}], "got null"),
        ([{**HELLO[0], "thinking_blocks": []}], "Unknown parameter: 'messages[0].thinking_blocks'"),
    ],
)
def test_what_chat_completions_refuse(messages, said):
    with Provider() as provider:
        answer = post_openai(provider, messages=messages, tools=TOOLS)
        assert answer.status_code == 400
        assert said in answer.json()["error"]["message"]
        assert post_openai(provider, messages=[*HELLO, CALL, TOOL], tools=TOOLS).is_success


def test_keys_credit_and_the_context_window():
    with Provider([Reply(fault=status(400, NO_CREDIT))], context=50) as provider:
        url = provider.url + "/v1/messages"
        assert httpx.post(url, json={}).status_code == 401
        assert httpx.post(url, json={}, headers={"x-api-key": "bad-key"}).status_code == 401
        assert post(provider).json()["error"]["message"] == NO_CREDIT
        long = post(provider, messages=[{"role": "user", "content": "x" * 204}])
        assert long.json()["error"]["message"] == "prompt is too long: 51 tokens > 50 maximum"


def test_max_tokens_cuts_the_reply():
    with Provider([Reply(chunks=["a"] * 10), "y" * 100, Reply(chunks=["a"] * 10)]) as provider:
        first, second = [post(provider, max_tokens=3).json() for _ in range(2)]
        assert first["content"][0]["text"] == "aaa"
        assert second["content"][0]["text"] == "y" * 12
        assert first["stop_reason"] == second["stop_reason"] == "max_tokens"
        third = post_openai(provider, max_completion_tokens=10).json()
        assert third["choices"][0]["finish_reason"] == "stop"


def usage(provider: Provider, parts: list[str], **body: object) -> tuple[int, int, int]:
    """Tokens (not cached, written, read) of a conversation of parts, marked at its last block."""
    roles = ["user", "assistant"] * len(parts)
    messages = [
        {"role": role, "content": [{"type": "text", "text": part}]}
        for role, part in zip(roles, parts, strict=False)
    ]
    if "cache_control" not in body:
        messages[-1]["content"][0]["cache_control"] = MARK
    got = post(provider, messages=messages, **body).json()["usage"]
    return (got["input_tokens"], got["cache_creation_input_tokens"], got["cache_read_input_tokens"])


def test_a_prefix_is_written_once_and_read_until_it_expires():
    now = [0.0]
    with Provider(cache_minimum=100, clock=lambda: now[0]) as provider:
        a, b, c = "a" * 400, "b" * 40, "c" * 40
        assert usage(provider, ["short"]) == (2, 0, 0)
        assert usage(provider, [a]) == (0, 100, 0)
        assert usage(provider, [a, b, c]) == (0, 20, 100)
        assert usage(provider, [a, b, c], cache_control=MARK) == (0, 0, 120)
        assert usage(provider, [a, b, c], model="claude-y") == (0, 120, 0)
        assert usage(provider, [a, b, c], system="s") == (0, 121, 0)
        assert usage(provider, ["A" + a[1:], b, c]) == (0, 120, 0)
        now[0] = 299
        assert usage(provider, [a, b, c]) == (0, 0, 120)
        now[0] = 598
        assert usage(provider, [a, b, c]) == (0, 0, 120)
        now[0] = 899
        assert usage(provider, [a, b, c]) == (0, 120, 0)


def test_a_mark_looks_back_twenty_blocks():
    with Provider(cache_minimum=1) as provider:
        parts = ["word"] * 41
        assert usage(provider, parts[:1]) == (0, 1, 0)
        assert usage(provider, parts[:19]) == (0, 18, 1)
        assert usage(provider, parts[:39]) == (0, 39, 0)


def test_openai_caches_by_itself():
    with Provider(cache_minimum=10) as provider:
        messages = [{"role": "system", "content": "s" * 80}, *HELLO]
        assert post_openai(provider, messages=messages).json()["usage"]["prompt_tokens"] == 23
        again = post_openai(provider, messages=[*messages, SAID, *HELLO]).json()["usage"]
        assert again["prompt_tokens_details"]["cached_tokens"] == 23
        assert again["prompt_tokens"] == 28


def test_a_client_that_leaves_is_noticed():
    with Provider(lambda body, index: Reply(chunks=["x"] * 999, pace=0.05)) as provider:
        with httpx.stream(
            "POST",
            provider.url + "/v1/messages",
            headers={"x-api-key": "k"},
            json={"model": "m", "max_tokens": 999, "messages": HELLO, "stream": True},
        ) as answer:
            next(answer.iter_bytes())
        provider.wait_until(lambda: provider.requests[0].closed_early)
        assert provider.requests[0].time_ended - provider.requests[0].time_received < 20


def test_a_connection_is_kept_and_pipelined_requests_wait_their_turn():
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": HELLO}).encode()
    head = b"POST /v1/messages HTTP/1.1\r\nX-API-Key: k\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Provider([Reply("first", delay=0.1), "second"]) as provider:
        with socket.create_connection(("127.0.0.1", provider.port)) as client:
            client.sendall((head + body) * 2)
            data = b""
            while b"second" not in data:
                data += client.recv(65536)
        assert data.index(b"first") < data.index(b"second")
        assert provider.wait_for(2)[1].raw == body


def test_the_server_stops_at_once_also_with_a_request_hanging():
    started = time.monotonic()
    with Provider([Reply(fault=hang())]) as provider:
        client = socket.create_connection(("127.0.0.1", provider.port))
        body = json.dumps({"model": "m", "max_tokens": 9, "messages": HELLO})
        client.sendall(
            f"POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\ncontent-length: "
            f"{len(body)}\r\n\r\n{body}".encode()
        )
        provider.wait_for(1)
    client.close()
    assert time.monotonic() - started < 20
    assert not provider.requests[0].closed_early
