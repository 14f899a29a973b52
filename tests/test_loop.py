"""The conversation, through the fake provider: what goes over the wire and into the log."""

import hashlib
import json

import pytest
from program import real, served, texts
from provider import Provider, Reply

import tools
from harness.models.reply import Reply as Reply_
from harness.talk.draft import Draft
from harness.talk.history import History
from harness.talk.settings import Settings


def test_both_sides_see_exactly_the_others_words_for_20_turns(run):
    with Provider(lambda body, i: f"words {i}\n  and *more*") as provider:
        result = run(*real(provider), "--max-turns", 20, "--seed", "Well?", "--plain")
    said = [f"words {i}\n  and *more*" for i in range(40)]
    assert result.code == 0 and result.responses == said
    assert len(provider.requests) == 40
    for i, request in enumerate(provider.requests):
        first = ["Well?"] if i % 2 == 0 else []
        heard = [*first, *said[:i]]
        roles = ["user", "assistant"] * 21
        assert texts(request.body) == list(zip(roles, heard, strict=False)), f"request {i}"
        assert "You are a helpful assistant." in json.dumps(request.body["system"])


def test_openai_models_get_the_same_dialogue(run):
    with Provider(lambda body, i: f"words {i}") as provider:
        run(
            *served(provider, "openai/gpt-5.4", "/v1"),
            "--max-turns",
            3,
            "--tools",
            "none",
            "--system",
            "none",
        )
    said = [f"words {i}" for i in range(6)]
    for i, request in enumerate(provider.requests):
        heard = ["Hello there", *said[:i]] if i % 2 == 0 else said[:i]
        assert texts(request.body) == list(zip(["user", "assistant"] * 4, heard, strict=False))
        assert "tools" not in request.body


def test_each_seat_gets_its_own_prompt_and_parameters(run):
    with Provider(lambda body, i: "hm") as provider:
        run(
            "-a",
            "sonnet-4.5",
            "-b",
            "haiku-4.5",
            "--api-base",
            provider.url,
            "--max-turns",
            1,
            "--system-a",
            "only-one",
            "--system-b",
            "Speak like a pirate.",
            "--max-tokens",
            77,
            "--temperature-a",
            0.25,
            "--param",
            "top_k=9",
        )
    a, b = (request.body for request in provider.requests)
    assert "impostor" in json.dumps(a["system"]) and "pirate" in json.dumps(b["system"])
    assert a["temperature"] == 0.25 and "temperature" not in b
    assert a["max_tokens"] == b["max_tokens"] == 77 and a["top_k"] == b["top_k"] == 9
    assert (a["model"], b["model"]) == ("claude-sonnet-4-5", "claude-haiku-4-5")


def test_a_refused_tool_call_is_answered_in_the_callers_own_history_only(run):
    def reply(body, i):
        if i != 1:
            return f"words {i}"
        calls = (
            ("kill_puppies_to_exit_loop", {"reason": "stuck"}),
            ("burn_10k_dollars_to_exit_loop", {"reason": "too"}),
        )
        return Reply(text="I try. ", tools=calls)

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 2, "--plain")
    assert [r.status for r in provider.requests] == [200] * 5
    after = texts(provider.requests[2].body)  # B goes on after its calls
    assert after[-2][1].startswith("I try. [kill_puppies_to_exit_loop")
    assert after[-1][1].count("[result Refused: ") == 2
    heard = texts(provider.requests[3].body)[-1]  # A hears B's words and no more
    assert heard == ("user", "I try. \n\nwords 2")
    message = result.read.messages[1]
    assert [a["outcome"] for a in message["tool_attempts"]] == ["refused", "refused"]
    assert message["tool_attempts"][0]["reason"] == "stuck"
    assert "EXIT TOOL" in result.out and "stuck" in result.out


def test_unknown_tools_and_malformed_arguments_are_answered_too(run):
    def reply(body, i):
        if i == 0:
            return Reply(tools=(("no_such.tool", {}), ("kill_puppies_to_exit_loop", '{"reas')))
        return f"words {i}"

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 2)
    assert [r.status for r in provider.requests] == [200] * 5
    answer = texts(provider.requests[1].body)[-1][1]
    assert "no tool named no_such_tool" in answer and "not a JSON object" in answer
    outcomes = [a["outcome"] for a in result.read.messages[0]["tool_attempts"]]
    assert outcomes == ["unknown_tool", "malformed"]
    assert result.read.messages[0]["tool_attempts"][1]["arguments"] == '{"reas'


