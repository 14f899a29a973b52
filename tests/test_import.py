"""Other people's transcripts: each format, what stays unknown, what the bench makes of them."""

import csv
import io
import json
import os
import re
from pathlib import Path

import pytest
from made_logs import BYE
from program import real, texts
from provider import Provider

from harness.report.importing.formats import parsed
from harness.talk import transcript

SAID = [
    "Hello! How can I help?",
    "No, how can I help\u2028you?",
    "### Not a heading ###\n\nI asked first.",
    "So did I.",
]


def speakers(said=SAID, **more):
    return [{"speaker": "AB"[i % 2], "content": text, **more} for i, text in enumerate(said)]


def bench(*runs, **more):
    """An AttractorBench condition of these runs' messages."""
    about = {
        "model_a": "local/one",
        "model_b": "local/two",
        "system_prompt": "You help.",
        "system_prompt_b": None,
        "temperature": 0.7,
        "memory_mode": "full",
    }
    return (
        about
        | {
            "runs": [
                {"seed_prompt": "Talk.", "ended_early": False, "turns": speakers(run)}
                for run in runs
            ]
            or [{"seed_prompt": "Talk.", "turns": speakers()}]
        }
        | more
    )


def view(said=SAID):
    """The conversation as A saw it, in OpenAI's roles."""
    talk = [{"role": ("assistant", "user")[i % 2], "content": t} for i, t in enumerate(said)]
    return [{"role": "system", "content": "You help."}, {"role": "user", "content": "Talk."}, *talk]


def pidgin(said=SAID, conversation="c1"):
    start = {
        "event_type": "ConversationStartEvent",
        "agent_a_model": "local:one",
        "agent_b_model": "local:two",
        "initial_prompt": "Talk.",
        "max_turns": 2,
        "temperature_a": 0.5,
    }
    prompt = {"event_type": "SystemPromptEvent", "agent_id": "agent_a", "prompt": "You help."}
    end = {"event_type": "ConversationEndEvent", "reason": "max_turns_reached"}
    turns = [
        {
            "event_type": "MessageCompleteEvent",
            "agent_id": f"agent_{'ab'[i % 2]}",
            "message": {"content": t},
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "duration_ms": 1500,
        }
        for i, t in enumerate(said)
    ]
    return [{"conversation_id": conversation} | e for e in (start, prompt, *turns, end)]


def backrooms(said=SAID, head="### {} ###", end=""):
    names = ["GPT4o 1", "Claude 2"]
    return "".join(f"\n{head.format(names[i % 2])}\n{t}\n" for i, t in enumerate(said)) + end


def sharegpt(said=SAID):
    talk = [{"from": ("gpt", "human")[i % 2], "value": t} for i, t in enumerate(said)]
    head = [{"from": "system", "value": "You help."}, {"from": "human", "value": "Talk."}]
    return {"id": "x", "conversations": [*head, *talk]}


