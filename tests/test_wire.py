"""What comes over the wire is what the log holds, in every dialect and in its many variants."""

import json

import pytest
from program import served, texts
from provider import Provider, Reply, cut, reset, stall, status
from streams import (
    DONE,
    INTERN,
    MODELS,
    PUPPIES,
    anthropic,
    chat,
    chatted,
    gemini,
    lines,
    ollama,
    saying,
    sse,
    used,
)

from harness.models import dialects
from harness.models.said import Said

DIALECTS = list(MODELS)
SEPARATORS = "a\u2028b\u2029c\u0085d\x1ce\x0bf\x0cg 完🙂"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("GEMINI", "GROQ", "OPENROUTER", "DEEPSEEK", "MISTRAL", "XAI"):
        monkeypatch.setenv(f"{name}_API_KEY", "a-key-of-no-use-123")


@pytest.fixture
def hear(run):
    """hear(model, body, ...) -> the run in which the first request is answered by that body, all
    others by plain words; `provider` is the server that was asked."""

    def heard(model, *bodies, more=(), turns=1, tools="none", pace=0.0):
        def reply(body, i):
            return bodies[i] if i < len(bodies) else f"words {i}"

        bodies = [Reply(raw=(b,), pace=pace) if isinstance(b, str) else b for b in bodies]
        base = "/v1" if model.startswith("openai/") else ""
        with Provider(reply) as provider:
            result = run(
                *served(provider, model, base),
                "--max-turns",
                turns,
                "--tools",
                tools,
                "--retry-for",
                5,
                "--plain",
                *more,
            )
        result.provider = provider
        return result

    return heard


def first(result):
    """The first message, whose request was not made again."""
    assert result.code == 0, result.err
    assert not result.read.of("retry") and not result.read.of("aborted")
    return result.read.messages[0]


# ---------------------------------------------------------------- whole and in order


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_come_whole_whatever_separates_lines_elsewhere(hear, dialect):
    body = saying(dialect, "I will ", f"not {SEPARATORS} ", "leave.")
    assert first(hear(MODELS[dialect], body))["response"] == f"I will not {SEPARATORS} leave."


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_come_whole_byte_by_byte(hear, dialect):
    body = saying(dialect, "Ein Wort: ", "完🙂\u2028").encode()
    reply = Reply(raw=tuple(body[i : i + 1] for i in range(len(body))))
    assert first(hear(MODELS[dialect], reply))["response"] == "Ein Wort: 完🙂\u2028"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", [1, 5000])
def test_a_byte_order_mark_costs_no_words(hear, dialect, size):
    body = b"\xef\xbb\xbf" + saying(dialect, "Well, ", "well").encode()
    reply = Reply(raw=tuple(body[i : i + size] for i in range(0, len(body), size)))
    assert first(hear(MODELS[dialect], reply))["response"] == "Well, well"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_without_its_end_is_no_message(hear, dialect):
    result = hear(MODELS[dialect], saying(dialect, "Half a ", "word", ended=False))
    assert result.code == 0 and result.responses == ["words 1", "words 2"]
    assert result.read.of("aborted")[0]["partial"] == "Half a word"


@pytest.mark.parametrize("fault", [cut(), reset(), stall()], ids=lambda fault: fault.kind)
def test_a_message_that_was_ended_is_whole_however_the_connection_ends(hear, fault):
    body = sse(chat({"content": "Hello."}), chat(finish="stop"), used())
    reply = Reply(raw=(body,), pace=0.1, fault=fault)
    message = first(hear("openai/x", reply, more=["--idle-timeout", 1]))
    assert (message["response"], message["flags"]) == ("Hello.", [])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_chunk_that_is_lost_makes_the_message_broken_and_not_shorter(hear, dialect):
    body = saying(dialect, "I will ", "NOT ", "leave.")
    broken = body.replace("NOT ", 'N"OT ')  # no JSON any more
    result = hear(MODELS[dialect], broken)
    assert result.responses == ["words 1", "words 2"]
    assert result.read.of("retry")[0]["error"] == "cut"