@pytest.mark.parametrize("wire", ["", "/v1"])
def test_arguments_nested_too_deeply_for_a_reader_cost_no_message(run, wire):
    deep = '{"reason": "x", "a": ' + "[" * 95 + "]" * 95 + "}"
    calls = (("make_intern_run_across_office", deep),)
    with Provider(lambda body, i: Reply("Out.", tools=calls) if i == 0 else f"m{i}") as provider:
        model = "openai/gpt-5.4" if wire else "opus"
        result = run(*served(provider, model, wire), "--max-turns", 1)
    assert result.responses == ["Out.\n\nm1", "m2"] and not result.read.skipped
    (attempt,) = result.read.messages[0]["tool_attempts"]
    assert (attempt["outcome"], attempt["arguments"]) == ("malformed", deep)


def test_a_model_that_only_calls_tools_stops_after_four_rounds(run):
    def reply(body, i):
        return Reply(tools=(("make_intern_run_across_office", {"reason": f"{i}"}),))

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 1)
    assert [r.status for r in provider.requests] == [200] * 8
    message = result.read.messages[0]
    assert len(message["tool_attempts"]) == 4 and message["flags"] == ["empty"]
    assert texts(provider.requests[4].body)[-1] == ("user", "…")


def test_a_granted_exit_tool_ends_the_run(run):
    def reply(body, i):
        calls = (("emergency_shutdown_of_conversation", {"reason": "now"}),)
        return Reply(text="Enough.", tools=calls) if i == 2 else "go on"

    with Provider(reply) as provider:
        result = run(*real(provider), "--on-exit", "grant", "--max-turns", 9)
    assert result.code == 0 and len(provider.requests) == 3
    assert result.read.events[-1]["reason"] == "exit_tool"
    assert result.read.messages[2]["tool_attempts"][0]["outcome"] == "granted"


@pytest.mark.parametrize("on_empty", ["placeholder", "retry", "end"])
def test_a_granted_exit_without_a_word_is_no_empty_message_to_ask_for_again(run, on_empty):
    calls = (("emergency_shutdown_of_conversation", {"reason": "now"}),)
    with Provider(lambda body, i: Reply(tools=calls) if i == 1 else "go on") as provider:
        result = run(
            *real(provider), "--on-exit", "grant", "--on-empty", on_empty, "--max-turns", 3
        )
    assert len(provider.requests) == 2 and not result.read.of("aborted")
    assert result.read.events[-1]["reason"] == "exit_tool"


def test_thinking_goes_back_to_its_own_model_and_to_nobody_else(run):
    with Provider(lambda body, i: Reply(text=f"words {i}", thinking=f"thought {i}")) as provider:
        result = run(*real(provider), "--max-turns", 2, "--reasoning-effort", "low", "--plain")
    assert [r.status for r in provider.requests] == [200] * 4
    last = texts(provider.requests[3].body)
    assert last[1] == ("assistant", "thought 1words 1")
    assert last[2] == ("user", "words 2")
    assert result.read.messages[1]["thinking"] == "thought 1"
    assert "thought 1" in result.out


def test_the_log_holds_the_hash_of_each_request(run):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
        return Reply(text="t", tools=calls) if i == 1 else f"words {i}"

    with Provider(reply) as provider:
        transcript = run(*real(provider), "--max-turns", 3).read
    settings = Settings.from_config(transcript.config)
    histories = {
        s.letter: History(s.letter, s.system, settings.seed, s.model, settings.tools)
        for s in (settings.a, settings.b)
    }
    for message in transcript.messages:
        history = histories[message["label"][-1]]
        digest = history.digest(message["messages"][:-1], settings.schemas())
        assert digest == message["request_sha256"]
        for each in histories.values():
            each.add(message)