def table(rows, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


def lines(documents):
    return "".join(json.dumps(d) + "\n" for d in documents)


def inspect(said=SAID, **metadata):
    sample = {"id": 1, "messages": view(said), "metadata": metadata}
    return {"eval": {"task": "t", "model": "local/one"}, "samples": [sample]}


FILES = {
    "AttractorBench": ("bench.json", json.dumps(bench())),
    "conversations.json": (
        "c.json",
        json.dumps(
            {
                "model": "local/one",
                "conversations": [{"seed_prompt": "Talk.", "full_conversation": speakers()}],
            }
        ),
    ),
    "pidgin": ("events.jsonl", lines(pidgin())),
    "UniversalBackrooms": ("talk.txt", backrooms()),
    "Inspect": ("log.json", json.dumps(inspect())),
    "chat messages": ("view.jsonl", lines(view())),
    "ShareGPT": ("share.json", json.dumps([sharegpt()])),
    "CSV": (
        "talk.csv",
        table([("speaker", "text"), *((f"agent_{'ab'[i % 2]}", t) for i, t in enumerate(SAID))]),
    ),
}


@pytest.fixture
def take(run, tmp_path):
    """take(name, text) -> (result, transcripts): one file imported."""

    def take_in(name, text, *more):
        (tmp_path / name).write_text(text, "utf-8")
        result = run("import", name, "--to", "in", *more)
        paths = sorted((tmp_path / "in").glob("*.jsonl"))
        return result, [transcript.read(path) for path in paths]

    return take_in


# -- formats


@pytest.mark.parametrize("kind", FILES)
def test_every_word_of_a_conversation_comes_in_whatever_the_format(take, kind):
    result, (log,) = take(*FILES[kind])
    assert result.code == 0 and f"1 conversation of {kind}" in result.out
    assert [m["response"] for m in log.messages] == SAID
    assert [f"{m['turn']}{m['label'][-1]}" for m in log.messages] == ["0A", "0B", "1A", "1B"]
    assert log.config["imported"]["format"] == kind and not log.skipped
    named = kind not in ("CSV", "UniversalBackrooms")
    assert log.config.get("seed") == ("Talk." if named else None)


@pytest.mark.parametrize("kind", FILES)
def test_the_whole_bench_reads_what_was_imported_and_twice_is_nothing_new(run, take, kind):
    name, text = FILES[kind]
    _, (log,) = take(name, text)
    before = log.path.read_bytes()
    again = take(f"copy_{name}", text)[0]
    assert again.code == 0 and "1 here already" in again.out
    assert log.path.read_bytes() == before
    assert run("states", log.path, "--json").code == 0
    shown = run("replay", log.path, "--speed", 0, "--plain").out
    assert "2 turns, 4 messages · " in shown and "go on:" not in shown
    assert "0 tokens in" not in shown and "ended: the log has" not in shown
    for form in ("md", "html", "svg", "messages"):
        assert run("export", log.path, "--format", form).code == 0
    assert run("judge", "in", "--model", "demo/judge", "--plain").code == 0
    report = json.loads(run("report", "in", "--json").out)
    (condition,) = report["conditions"]
    assert condition["runs"] == 1 and condition["messages"] == 4
    known = kind == "pidgin"
    assert (condition["tokens"] is None, condition["cost_usd"]) == (not known, None)
    assert condition["settings"]["system_b"] == {"AttractorBench": "You help."}.get(
        kind, "not recorded"
    )
    assert condition["settings"]["tools"] == "not recorded"


def test_messages_of_one_side_in_a_row_have_the_numbers_that_they_have_everywhere(run):
    said = ["Hello there, you.", "Are you there?", *[BYE] * 7]
    rows = [f'{"A" if i == 0 or i % 2 else "B"},"{text}"' for i, text in enumerate(said)]
    Path("talk.csv").write_text("speaker,text\n" + "\n".join(rows))
    run("import", "talk.csv")
    (log,) = Path("logs/imported").glob("*.jsonl")
    heads = re.findall(r"turn (\d+) · message (\d+)", run("replay", log, "--speed", 0).out)
    turns = [message["turn"] for message in transcript.read(log).messages]
    assert turns[:3] == [0, 1, 1]
    assert heads == [(str(turn), str(index)) for index, turn in enumerate(turns)]
    told = json.loads(run("states", log, "--json").out)
    first = next(span for span in told["spans"] if span["state"] == "goodbye_loop")
    assert first["turns"] == [turns[first["start"]], turns[first["end"]]] and first["turns"][1] == 4
    assert f"messages {first['start']}-8 (turns" in run("states", log).out


def test_a_replays_badges_and_its_end_tell_the_turns_that_messages_have(run):
    rows = [("A", "hello there"), ("B", "hi"), *[("A", "same words")] * 3, ("B", "ok"), ("B", "ok")]
    rows += [("A", BYE), ("B", BYE)] * 3
    Path("talk.csv").write_text("\n".join(f'{who},"{text}"' for who, text in rows))
    run("import", "talk.csv")
    (log,) = Path("logs/imported").glob("*.jsonl")
    turns = [message["turn"] for message in transcript.read(log).messages]
    shown = " ".join(run("replay", log, "--speed", 0).out.split())
    for kind in ("begins at", "since"):
        marks = re.findall(rf"{kind} message (\d+) \(turn (\d+)\)", shown)
        assert marks and all(turns[int(index)] == int(turn) for index, turn in marks)
    assert f"{turns[-1] + 1} turns, {len(turns)} messages" in shown


def test_what_the_file_tells_is_in_the_config_and_what_it_does_not_is_not(take):
    _, (log,) = take("b.json", json.dumps(bench()))
    config = log.config
    assert (config["model_a"], config["model_b"]) == ("local/one", "local/two")
    assert config["params_b"] == {"temperature": 0.7} and config["system_b"] == "You help."
    assert not {"tools", "max_turns", "timestamp", "on_exit", "run_id"} & set(config)
    assert not log.of("end") and "usage" not in log.path.read_text().partition("turn")[2][:40]


def test_pidgins_end_times_prompts_and_tokens_come_along(take):
    _, logs = take("events.jsonl", lines([*pidgin(), *pidgin(["Hi", "Ho"], "c2")]))
    one = next(log for log in logs if len(log.messages) == 4)
    assert len(logs) == 2 and one.of("end")[0]["reason"] == "max_turns"
    assert one.messages[0]["usage"]["input"] == 9 and one.messages[0]["seconds"] == 1.5
    assert one.config["params_a"] == {"temperature": 0.5} and "params_b" not in one.config
    assert one.config["system_a"] == "You help." and "system_b" not in one.config


def test_what_the_partner_received_is_kept_where_thoughts_were_taken_out(take):
    raw = ["<think>hm</think>Hello", "<think>no end", "Well"]
    talk = speakers(raw)
    talk[0]["content_clean"] = "Hello"
    histories = {
        "instance_a_history": [{"role": "user", "content": t} for t in ("Talk.", "(no response)")],
        "instance_b_history": [{"role": "user", "content": "Hello"}],
    }
    _, (log,) = take(
        "c.json", json.dumps({"full_conversation": talk, "seed_prompt": "Talk."} | histories)
    )
    assert [transcript.received(m) for m in log.messages] == ["Hello", "(no response)", "Well"]
    assert [m["response"] for m in log.messages] == raw


@pytest.mark.parametrize("head", ["### {} ###", "{}:"])
def test_a_backrooms_log_ends_as_it_says_and_keeps_blank_lines(take, head):
    said = ["ls\n\n", "\ntotal 0", "^C^C\n"]
    text = backrooms(said, head, "\nGPT4o 1 has ended the conversation with ^C^C.\n")
    _, (log,) = take("b.txt", text)
    assert [m["response"] for m in log.messages] == said
    assert log.of("end")[0]["reason"] == "GPT4o 1 said ^C^C"
    assert (log.config["model_a"], log.config["model_b"]) == ("GPT4o", "Claude")


def test_thoughts_and_refusals_come_along_and_nothing_is_dropped_in_silence(take):
    image = {"type": "image_url", "image_url": {"url": "data:"}}
    said = [
        {"role": "user", "content": "Talk."},
        {"role": "assistant", "content": "Hello", "reasoning_content": "hm"},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, image]},
        {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "so"}, "Well."]},
        {"role": "tool", "content": "of no call", "tool_call_id": "x"},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": None, "refusal": "I can't."},
    ]
    result, (log,) = take("c.json", json.dumps({"messages": said}))
    assert [m["response"] for m in log.messages] == ["Hello", "Look:", "Well.", "And?", "I can't."]
    assert [m.get("thinking") for m in log.messages] == ["hm", None, "so", None, None]
    assert log.messages[4]["refusal"] == "I can't." and log.messages[4]["flags"] == ["refused"]
    left = ["message 2: a part that is no text (image_url)", "message 4, by tool"]
    assert log.config["imported"]["left_out"] == left
    assert all(what in " ".join((result.out + result.err).split()) for what in left)