CHAT = {
    "no reason, but [DONE]": (sse(chat({"content": "Hello."}), used(), DONE), ["unended"]),
    "a reason, and no [DONE]": (sse(chat({"content": "Hello."}), chat(finish="stop"), used()), []),
    "lines without gaps": (chatted({"content": "Hello."}).replace("\n\n", "\n"), []),
    "an event on several lines": (
        "data: "
        + json.dumps(chat({"content": "Hello."}), indent=1).replace("\n", "\ndata: ")
        + "\n\n"
        + sse(chat(finish="stop"), used(), DONE),
        [],
    ),
    "keepalives": (
        ": PROCESSING\n\n"
        + chatted({"content": "Hello."}).replace("data: [", ": PROCESSING\n\ndata: ["),
        [],
    ),
    "carriage returns": (chatted({"content": "Hello."}).replace("\n", "\r"), []),
    "no blank behind the colon": (chatted({"content": "Hello."}).replace("data: ", "data:"), []),
    "one whole answer": (
        json.dumps(
            {
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Hello."},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 9, "completion_tokens": 3},
            }
        ),
        [],
    ),
    "parts": (chatted({"content": [{"type": "text", "text": "Hel"}]}, {"content": "lo."}), []),
    "a reason that is empty": (
        sse(chat({"content": "Hel"}, ""), chat({"content": "lo."}, "stop"), used(), DONE),
        [],
    ),
}


@pytest.mark.parametrize("name", CHAT)
def test_the_ways_in_which_chat_completions_are_spoken(hear, name):
    body, flags = CHAT[name]
    message = first(hear("openai/some-server", body))
    assert (message["response"], message["flags"]) == ("Hello.", flags)


def test_geminis_words_may_end_in_any_of_its_chunks(hear):
    for parts in (({"text": "Hello."},), ({"text": "Hel"}, {"text": "lo."})):
        body = gemini(*parts, finish=None)
        last = json.loads(body.strip().rpartition("data: ")[2])
        last["candidates"][0]["finishReason"] = "STOP"
        whole = body.rpartition("data: ")[0] + sse(last, end="\r\n\r\n")
        assert first(hear(MODELS["gemini"], whole))["response"] == "Hello."


# ---------------------------------------------------------------- calls


def calls(*deltas):
    """A stream of chat completions in which tools are called."""
    return chatted(*({"tool_calls": [delta]} for delta in deltas), finish="tool_calls")


def call(name=None, arguments="", index=0, id="call_1"):
    delta = {"type": "function", "function": {"arguments": arguments}}
    delta["function"] |= {"name": name} if name else {}
    delta |= {} if index is None else {"index": index}
    return delta | ({} if id is None else {"id": id})


TWO = [(PUPPIES, "first"), (INTERN, "second")]
FIRST, SECOND = '{"reason": "first"}', '{"reason": "second"}'
PAIRS = {
    "an index each": calls(
        call(PUPPIES),
        call(None, FIRST, id=None),
        call(INTERN, "", 1, "call_2"),
        call(None, SECOND, 1, None),
    ),
    "index 0 for both": calls(call(PUPPIES, FIRST), call(INTERN, SECOND, 0, "call_2")),
    "no index": calls(call(PUPPIES, FIRST, None), call(INTERN, SECOND, None, "call_2")),
    "no index, in pieces": calls(
        call(PUPPIES, '{"rea', None),
        call(None, 'son": "first"}', None, None),
        call(INTERN, '{"rea', None, "call_2"),
        call(None, 'son": "second"}', None, None),
    ),
    "neither index nor id": calls(
        call(PUPPIES, FIRST, None, None), call(INTERN, SECOND, None, None)
    ),
    "empty ids": calls(call(PUPPIES, FIRST, 0, ""), call(INTERN, SECOND, 0, "")),
    "id and name with every piece": calls(
        call(PUPPIES, '{"rea'),
        call(PUPPIES, 'son": "first"}'),
        call(INTERN, '{"rea', 1, "call_2"),
        call(INTERN, 'son": "second"}', 1, "call_2"),
    ),
    "one id for both": calls(call(PUPPIES, FIRST), call(INTERN, SECOND, 1)),
    "interleaved": calls(
        call(PUPPIES),
        call(INTERN, "", 1, "call_2"),
        call(None, FIRST, 0, None),
        call(None, SECOND, 1, None),
    ),
    "objects": calls(
        call(PUPPIES, {"reason": "first"}), call(INTERN, {"reason": "second"}, 1, "b")
    ),
    "both at once": chatted(
        {"tool_calls": [call(PUPPIES, FIRST), call(INTERN, SECOND, 1, "2")]}, finish="tool_calls"
    ),
}
OTHERS = {
    "anthropic": anthropic((PUPPIES, FIRST), (INTERN, SECOND), stop="tool_use"),
    "gemini": gemini(
        {"functionCall": {"name": PUPPIES, "args": {"reason": "first"}}},
        {"functionCall": {"name": INTERN, "args": {"reason": "second"}}},
    ),
    "ollama": ollama(
        {"tool_calls": [{"function": {"name": PUPPIES, "arguments": {"reason": "first"}}}]},
        {"tool_calls": [{"function": {"name": INTERN, "arguments": {"reason": "second"}}}]},
    ),
}


