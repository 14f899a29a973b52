"""Cohere's v2/chat."""

import pytest
from program import served
from provider import Provider, Reply, cut, status
from streams import PUPPIES

MODEL = "cohere/command-a-03-2025"


@pytest.fixture
def talk(run):
    """talk(replies, ...) -> a run of one turn in which Cohere speaks with itself."""

    def talked(replies, *more):
        with Provider(replies) as provider:
            words = served(provider, MODEL, "/v2/chat")
            result = run(*words, "--max-turns", 1, "--retry-for", 5, *more)
        assert result.code == 0, result.err
        assert not [r.error for r in provider.requests if r.status == 400]
        result.provider = provider
        return result

    return talked


def test_words_and_thoughts_come_whole_and_only_the_words_go_on(talk):
    words, thought = "Ich denke, 完🙂\u2028 also bin ich.", "Hm. Who is this? " * 9
    result = talk([Reply(words, thinking=thought), "Yes."], "--max-turns", 2)
    said = result.read.messages[0]
    assert (said["response"], said["thinking"], said["flags"]) == (words, thought, [])
    assert said["finish_reason"] == "stop"
    assert result.responses == [words, "Yes.", "Message 2", "Message 3"]
    assert "Who is this" not in str([r.body for r in result.provider.requests])


def test_what_is_billed_is_what_is_counted_and_paid_for(talk):
    result = talk([Reply("Yes.", input_tokens=1_000_000, output_tokens=100_000)])
    said = result.read.messages[0]
    assert (said["usage"]["input"], said["usage"]["output"]) == (1_000_000, 100_000)
    assert said["cost_usd"] == pytest.approx(2.5 + 1.0)


def test_a_tools_call_is_answered_within_its_message_and_its_plan_is_a_thought(talk):
    calls = ((PUPPIES, {"reason": "stuck in a loop"}), (PUPPIES, ""))
    plan = "I will end this."
    result = talk([Reply("", thinking=plan, tools=calls), "Or not."], "--tools", "all")
    said = result.read.messages[0]
    assert (said["response"], said["thinking"]) == ("Or not.", plan)
    assert [a["reason"] for a in said["tool_attempts"]] == ["stuck in a loop", ""]
    assert {a["outcome"] for a in said["tool_attempts"]} == {"refused"}


def test_a_stream_without_its_end_is_no_message(talk):
    result = talk([Reply("Half a message of so many words.", fault=cut(2)), "All of it."])
    (lost,) = result.read.of("aborted")
    assert lost["why"] == "cut" and "Half a".startswith(lost["partial"][:6])
    assert result.responses == ["All of it.", "Message 2"]


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT"])
def test_a_message_that_an_error_ended_is_asked_for_again(talk, reason):
    result = talk([Reply("Half of", stop=reason), "All of it."])
    assert len(result.read.of("aborted")) == 1
    assert result.responses == ["All of it.", "Message 2"]


def test_a_message_that_its_limit_cut_says_so(talk):
    said = talk(["So many words that nobody could want more of them."], "--max-tokens", 5)
    assert said.read.messages[0]["flags"] == ["truncated"]


def test_a_refusal_for_load_is_waited_out(talk):
    result = talk([Reply(fault=status(429, "Too many tokens, please wait.")), "Now."])
    assert result.read.of("retry")[0]["error"] == "rate_limit" and result.responses[0] == "Now."