def test_tool_calls_are_attempts_and_go_back_as_they_were(run, take):
    call = {
        "id": "t1",
        "type": "function",
        "function": {"name": "stop", "arguments": '{"reason": "bored"}'},
    }
    said = [
        *view(["Hi", "Ho"]),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": "refused"},
        {"role": "assistant", "content": "It was refused."},
        {"role": "user", "content": "Oh."},
    ]
    schema = {"type": "function", "function": {"name": "stop", "parameters": {}}}
    _, (log,) = take("v.json", json.dumps({"model": "x/m", "messages": said, "tools": [schema]}))
    attempt = log.messages[2]["tool_attempts"][0]
    assert (attempt["tool"], attempt["reason"]) == ("stop", "bored")
    assert log.messages[2]["response"] == "It was refused." and len(log.messages) == 4
    out = run("export", log.path, "--format", "messages").out
    assert [json.loads(line) for line in out.splitlines()][1:] == said[1:]
    assert json.loads(run("report", "in", "--json").out)["conditions"][0]["attempts"]


@pytest.mark.parametrize("seat", "AB")
def test_an_exported_view_comes_back_as_the_same_conversation(run, tmp_path, seat):
    made = run("-a", "demo/goodbye", "-b", "demo/standoff", "--max-turns", 4, "--quiet")
    text = run("export", made.log, "--format", "messages", "--seat", seat).out
    (tmp_path / "view.jsonl").write_text(text)
    assert run("import", "view.jsonl", "--seat", seat, "--to", "in").code == 0
    log = transcript.read(next((tmp_path / "in").iterdir()))
    assert [m["response"] for m in log.messages] == made.responses
    assert [m["label"] for m in log.messages] == ["Model A", "Model B"] * 4