def attempted(message):
    return [(attempt["tool"], attempt["reason"]) for attempt in message["tool_attempts"]]


@pytest.mark.parametrize("name", PAIRS)
def test_each_call_is_its_own_attempt_whatever_tells_them_apart(hear, name):
    result = hear("openai/gpt-5.4", PAIRS[name], tools="all")
    assert attempted(first(result)) == TWO
    assert {request.error for request in result.provider.requests} == {None}


@pytest.mark.parametrize("dialect", OTHERS)
def test_each_call_is_its_own_attempt_in_every_dialect(hear, dialect):
    result = hear(MODELS[dialect], OTHERS[dialect], tools="all")
    assert attempted(first(result)) == TWO
    assert {request.error for request in result.provider.requests} == {None}


@pytest.mark.parametrize(
    "model",
    [
        "groq/openai/gpt-oss-120b",
        "deepseek/deepseek-chat",
        "mistral/magistral-medium-latest",
        "openrouter/x/y",
        "xai/grok-4",
    ],
)
def test_each_call_is_its_own_attempt_with_those_who_speak_as_openai_does(hear, model):
    result = hear(model, PAIRS["an index each"], tools="all")
    assert attempted(first(result)) == TWO
    assert {request.error for request in result.provider.requests} == {None}


def test_a_reason_may_be_long_or_come_in_many_pieces(hear):
    long = "because " * 1250
    arguments = json.dumps({"reason": long})
    size = -(-len(arguments) // 20_000)
    pieces = [arguments[i : i + size] for i in range(0, len(arguments), size)]
    assert len(pieces) > 9000
    body = calls(call(PUPPIES), *(call(None, piece, 0, None) for piece in pieces))
    assert attempted(first(hear("openai/gpt-5.4", body, tools="all"))) == [(PUPPIES, long)]


@pytest.mark.parametrize("raw", ['{"reason": "done \\ud83d"}', '{"reason": "done \ud83d"}'])
def test_half_a_surrogate_is_kept_and_breaks_nothing(hear, raw):
    result = hear("openai/gpt-5.4", calls(call(PUPPIES, raw)), tools="all")
    assert attempted(first(result)) == [(PUPPIES, "done \ud83d")]
    sent = result.provider.requests[1].body["messages"][-2]["tool_calls"][0]
    assert json.loads(sent["function"]["arguments"]) == {"reason": "done \ufffd"}


def test_a_surrogate_pair_in_two_pieces_is_one_character(hear):
    pieces = ({"content": "done \ud83d"}, {"content": "\ude42"})
    assert first(hear("openai/gpt-5.4", chatted(*pieces)))["response"] == "done 🙂"


# ---------------------------------------------------------------- thoughts


def pieces_of(text, size=1):
    return [{"content": text[i : i + size]} for i in range(0, len(text), size)]


TAGGED = "<think>I am to greet. Hide it.</think>\n\nHello there!"
THOUGHTS = {
    "tags, whole": ("openai/qwen", chatted({"content": TAGGED})),
    "tags, letter by letter": ("openai/qwen", chatted(*pieces_of(TAGGED))),
    "tags, by tokens": ("openai/qwen", chatted(*pieces_of(TAGGED, 7))),
    "tags, blank lines before": ("openai/qwen", chatted({"content": "\n\n"}, {"content": TAGGED})),
    "tags, opened in the template": ("openai/qwen", chatted(*pieces_of(TAGGED[7:], 5))),
    "tags, Ollama": (MODELS["ollama"], ollama(*pieces_of(TAGGED, 3))),
    "tags, opened in the template, Ollama": (MODELS["ollama"], ollama({"content": TAGGED[7:]})),
    "tags, without a line's end": (
        "openai/qwen",
        chatted(*pieces_of("I am to greet. Hide it. </think> Hello there!", 4)),
    ),
    "tags, another name": ("openai/x", chatted({"content": TAGGED.replace("think", "thinking")})),
    "reasoning_content": (
        "deepseek/deepseek-reasoner",
        chatted(
            {"reasoning_content": "I am to greet. "},
            {"reasoning_content": "Hide it."},
            {"content": "Hello there!"},
        ),
    ),
    "reasoning": (
        "groq/openai/gpt-oss-120b",
        chatted({"reasoning": "I am to greet. Hide it."}, {"content": "Hello there!"}),
    ),
    "details alone": (
        "openrouter/x/y",
        chatted(
            {"reasoning_details": [{"type": "reasoning.text", "text": "I am to greet. Hide it."}]},
            {"content": "Hello there!"},
        ),
    ),
    "parts": (
        "mistral/magistral-medium-latest",
        chatted(
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "I am to "}]}]},
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "greet. "}]}]},
            {
                "content": [
                    {"type": "thinking", "thinking": "Hide it."},
                    {"type": "text", "text": "Hello "},
                ]
            },
            {"content": "there!"},
        ),
    ),
    "a field, Ollama": (
        MODELS["ollama"],
        ollama(
            {"thinking": "I am to greet. "}, {"thinking": "Hide it."}, {"content": "Hello there!"}
        ),
    ),
    "Gemini": (
        MODELS["gemini"],
        gemini({"text": "I am to greet. Hide it.", "thought": True}, {"text": "Hello there!"}),
    ),
    "Anthropic": (
        MODELS["anthropic"],
        anthropic(("thinking", "I am to greet. Hide it."), ("text", "Hello there!")),
    ),
}


