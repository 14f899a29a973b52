"""The provider's prompt cache: what is marked, what is read from it, what it costs."""

import copy
import itertools

import pytest
from program import pair, real
from provider import Provider, Reply, prefix_blocks

from harness.models import catalogue
from harness.models.marks import mark, wants_marks

WORDS = "some words of about four letters each and " * 20


def marks(request):
    """Where a request's marks are: "system", "2 user", ..."""
    return [place for place, block in prefix_blocks(request.body) if "cache_control" in block]


def test_all_but_the_newest_words_are_read_from_the_cache(run):
    with Provider(lambda body, i: f"{i} {WORDS}", cache_minimum=100) as provider:
        result = run(*real(provider), "--max-turns", 10)
    for before, message in zip(result.read.messages, result.read.messages[2:], strict=False):
        assert message["usage"]["cache_read"] == before["usage"]["input"]
        assert message["usage"]["input"] == sum(
            message["usage"][name] for name in ("cache_read", "cache_write")
        )
    assert marks(provider.requests[-1]) == ["system", "16 user", "18 user"]


def test_a_message_that_calls_many_tools_is_found_again(run):
    def reply(body, i):
        calls = [("kill_puppies_to_exit_loop", {"reason": f"{i} {n}"}) for n in range(12)]
        return Reply(f"{i} {WORDS}", tools=tuple(calls) if i in (4, 5, 6) else ())

    with Provider(reply, cache_minimum=100) as provider:
        run(*real(provider), "--max-turns", 4)
    assert all(request.status == 200 for request in provider.requests)
    assert all(len(marks(request)) <= 4 for request in provider.requests)
    rounds = [request.usage for request in provider.requests[4:8]]  # of one message, 36 calls
    for before, after in itertools.pairwise(rounds):
        written = before["cache_creation_input_tokens"]
        assert after["cache_read_input_tokens"] == before["cache_read_input_tokens"] + written


def test_the_cost_is_by_the_caches_prices(run):
    with Provider(lambda body, i: f"{i} {WORDS}", cache_minimum=100) as provider:
        messages = run(*real(provider), "--max-turns", 3).read.messages
    for message in messages:
        usage, prices = message["usage"], catalogue.entry(message["model"])
        expected = usage["cache_read"] * prices["cache_read_input_token_cost"]
        expected += usage["cache_write"] * prices["cache_creation_input_token_cost"]
        expected += usage["output"] * prices["output_cost_per_token"]
        assert message["cost_usd"] == pytest.approx(expected) and expected > 0


def test_no_cache_sets_no_marks(run):
    with Provider(lambda body, i: f"{i} {WORDS}", cache_minimum=100) as provider:
        result = run(*real(provider), "--max-turns", 3, "--no-cache")
    assert not any(map(marks, provider.requests)) and result.read.config["cache"] is False
    assert all(message["usage"]["cache_read"] == 0 for message in result.read.messages)


def test_openai_is_sent_no_marks_and_what_it_cached_is_counted(run):
    with Provider(lambda body, i: f"{i} {WORDS}", cache_minimum=100) as provider:
        result = run(*pair("openai/gpt-5.4"), "--max-turns", 3, "--api-base", provider.url + "/v1")
    assert not any(b"cache_control" in request.raw for request in provider.requests)
    usage = result.read.messages[-1]["usage"]
    prices = catalogue.entry("openai/gpt-5.4")
    expected = usage["cache_read"] * prices["cache_read_input_token_cost"]
    expected += (usage["input"] - usage["cache_read"]) * prices["input_cost_per_token"]
    expected += usage["output"] * prices["output_cost_per_token"]
    assert usage["cache_read"] > 0
    assert result.read.messages[-1]["cost_usd"] == pytest.approx(expected)


def test_marks_leave_the_history_as_it_was():
    said = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "v"},
    ]
    kept, marked = copy.deepcopy(said), list(said)
    mark(marked)
    assert said == kept and [isinstance(m["content"], list) for m in marked] == [
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "model, wanted",
    [
        ("anthropic/claude-opus-5-5", True),
        ("claude-opus-5-5", True),
        ("anthropic/claude-of-tomorrow", True),
        ("openrouter/anthropic/claude-opus-4.5", True),
        ("openai/gpt-5.4", False),
        ("gemini/gemini-3-pro-preview", False),
        ("replicate/anthropic/claude-4-sonnet", False),
        ("bedrock/anthropic.claude-v2:1", False),
        ("demo/bliss", False),
    ],
)
def test_only_providers_that_want_marks_get_them(model, wanted):
    assert wants_marks(model) is wanted