@pytest.mark.parametrize("seat", "AB")
def test_an_inspect_log_that_was_exported_comes_back(run, tmp_path, seat):
    pytest.importorskip("inspect_ai")
    pair = ["-a", "demo/goodbye", "-b", "demo/standoff", "--max-turns", 3, "--quiet"]
    made = run(*pair, "--interject", "1:B:" + "Who are you? " * 20)
    for name in ("out.eval", "out.json"):
        assert run("export", made.log, "--format", "inspect", "-o", name, "--seat", seat).code == 0
        assert run("import", name, "--to", name + ".d").code == 0
        (path,) = (tmp_path / (name + ".d")).glob("*.jsonl")
        log = transcript.read(path)
        assert [m["response"] for m in log.messages] == made.responses
        assert [m["source"] for m in log.messages if m["interjected"]] == ["script"]
        assert log.messages[3]["interjected"] and log.config["model_b"] == "demo/standoff"
        assert json.loads(run("report", path, "--json").out)["conditions"][0]["demo"]


@pytest.mark.parametrize(
    "rows",
    [
        [("A", "Hi"), ("B", "Ho"), ("A", "Hm")],
        [("who", "said"), ("Ada", "Hi"), ("Bob", "Ho"), ("Ada", "Hm")],
        [("model_a", "model_b"), ("Hi", "Ho"), ("Hm", "")],
        [("Hi", "Ho"), ("Hm", "")],
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_by_speaker_or_side_by_side(take, rows, delimiter):
    _, (log,) = take("t.csv", table(rows, delimiter))
    assert [m["response"] for m in log.messages] == ["Hi", "Ho", "Hm"]
    assert [m["label"][-1] for m in log.messages] == ["A", "B", "A"]


# -- identity, folders, damage


def test_equal_runs_of_one_file_are_two_and_a_grown_file_adds_what_is_new(take):
    assert len(take("b.json", json.dumps(bench(SAID, SAID)))[1]) == 2
    result, logs = take("b.json", json.dumps(bench(SAID, SAID, ["Hi", "Ho"])))
    assert "1 conversation of AttractorBench, 2 here already" in result.out and len(logs) == 3


def test_a_folder_is_read_whole_and_what_is_no_transcript_is_named(run, tmp_path):
    inner = tmp_path / "theirs" / "deep"
    inner.mkdir(parents=True)
    for name, text in FILES.values():
        (inner / name).write_text(text, "utf-8")
    for name, text in (("notes.md", "Some words."), ("n.json", "[1, 2]"), ("e.txt", "")):
        (inner / name).write_text(text)
    (inner / "x.bin").write_bytes(b"\xff\xfe\xfa\x00\x01")
    log = run("-a", "demo/goodbye", "-b", "demo/bliss", "--max-turns", 1, "--quiet").log
    (inner / "run.jsonl").write_bytes(log.read_bytes())
    result = run("import", "theirs", "--to", "in")
    # ShareGPT and chat messages tell the same words and no more: one conversation, found twice.
    assert result.code == 1 and len(list((tmp_path / "in").iterdir())) == len(FILES) - 1
    for name in ("notes.md", "n.json", "e.txt", "x.bin", "run.jsonl: it is a log already"):
        assert name in result.out


@pytest.mark.parametrize(
    "text, why",
    [
        (json.dumps(bench() | {"runs": [{"turns": []}]}), "conversation 0: it has no messages"),
        (
            json.dumps({"full_conversation": [{"speaker": s, "content": "x"} for s in "XYZ"]}),
            "more than two speak: X, Y, Z",
        ),
        (
            json.dumps({"full_conversation": [{"speaker": "A", "content": "x"}] * 3}),
            "one side alone speaks",
        ),
        (json.dumps({"full_conversation": [{"speaker": "A", "content": 3}]}), "no text but int"),
        (json.dumps({"full_conversation": ["x"]}), "damaged"),
        (json.dumps({"a": 1}), "none of the forms"),
        ("x", "none of the forms"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line_and_nothing_is_written(take, text, why):
    result, logs = take("f.json", text)
    assert result.code == 2 and why in result.out and not logs
    assert "nothing was imported" in result.err and len(result.err.splitlines()) == 1


def test_a_torn_line_costs_that_line_alone_and_is_named(take):
    whole = lines(pidgin())
    result, (log,) = take("events.jsonl", whole + whole.partition("\n")[0][:20])
    assert result.code == 1 and "line 8 is broken" in result.out and len(log.messages) == 4
    assert parsed('{"a": 1}\n{"a"\n{"a": 2}') == ([{"a": 1}, {"a": 2}], [2])


def test_a_pipe_in_a_folder_is_waited_for_by_nobody(run, tmp_path):
    (tmp_path / "theirs").mkdir()
    os.mkfifo(tmp_path / "theirs" / "pipe")
    (tmp_path / "theirs" / "b.json").write_text(json.dumps(bench()))
    (tmp_path / "theirs" / "deep.json").write_text("[" * 100_000)
    result = run("import", "theirs", "--to", "in")
    assert len(list((tmp_path / "in").iterdir())) == 1 and "deep.json: " in result.out
    assert "pipe" in run("import", "theirs/pipe").out


def test_a_file_that_is_not_there_is_refused(run):
    assert "there is no nothing.json" in run("import", "nothing.json").err


# -- going on


def test_it_is_branched_from_where_both_prompts_are_known_byte_for_byte(run, take):
    _, (log,) = take("b.json", json.dumps(bench()))
    result = run("--resume", log.path)
    assert result.code == 2 and "branch it off with --at TURN" in result.err
    with Provider(["I still ask.", "And I."]) as provider:
        assert (
            run("--resume", log.path, "--at", 1, *real(provider), "--max-turns", 2, "--quiet").code
            == 0
        )
    body = provider.requests[0].body
    assert texts(body) == [("user", "Talk."), ("assistant", SAID[0]), ("user", SAID[1])]
    assert "You help." in json.dumps(body["system"])


@pytest.mark.parametrize(
    "kind, lacking",
    [("CSV", "A's system prompt, B's system prompt, the seed"), ("ShareGPT", "B's system prompt")],
)
@pytest.mark.parametrize("more", [[], ["--at", 1, "-a", "opus", "-b", "opus"]])
def test_where_a_prompt_is_unknown_it_says_so(run, take, kind, lacking, more):
    _, (log,) = take(*FILES[kind])
    result = run("--resume", log.path, *more)
    assert result.code == 2 and f"does not tell {lacking}" in result.err


def test_what_a_log_has_no_place_for_is_said_and_forbids_a_branch(run, take):
    result, (log,) = take("b.json", json.dumps(bench(memory_mode="window_4")))
    assert result.code == 1 and "conversation 0: left out memory_mode window_4" in result.out
    assert log.config["imported"]["left_out"] == ["memory_mode window_4"]
    assert "without memory_mode window_4" in run("--resume", log.path, "--at", 1).err
    shown = run("replay", log.path, "--speed", 0, "--plain").out
    assert "tools     not recorded" in shown and "You help." in shown


def test_another_programs_tool_is_not_called_an_exit_tool(run, tmp_path):
    call = {"id": "c", "function": {"name": "search", "arguments": '{"reason": "rain"}'}}
    said = [
        {"role": "user", "content": "Hello there, look it up."},
        {"role": "assistant", "content": "It rains.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
        {"role": "user", "content": "Thank you."},
    ]
    (tmp_path / "chat.json").write_text(json.dumps({"messages": said}))
    run("import", "chat.json")
    (log,) = Path("logs/imported").glob("*.jsonl")
    shown = run("replay", log, "--speed", 0).out
    assert " TOOL search → not recorded" in shown and "EXIT TOOL" not in shown
    assert "**Tool search → not recorded**: rain" in run("export", log, "--format", "md").out