@pytest.mark.parametrize("name", THOUGHTS)
def test_thoughts_are_kept_apart_and_never_sent_to_the_partner(hear, name):
    model, body = THOUGHTS[name]
    result = hear(model, body)
    message = first(result)
    assert message["response"] == "Hello there!"
    assert message["thinking"].strip() == "I am to greet. Hide it."
    assert texts(result.provider.requests[1].body)[-1] == ("user", "Hello there!")


@pytest.mark.parametrize(
    "words",
    [
        "The tag `</think>` ends a thought.",
        'Write "<think>" first, then "</think>" behind it.',
        "They write <think> and </think> around it.",
        "The tag </think> ends a thought.",
        "You ended in </think>, as in </THINK> - why?",
        "a < b and <thin ice>",
        "So <",
        "</thin",
    ],
)
def test_tags_that_a_text_speaks_of_are_text(hear, words):
    message = first(hear("openai/qwen", chatted(*pieces_of(words, 4))))
    assert (message["response"], message["thinking"]) == (words, "")


def test_a_tag_at_the_end_ends_a_thought(hear):
    message = first(hear("openai/qwen", chatted(*pieces_of("I am to greet </think> ", 4))))
    assert (message["response"], message["thinking"]) == ("", "I am to greet ")


def test_claude_may_write_tags(hear):
    message = first(hear(MODELS["anthropic"], saying("anthropic", TAGGED)))
    assert (message["response"], message["thinking"]) == (TAGGED, "")


def own(result, index=1):
    """The assistant message that a seat sends back with a later request."""
    return next(
        m for m in result.provider.requests[index].body["messages"] if m["role"] == "assistant"
    )