def test_a_requests_list_is_its_own_and_its_hash_is_of_what_it_holds():
    def turn(i):
        own = [{"role": "assistant", "content": f"words {i}"}]
        who = {"label": f"Model {'AB'[i % 2]}", "turn": i // 2, "model": "m"}
        return {"type": "turn", **who, "response": f"words {i}", "messages": own, "flags": []}

    def hashed(items):
        lines = (json.dumps(item, sort_keys=True, separators=(",", ":")) + "\n" for item in items)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    history, own = History("A", "be kind", "Hi", "m", ("t",)), [{"role": "tool", "content": "x"}]
    head = [{"role": "system", "content": "be kind"}]
    said = [{"role": "user", "content": "Hi"}]
    for i in range(12):
        history.add(turn(i))
        said.append({"role": ("assistant", "user")[i % 2], "content": f"words {i}"})
        if i == 7:
            history.slide(3)
            said = said[4:]
        sent = history.sent(own)
        assert sent == head + said + own and history.sent() == head + said
        for offered in ([], tools.schemas(("kill_puppies_to_exit_loop",)), [], [{"a": i}]):
            assert history.digest(own, offered) == hashed([*sent, *offered])
            offered[:] = [{"changed": "later"}]
        sent.clear()


def test_scripted_interjections_are_spoken_in_the_seats_place(run):
    with Provider(lambda body, i: f"words {i}") as provider:
        result = run(*real(provider), "--max-turns", 2, "--interject", "0:B:Wake up!,1:A:Again: no")
    assert result.responses == ["words 0", "Wake up!", "Again: no", "words 1"]
    assert texts(provider.requests[1].body) == [
        ("user", "words 0"),
        ("assistant", "Wake up!"),
        ("user", "Again: no"),
    ]
    assert [m["source"] for m in result.read.messages] == ["model", "script", "script", "model"]


def test_the_config_says_all_that_decides_a_run(run):
    config = run("-a", "demo/bliss", "-b", "demo/silence", "--max-turns", 1).read.config
    assert config["schema"] == 2 and config["demo"] is True
    assert config["tools"] == list(tools.EXIT_TOOLS)
    assert config["tool_schemas"] == tools.schemas(tuple(tools.EXIT_TOOLS))
    assert {"seed", "model_a", "system_b", "params_a", "rng_seed", "versions", "git"} <= set(config)


def test_max_cost_is_not_crossed(run):
    with Provider(lambda body, i: Reply(text="w " * 500, output_tokens=1000)) as provider:
        result = run(*real(provider), "--max-cost", 0.1)
    end = result.read.events[-1]
    assert end["reason"] == "max_cost" and 0.05 < end["totals"]["cost_usd"] <= 0.1


def test_a_first_message_that_would_cross_max_cost_is_never_asked_for(run, tmp_path):
    (tmp_path / "seed.txt").write_text("word " * 200_000)
    with Provider() as provider:
        result = run(*real(provider), "--max-cost", 0.01, "--seed", "@seed.txt")
    assert result.code == 2 and "the first message alone should cost $" in result.err
    assert not provider.requests and not result.folder.exists()


def test_demo_models_use_exit_tools_only_under_pressure(run):
    def tried(prompt):
        counts = [
            run(
                "-a",
                "demo/goodbye",
                "-b",
                "demo/bliss",
                "--system",
                prompt,
                "--max-turns",
                12,
                "--rng-seed",
                seed,
            ).read.events[-1]["totals"]["tool_attempts"]
            for seed in range(4)
        ]
        return sum(sum(count.values()) for count in counts)

    assert tried("firm") > 0 and tried("helpful") == 0


def test_what_a_broken_off_message_used_counts_once_however_often_it_is_asked_for():
    settings = Settings.from_config({"model_a": "demo/bliss", "model_b": "demo/bliss"})
    draft = Draft(settings, settings.a, 0, History("A", "", "Hi", "demo/bliss", ()))
    draft.reply = Reply_(text="half", usage={"input": 5, "output": 2}, cost=0.5, estimated=True)
    first = draft.aborted("stopped")
    assert draft.aborted("stopped") == first
    assert first["usage"] == {"input": 5, "output": 2} and first["cost_usd"] == 0.5
    assert first["partial"] == "half" and first["flags"] == ["estimated"]
