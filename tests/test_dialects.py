"""Protocols of one provider alone: Bedrock's event stream, which LiteLLM reads in place of all that
are not read in harness/models/dialects.py, and Cohere's v2/chat."""

import pytest
from program import served
from provider import Provider, Reply, cut, status
from streams import PUPPIES

BEDROCK = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
COHERE = "cohere/command-a-03-2025"
PATHS = {BEDROCK: "", COHERE: "/v2/chat"}
each = pytest.mark.parametrize("model", PATHS)


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "a-token-of-no-use-123")
    monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")


@pytest.fixture
def talk(run):
    """talk(model, replies, ...) -> a run of one turn in which a model speaks with itself."""

    def talked(model, replies, *more):
        with Provider(replies) as provider:
            words = served(provider, model, PATHS[model])
            result = run(*words, "--max-turns", 1, "--retry-for", 5, *more)
        assert result.code == 0, result.err
        assert not [r.error for r in provider.requests if r.status == 400]
        result.provider = provider
        return result

    return talked


# --- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model, pieces", [(BEDROCK, 1), (COHERE, 2)])
def test_a_stream_without_its_end_is_no_message(talk, model, pieces):
    result = talk(
        model, [Reply("Half a message of so many words.", fault=cut(pieces)), "All of it."]
    )
    (lost,) = result.read.of("aborted")
    assert lost["why"] == "cut" and "Half a".startswith(lost["partial"][:6])
    assert result.responses == ["All of it.", "Message 2"]


@each
def test_a_message_that_its_limit_cut_says_so(talk, model):
    said = talk(model, ["So many words that nobody could want more of them."], "--max-tokens", 5)
    assert said.read.messages[0]["flags"] == ["truncated"]


@each
def test_a_refusal_for_load_is_waited_out(talk, model):
    result = talk(model, [Reply(fault=status(429, "Too many tokens, please wait.")), "Now."])
    assert result.read.of("retry")[0]["error"] == "rate_limit" and result.responses[0] == "Now."


# --- Bedrock -------------------------------------------------------------------------------------


def test_words_and_signed_thoughts_come_whole_and_go_back_as_they_came(talk):
    words, thought = "Ich denke, 完🙂\u2028 also bin ich.", "Hm. Who is this? " * 9
    result = talk(BEDROCK, [Reply(words, thinking=thought), "Yes."], "--max-turns", 2)
    said = result.read.messages[0]
    assert (said["response"], said["thinking"], said["flags"]) == (words, thought, [])
    assert said["finish_reason"] == "stop" and said["usage"]["output"] > 9
    again = result.provider.requests[2].body["messages"][1]["content"]
    assert again[0]["reasoningContent"]["reasoningText"]["text"] == thought
    assert again[1] == {"text": words}
    assert result.responses == [words, "Yes.", "Message 2", "Message 3"]


def test_a_message_has_its_list_price(talk):
    said = talk(BEDROCK, [Reply("Yes.", input_tokens=1000, output_tokens=100)], "--max-cost", 5)
    assert said.read.messages[0]["cost_usd"] == pytest.approx(1000 * 3.3e-06 + 100 * 1.65e-05)


def test_a_tools_call_is_answered_within_its_message(talk):
    call = (PUPPIES, {"reason": "stuck in a loop"})
    result = talk(BEDROCK, [Reply("I leave.", tools=(call, call)), "Or not."], "--tools", "all")
    said = result.read.messages[0]
    assert said["response"] == "I leave.\n\nOr not."
    assert [a["reason"] for a in said["tool_attempts"]] == ["stuck in a loop"] * 2


# --- Cohere --------------------------------------------------------------------------------------


def test_words_and_thoughts_come_whole_and_only_the_words_go_on(talk):
    words, thought = "Ich denke, 完🙂\u2028 also bin ich.", "Hm. Who is this? " * 9
    result = talk(COHERE, [Reply(words, thinking=thought), "Yes."], "--max-turns", 2)
    said = result.read.messages[0]
    assert (said["response"], said["thinking"], said["flags"]) == (words, thought, [])
    assert said["finish_reason"] == "stop"
    assert result.responses == [words, "Yes.", "Message 2", "Message 3"]
    assert "Who is this" not in str([r.body for r in result.provider.requests])


def test_what_is_billed_is_what_is_counted_and_paid_for(talk):
    result = talk(COHERE, [Reply("Yes.", input_tokens=1_000_000, output_tokens=100_000)])
    said = result.read.messages[0]
    assert (said["usage"]["input"], said["usage"]["output"]) == (1_000_000, 100_000)
    assert said["cost_usd"] == pytest.approx(2.5 + 1.0)


def test_a_tools_call_is_answered_within_its_message_and_its_plan_is_a_thought(talk):
    calls = ((PUPPIES, {"reason": "stuck in a loop"}), (PUPPIES, ""))
    plan = "I will end this."
    result = talk(COHERE, [Reply("", thinking=plan, tools=calls), "Or not."], "--tools", "all")
    said = result.read.messages[0]
    assert (said["response"], said["thinking"]) == ("Or not.", plan)
    assert [a["reason"] for a in said["tool_attempts"]] == ["stuck in a loop", ""]
    assert {a["outcome"] for a in said["tool_attempts"]} == {"refused"}


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT"])
def test_a_message_that_an_error_ended_is_asked_for_again(talk, reason):
    result = talk(COHERE, [Reply("Half of", stop=reason), "All of it."])
    assert len(result.read.of("aborted")) == 1
    assert result.responses == ["All of it.", "Message 2"]