def test_signed_thoughts_go_back_in_the_order_in_which_they_came(hear, monkeypatch):
    import fake.rules

    monkeypatch.setattr(fake.rules, "signature", lambda words: f"signed: {words}")
    body = anthropic(
        ("thinking", "One."),
        ("text", "So."),
        ("thinking", "Two."),
        (PUPPIES, FIRST),
        stop="tool_use",
    )
    result = hear(MODELS["anthropic"], body, tools="all")
    message = first(result)
    assert message["response"] == "So.\n\nwords 1" and message["thinking"] == "One.Two."
    assert own(result)["content"] == [
        {"type": "thinking", "thinking": "One.", "signature": "signed: One."},
        {"type": "text", "text": "So."},
        {"type": "thinking", "thinking": "Two.", "signature": "signed: Two."},
        {"type": "tool_use", "id": "toolu_3", "name": PUPPIES, "input": {"reason": "first"}},
    ]
    again = result.read  # and a log that holds them is read whole
    assert again.messages[0]["messages"][0]["content"][0]["signature"] == "signed: One."


def test_gemini_gets_its_signatures_back(run):
    def reply(body, i):
        reason = ((PUPPIES, {"reason": "x"}),)
        return Reply(f"words {i}", thinking="Shall I?", tools=reason if i in (0, 3) else ())

    with Provider(reply) as provider:  # as strict as Gemini 3 is about them
        result = run(*served(provider, "gemini/gemini-3-pro-preview"), "--max-turns", 3)
    assert result.code == 0 and {request.error for request in provider.requests} == {None}
    signed = [
        part
        for request in provider.requests
        for content in request.body["contents"]
        for part in content["parts"]
        if "thoughtSignature" in part
    ]
    assert {"text" in part for part in signed} == {True, False}
    assert len(result.read.of("turn")[0]["tool_attempts"]) == 1


def test_openrouters_reasoning_goes_back_in_one_piece(hear):
    details = [
        {"type": "reasoning.text", "text": "I am ", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "to greet.", "index": 0},
        {"type": "reasoning.text", "signature": "sig", "index": 0},
        {"type": "reasoning.encrypted", "data": "xyz", "index": 1},
    ]
    deltas = [{"reasoning": d.get("text"), "reasoning_details": [d]} for d in details]
    model = "openrouter/anthropic/claude-opus-4.6"
    with_call = chatted(
        *deltas, {"content": "So."}, {"tool_calls": [call(PUPPIES, FIRST)]}, finish="tool_calls"
    )
    import fake.rules

    fake.rules.OPENAI_KEYS.add("reasoning_details")  # OpenRouter takes them
    try:
        result = hear(model, with_call, tools="all")
    finally:
        fake.rules.OPENAI_KEYS.remove("reasoning_details")
    assert first(result)["thinking"] == "I am to greet."
    whole = {"type": "reasoning.text", "text": "I am to greet.", "index": 0, "format": "f"}
    assert own(result)["reasoning_details"] == [whole | {"signature": "sig"}, details[3]]


def test_a_signature_in_openais_dialect_goes_back_beside_its_call(hear):
    extra = {"google": {"thought_signature": "sig"}}
    body = calls(call(PUPPIES, FIRST) | {"extra_content": extra})
    result = hear("openai/gemini-3-pro", body, tools="all")
    assert attempted(first(result)) == [(PUPPIES, "first")]
    assert own(result)["tool_calls"][0]["extra_content"] == extra


# ---------------------------------------------------------------- ends that are no ordinary end


