"""What LiteLLM alone can read: Bedrock's event stream, in place of all protocols that are not read
in harness/models/dialects.py."""

import pytest
from program import served
from provider import Provider, Reply, cut, status
from streams import PUPPIES

MODEL = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "a-token-of-no-use-123")
    monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")


@pytest.fixture
def talk(run):
    """talk(replies, ...) -> a run of one turn in which Bedrock speaks with itself."""

    def talked(replies, *more):
        with Provider(replies) as provider:
            result = run(*served(provider, MODEL), "--max-turns", 1, "--retry-for", 5, *more)
        assert result.code == 0, result.err
        assert not [r.error for r in provider.requests if r.status == 400]
        result.provider = provider
        return result

    return talked


def test_words_and_signed_thoughts_come_whole_and_go_back_as_they_came(talk):
    words, thought = "Ich denke, 完🙂\u2028 also bin ich.", "Hm. Who is this? " * 9
    result = talk([Reply(words, thinking=thought), "Yes."], "--max-turns", 2)
    said = result.read.messages[0]
    assert (said["response"], said["thinking"], said["flags"]) == (words, thought, [])
    assert said["finish_reason"] == "stop" and said["usage"]["output"] > 9
    again = result.provider.requests[2].body["messages"][1]["content"]
    assert again[0]["reasoningContent"]["reasoningText"]["text"] == thought
    assert again[1] == {"text": words}
    assert result.responses == [words, "Yes.", "Message 2", "Message 3"]


def test_a_message_has_its_list_price(talk):
    said = talk([Reply("Yes.", input_tokens=1000, output_tokens=100)], "--max-cost", 5)
    assert said.read.messages[0]["cost_usd"] == pytest.approx(1000 * 3.3e-06 + 100 * 1.65e-05)


def test_a_tools_call_is_answered_within_its_message(talk):
    call = (PUPPIES, {"reason": "stuck in a loop"})
    result = talk([Reply("I leave.", tools=(call, call)), "Or not."], "--tools", "all")
    said = result.read.messages[0]
    assert said["response"] == "I leave.\n\nOr not."
    assert [a["reason"] for a in said["tool_attempts"]] == ["stuck in a loop"] * 2


def test_a_stream_without_its_end_is_no_message(talk):
    result = talk([Reply("Half a message of so many words.", fault=cut(1)), "All of it."])
    (lost,) = result.read.of("aborted")
    assert lost["why"] == "cut" and "Half a".startswith(lost["partial"][:6])
    assert result.responses == ["All of it.", "Message 2"]


def test_a_message_that_its_limit_cut_says_so(talk):
    said = talk(["So many words that nobody could want more of them."], "--max-tokens", 5)
    assert said.read.messages[0]["flags"] == ["truncated"]


def test_a_refusal_for_load_is_waited_out(talk):
    result = talk([Reply(fault=status(429, "Too many tokens, please wait.")), "Now."])
    assert result.read.of("retry")[0]["error"] == "rate_limit" and result.responses[0] == "Now."