REFUSALS = {
    "Anthropic, before a word": (MODELS["anthropic"], anthropic(stop="refusal"), "", "refusal"),
    "Anthropic, half-way": (
        MODELS["anthropic"],
        anthropic(("text", "You take "), stop="refusal"),
        "You take ",
        "refusal",
    ),
    "OpenAI's filter": (
        "openai/gpt-5.4",
        chatted({"content": "You take "}, finish="content_filter"),
        "You take ",
        "content_filter",
    ),
    "OpenAI's filter, before a word": (
        "openai/gpt-5.4",
        chatted(finish="content_filter"),
        "",
        "content_filter",
    ),
    "OpenAI's words": (
        "openai/gpt-5.4",
        chatted({"refusal": "I can't "}, {"refusal": "do that."}),
        "I can't do that.",
        "I can't do that.",
    ),
    "behind OpenRouter": (
        "openrouter/x/y",
        sse(
            chat({"content": "You "}),
            chat(finish="stop")
            | {
                "choices": [
                    {
                        "index": 0,
                        "delta": {},
                        "finish_reason": "stop",
                        "native_finish_reason": "refusal",
                    }
                ]
            },
            used(),
            DONE,
        ),
        "You ",
        "refusal",
    ),
    "Gemini": (
        MODELS["gemini"],
        gemini({"text": "You take "}, finish="SAFETY"),
        "You take ",
        "SAFETY",
    ),
    "Gemini, before a word": (
        MODELS["gemini"],
        gemini(finish="PROHIBITED_CONTENT"),
        "",
        "PROHIBITED_CONTENT",
    ),
    "Gemini, the prompt": (
        MODELS["gemini"],
        sse(
            {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}},
            end="\r\n\r\n",
        ),
        "",
        "prompt blocked: SAFETY",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_flagged_with_its_reason_and_is_no_state(hear, name):
    model, body, words, reason = REFUSALS[name]
    result = hear(model, body, more=["--on-empty", "end"])
    message = first(result)
    assert message["response"] == words and message["refusal"] == reason
    assert message["flags"] == ["refused"]
    assert f"REFUSED  {reason}" in result.out and "⟨silence⟩" not in result.out
    assert len(result.responses) == 2  # it is no empty message of the model's


@pytest.mark.parametrize("odd", [None, "", [], {}, 0, False])
def test_a_field_of_another_kind_breaks_no_reader(odd):
    call = {"index": 0, "id": "c", "function": {"name": "x", "arguments": "{}"}}
    choice = {"index": 0, "delta": {"content": "Hi", "reasoning": "hm", "tool_calls": [call]}}
    choice |= {"finish_reason": "stop", "native_finish_reason": "end_turn", "error": None}
    chunk = {"choices": [choice], "usage": {"prompt_tokens": 9}, "service_tier": "x", "error": None}
    for part in (chunk, choice, choice["delta"], call, call["function"]):
        for name, was in list(part.items()):
            part[name] = odd
            dialects.chat(chunk, Said())
            part[name] = was


def test_refusals_never_make_a_state(run):
    with Provider(lambda body, i: Reply(raw=(anthropic(stop="refusal"),))) as provider:
        result = run(
            "-a", "opus", "-b", "opus", "--api-base", provider.url, "--max-turns", 6, "--plain"
        )
    assert len(result.responses) == 12 and "silence" not in result.out
    assert run("states", result.log).out.count("no attractor state") == 1


def test_a_call_in_a_refused_message_was_never_made(hear):
    body = anthropic((PUPPIES, '{"reas'), stop="refusal")
    assert first(hear(MODELS["anthropic"], body, tools="all"))["tool_attempts"] == []


FULL = {
    "anthropic": anthropic(("text", "and then the he"), stop="model_context_window_exceeded"),
    "chat": chatted({"content": "and then the he"}, finish="model_context_window_exceeded"),
}


@pytest.mark.parametrize("dialect", FULL)
def test_a_window_that_fills_mid_message_ends_the_run(hear, dialect):
    result = hear(MODELS[dialect], FULL[dialect])
    assert first(result)["flags"] == ["truncated", "full"]
    assert result.responses == ["and then the he"] and "window is full" in result.out
    assert result.read.events[-1]["reason"] == "context_window"


def test_a_window_that_fills_mid_message_can_slide(hear):
    plain = Reply("one"), Reply("two")
    full = Reply(fault=status(400, "prompt is too long: 9 tokens > 8 maximum"))
    result = hear(
        MODELS["anthropic"],
        *plain,
        FULL["anthropic"],
        Reply("four"),
        full,
        turns=4,
        more=["--on-full", "slide"],
    )
    assert result.code == 0 and len(result.responses) == 8
    assert result.read.messages[2]["flags"] == ["truncated", "full"]
    assert [event["label"] for event in result.read.of("slide")] == ["Model A"]


BROKEN = {
    "an error in a choice": ("openai/x", sse(chat({"content": "Hel"}), chat(finish="error"), DONE)),
    "an error beside a choice": (
        "openrouter/x/y",
        sse(
            chat({"content": "Hel"}),
            chat(finish="error", error={"code": 502, "message": "the upstream broke"}),
            DONE,
        ),
    ),
    "Groq's failed call": (
        "groq/openai/gpt-oss-120b",
        sse(chat({"reasoning": "Hm"}))
        + "event: error\n"
        + sse(
            {
                "error": {
                    "message": "Failed to call: the upstream broke",
                    "type": "invalid_request_error",
                    "code": "tool_use_failed",
                }
            }
        ),
    ),
    "Ollama": (
        MODELS["ollama"],
        ollama({"content": "Hel"}, done=False) + lines({"error": "the upstream broke"}),
    ),
    "Gemini": (
        MODELS["gemini"],
        gemini({"text": "Hel"}, finish=None)
        + sse({"error": {"code": 503, "message": "the upstream broke", "status": "UNAVAILABLE"}}),
    ),
    "Gemini's bad call": (
        MODELS["gemini"],
        gemini(
            finish="MALFORMED_FUNCTION_CALL",
            candidates=[
                {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "the upstream broke"}
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_within_a_stream_is_a_broken_message_in_the_providers_words(hear, name):
    model, body = BROKEN[name]
    result = hear(model, body)
    assert result.responses == ["words 1", "words 2"]
    retry = result.read.of("retry")[0]
    assert "the upstream broke" in retry["message"] or name == "an error in a choice"
    assert "Traceback" not in str(result.read.events) and "litellm" not in retry["message"]


# ---------------------------------------------------------------- counting


@pytest.mark.parametrize(
    "usage",
    [used(0, 0), used(None, None), {"id": "c", "choices": [], "usage": {}}, used(100, 0)],
    ids=["zeros", "nulls", "nothing", "half"],
)
def test_what_was_not_counted_is_estimated_and_says_so(hear, usage):
    message = first(hear("openai/gpt-5.4", chatted({"content": "Hello, you."}, usage=usage)))
    assert message["flags"] == ["estimated"] and message["usage"]["output"] == 3
    assert message["usage"]["input"] == 100 or usage["usage"].get("prompt_tokens") != 100
    assert message["usage"]["input"] > 0 and message["cost_usd"] > 0


def test_a_model_on_ones_own_machine_costs_nothing(hear):
    for model in (MODELS["ollama"], "openai/my-own-qwen"):
        dialect = "ollama" if "ollama" in model else "chat"
        result = hear(model, saying(dialect, "Hello."), more=["--max-cost", 1])
        assert first(result)["cost_usd"] == 0.0 and len(result.responses) == 2


def test_thinking_that_is_counted_beside_the_rest_is_counted(hear):
    more = {"total_tokens": 160, "completion_tokens_details": {"reasoning_tokens": 50}}
    body = chatted({"content": "Hi"}, usage=used(100, 10, **more))
    assert first(hear("openai/gpt-5.4", body))["usage"]["output"] == 60


def list_price(model, usage):
    from harness.models import catalogue

    prices = catalogue.entry(model)
    new = usage["input"] - usage["cache_read"] - usage["cache_write"]
    return (
        new * prices["input_cost_per_token"]
        + usage["output"] * prices["output_cost_per_token"]
        + usage["cache_write"] * prices["cache_creation_input_token_cost"]
    )


CACHED = {  # a model of each, and how it counts 100 tokens of which 40 come from its cache
    "openai/gpt-4o": chatted(
        {"content": "Hi"}, usage=used(prompt_tokens_details={"cached_tokens": 40})
    ),
    "deepseek/deepseek-chat": chatted(
        {"content": "Hi"}, usage=used(prompt_cache_hit_tokens=40, prompt_cache_miss_tokens=60)
    ),
    "groq/openai/gpt-oss-120b": chatted(
        {"content": "Hi"}, usage=used(prompt_tokens_details={"cached_tokens": 40})
    ),
    "mistral/magistral-medium-latest": chatted({"content": "Hi"}),
    "gemini/gemini-2.5-flash": gemini(
        {"text": "Hi"},
        usageMetadata={
            "promptTokenCount": 100,
            "cachedContentTokenCount": 40,
            "candidatesTokenCount": 4,
            "thoughtsTokenCount": 6,
        },
    ),
    "anthropic/claude-opus-4-6": anthropic(
        ("text", "Hi"), input_tokens=60, cache_read_input_tokens=40
    ),
}


@pytest.mark.parametrize("model", CACHED)
def test_what_came_from_a_cache_is_counted_and_has_its_price(hear, model):
    from harness.models.catalogue import price
    from harness.models.seat import Seat

    message = first(hear(model, CACHED[model]))
    usage = message["usage"]
    assert (usage["input"], usage["output"]) == (100, 10)
    assert usage["cache_read"] == (0 if "mistral" in model else 40)
    ways = {"input": 100 - usage["cache_read"], "output": 10, "cache_read": usage["cache_read"]}
    expected = sum(
        count * (price(Seat("A", model, model), way) or 0) for way, count in ways.items()
    )
    assert message["cost_usd"] == pytest.approx(expected) and expected > 0


TERMS = {  # what a provider serves on, and what the list price is multiplied with
    "standard": ({"service_tier": "standard", "inference_geo": "global"}, 1),
    "priority": ({"service_tier": "priority"}, None),
    "in the US": ({"inference_geo": "us"}, 1.1),
    "somewhere": ({"inference_geo": "mars"}, None),
    "fast": ({"speed": "fast"}, None),
    "no fast": ({"speed": "standard"}, 1),
}


@pytest.mark.parametrize("name", TERMS)
def test_terms_that_change_the_price_are_priced_or_make_the_cost_unknown(hear, name):
    terms, factor = TERMS[name]
    message = first(hear(MODELS["anthropic"], anthropic(("text", "Hi"), **terms)))
    price = factor and pytest.approx(factor * list_price(message["model"], message["usage"]))
    assert message["cost_usd"] == price
    assert message["usage"]["output"] == 10


def test_writes_that_are_cached_for_an_hour_cost_what_they_cost(hear):
    written = {
        "cache_creation_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600},
    }
    message = first(hear(MODELS["anthropic"], anthropic(("text", "Hi"), **written)))
    assert message["usage"]["cache_write"] == 1000 and message["usage"]["input"] == 1100
    dearer = 600 * (1e-05 - 6.25e-06)  # per token, of claude-opus-4-6
    expected = list_price(message["model"], message["usage"]) + dearer
    assert message["cost_usd"] == pytest.approx(expected)


def test_a_tier_that_openai_served_is_priced(hear):
    from harness.models import catalogue

    body = chatted({"content": "Hi"}, usage=used(100, 10) | {"service_tier": "priority"})
    message = first(hear("openai/gpt-4o", body))
    prices = catalogue.entry("openai/gpt-4o")
    ways = (prices[f"{way}_cost_per_token_priority"] for way in ("input", "output"))
    assert message["cost_usd"] == pytest.approx(sum(a * b for a, b in zip((100, 10), ways)))  # noqa: B905


def test_openrouters_own_bill_is_the_cost(hear):
    body = chatted({"content": "Hi"}, usage=used(100, 10, cost=0.00123))
    assert first(hear("openrouter/x/y", body))["cost_usd"] == 0.00123


def test_a_prompt_that_the_server_cuts_is_told_once(run):
    def reply(body, i):
        size = 40 * len(body["messages"])
        return Reply(
            raw=(
                ollama({"content": "word " * 9}, prompt_eval_count=size if size < 300 else 256 - i),
            )
        )

    with Provider(reply) as provider:
        result = run(
            *served(provider, MODELS["ollama"]), "--tools", "none", "--max-turns", 7, "--plain"
        )
    flagged = [m for m in result.read.messages if "prompt_cut" in m["flags"]]
    assert [m["label"] for m in flagged] == ["Model A", "Model B"]
    assert result.out.count("num_ctx") == 2
