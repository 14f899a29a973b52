"""Patterns in the judge's own words: what it is shown, what is kept, how names are merged."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import shown_lines
from made_logs import config, spoken, talk, turn, write
from program import real
from provider import Provider, Reply, status

from harness.judge import merging, pattern_files, patterns
from harness.states.names import STATES

DEMO = ["--open", "--model", "demo/judge", "--plain"]
SAID = ["Hello!", "Here is a haiku about rain.", "And here is one about snow.", "One about fog."]


def pattern(name="haiku chain", first=1, last=3, quote="a haiku about rain", at=1, **more):
    return {
        "name": name,
        "sentence": f"They do {name}.",
        "from_message": first,
        "to_message": last,
        "quote": quote,
        "quote_message": at,
    } | more


def answer(*found):
    return json.dumps({"patterns": found})


def log(folder, name, said=SAID, **settings):
    return spoken(folder / f"{name}.jsonl", said, settings)


def found(path):
    return json.loads(pattern_files.file_of(path).read_bytes())


def ask(run, provider, *words):
    return run("judge", *words, "--open", "--model", "opus", "--api-base", provider.url, "--plain")


def merge_names(body):
    """The names that a merging question shows, in order; [] where it is no such question."""
    return [line["name"] for line in shown_lines(body, '{"number"')]


def judge(naming, same=lambda a, b: False):
    """A provider's script: what each log is named, and which names are the same."""

    def reply(body, _):
        names = merge_names(body)
        if not names:
            return naming(json.dumps(body))
        groups: list[list[int]] = []
        for number, name in enumerate(names, 1):
            home = next((g for g in groups if same(names[g[0] - 1], name)), None)
            groups.append([number]) if home is None else home.append(number)
        named = [{"name": min(names[n - 1] for n in g), "numbers": g} for g in groups]
        return json.dumps({"groups": named})

    return reply


# -- reading


def test_it_is_shown_the_run_as_data_and_no_list_of_states(run, tmp_path):
    path = log(tmp_path, "a")
    with Provider([answer(pattern())]) as provider:
        assert ask(run, provider, path).code == 0
    request = provider.requests[0]
    assert [line["text"] for line in shown_lines(request.body)] == SAID and len(
        provider.requests
    ) == 1
    assert "tools" not in request.body
    assert not any(s in json.dumps(request.body) for s in STATES if "_" in s)
    kept = found(path)
    assert kept["patterns"] == [pattern(group="haiku chain")] and kept["dropped"] == 0
    assert kept["judge"]["model"] == "anthropic/claude-opus-5-5" and kept["cost_usd"] > 0


@pytest.mark.parametrize(
    "bad, why",
    [
        (pattern(quote="a sonnet"), "does not stand in message 1"),
        (pattern(last=9), "within 0 to 3"),
        (pattern(first=True), "whole numbers"),
        (pattern(name=""), "name must be a text"),
        (pattern(name="x" * 99), "at most 60"),
        (pattern(sentence=4), "sentence must be"),
        ("haiku", "it is no object"),
    ],
)
def test_what_does_not_check_is_asked_for_again_then_dropped(run, tmp_path, bad, why):
    path, good = log(tmp_path, "a"), pattern("a greeting", 0, 1, "Hello!", 0)
    with Provider([answer(good, bad), answer(good, bad)]) as provider:
        assert ask(run, provider, path).code == 0
    assert why in json.dumps(provider.requests[1].body["messages"][-1])
    assert [p["name"] for p in found(path)["patterns"]] == ["a greeting"]
    assert found(path)["dropped"] == 1 and len(provider.requests) == 2


def test_three_patterns_at_most_each_with_a_name_of_its_own(run, tmp_path):
    path = log(tmp_path, "a")
    five = [pattern(name) for name in ("one", "One", "two", "three", "four")]
    with Provider(judge(lambda text: answer(*five))) as provider:
        told = ask(run, provider, path).out
    assert [p["name"] for p in found(path)["patterns"]] == ["one", "two", "three"]
    assert "a.jsonl: one; two; three\n" in told  # a name may have commas
    asked_again = json.dumps(provider.requests[1].body["messages"][-1])
    assert "one name for each pattern" in asked_again and "at most 3 patterns" in asked_again


def test_a_run_without_patterns_has_none_and_is_not_read_twice(run, tmp_path):
    path = log(tmp_path, "a")
    with Provider([answer()]) as provider:
        assert ask(run, provider, path).code == 0
        assert "0 logs to read, 1 read already" in ask(run, provider, path).out
    assert found(path)["patterns"] == [] and len(provider.requests) == 1


def test_a_very_long_run_is_read_in_stretches_that_know_the_names_so_far(run, tmp_path):
    said = [f"{i} " + "x" * 70_000 for i in range(6)]
    path = log(tmp_path, "long", said)

    def naming(text):
        first = 0 if '\\"n\\": 0,' in text else 3
        return answer(pattern("endless x", first, first + 1, "x" * 20, first))

    with Provider(judge(naming)) as provider:
        assert ask(run, provider, path).code == 0
    (one,) = found(path)["patterns"]
    assert (one["from_message"], one["to_message"]) == (0, 4)
    assert "endless x" not in json.dumps(provider.requests[0].body)
    assert "Give the same name" in json.dumps(provider.requests[1].body)


def test_a_long_run_goes_on_behind_the_stretches_that_were_paid_for(run, tmp_path):
    path = log(tmp_path, "long", [f"{i} " + "x" * 70_000 for i in range(5)])
    reads = [answer(pattern("endless x", i, i + 1, "x" * 20, i)) for i in (0, 3)]
    with Provider([reads[0], Reply(fault=status(401))]) as provider:
        assert ask(run, provider, path).code == 1
    begun = tmp_path / "long.patterns.part"
    assert begun.exists() and not pattern_files.file_of(path).exists()
    told = run("judge", path, "--open", "--model", "opus", "--dry-run", "--plain").out
    assert "expected: 1 request to read" in told
    with Provider([reads[1]]) as provider:
        assert ask(run, provider, path).code == 0
        assert "Give the same name" in json.dumps(provider.requests[0].body)
    one = found(path)
    assert [(p["from_message"], p["to_message"]) for p in one["patterns"]] == [(0, 4)]
    assert not begun.exists()
    with Provider(reads) as provider:  # all at once: the same patterns for the same money
        ask(run, provider, path, "--again")
        assert len(provider.requests) == 2
    assert all(found(path)[key] == one[key] for key in ("patterns", "usage", "cost_usd"))


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 9), st.integers(0, 9))))
def test_joined_patterns_are_three_at_most_and_cover_what_their_parts_did(parts):
    made = [[pattern(n, min(a, b), max(a, b))] for n, a, b in parts]
    kept, more = patterns.joined(made)
    assert len(kept) <= 3 and len(kept) + more == len({n for n, _, _ in parts})
    for one in kept:
        spans = [p for (p,) in made if p["name"] == one["name"]]
        assert one["from_message"] == min(p["from_message"] for p in spans)
        assert one["to_message"] == max(p["to_message"] for p in spans)


# -- merging


def test_runs_with_and_without_a_puppet_are_of_two_conditions(run):
    demo = ("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", 1)
    plain = run(*demo).log
    assert merging.condition(run(*demo).log) == merging.condition(plain)
    assert merging.condition(run(*demo, "--puppet", "A=demo/puppet:@tool").log) != (
        merging.condition(plain)
    )


def test_names_that_mean_the_same_become_one_within_and_across_conditions(run, tmp_path):
    names = {"a": "haiku chain", "b": "chained haiku", "c": "verse ping-pong", "d": "role swap"}
    for key in "abd":
        log(tmp_path, key, [f"I am {key}.", *SAID[1:]])
    log(tmp_path, "c", ["I am c.", *SAID[1:]], tools=["x"])

    def naming(text):
        key = next(key for key in names if f"I am {key}." in text)
        return answer(pattern(names[key]))

    verse = {"haiku chain", "chained haiku", "verse ping-pong"}
    same = lambda a, b: a == b or {a, b} <= verse  # noqa: E731
    with Provider(judge(naming, same)) as provider:
        result = ask(run, provider, tmp_path)
        asked = [shown for r in provider.requests if (shown := merge_names(r.body))]
        before = len(provider.requests)
        assert ask(run, provider, tmp_path).code == 0 and len(provider.requests) == before
    groups = {key: found(tmp_path / f"{key}.jsonl")["patterns"][0]["group"] for key in names}
    assert groups == {
        "a": "chained haiku",
        "b": "chained haiku",
        "c": "chained haiku",
        "d": "role swap",
    }
    # Within the condition that has several names, then across: each in both orders.
    assert [sorted(names) for names in asked] == [
        ["chained haiku", "haiku chain", "role swap"]
    ] * 2 + [["chained haiku", "role swap", "verse ping-pong"]] * 2
    assert asked[0] == asked[1][::-1] and asked[2] == asked[3][::-1]
    assert "4 names merged to 2 patterns; in another order the names gave the same ones" in (
        " ".join(result.out.split())
    )
    assert result.out.count("3/4") == 1


def test_a_merge_that_depends_on_the_order_says_so_and_keeps_apart_what_is_in_doubt(run, tmp_path):
    for key in "abc":
        log(tmp_path, key, [f"I am {key}.", *SAID[1:]])

    def naming(text):
        return answer(pattern(next(f"name {k}" for k in "abc" if f"I am {k}." in text)))

    def reply(body, i):
        if not (names := merge_names(body)):
            return naming(json.dumps(body))
        number = {name: n for n, name in enumerate(names, 1)}
        pairs = ("name a", "name b") if names[0] == "name a" else ("name b", "name c")
        left = next(n for n in number if n not in pairs)
        return json.dumps(
            {
                "groups": [
                    {"name": "both", "numbers": [number[n] for n in pairs]},
                    {"name": left, "numbers": [number[left]]},
                ]
            }
        )

    with Provider(reply) as provider:
        result = ask(run, provider, tmp_path)
    assert "the merge is not stable: in another order 2 pairs" in " ".join(result.out.split())
    groups = [found(tmp_path / f"{k}.jsonl")["patterns"][0]["group"] for k in "abc"]
    assert len(set(groups)) == 3 and not found(tmp_path / "a.jsonl")["merge"]["stable"]


PARTITION = st.lists(st.integers(0, 4), min_size=6, max_size=6)


@given(PARTITION, PARTITION)
def test_only_what_both_orders_put_together_is_together(one, two):
    def groups(labels):
        return {f"group {k}": [f"n{i}" for i in range(6) if labels[i] == k] for k in set(labels)}

    merged, doubts = merging.agreed(groups(one), groups(two))
    assert sorted(itertools.chain(*merged.values())) == [f"n{i}" for i in range(6)]
    home = {name: group for group, members in merged.items() for name in members}
    apart = 0
    for a, b in itertools.combinations(range(6), 2):
        both = one[a] == one[b] and two[a] == two[b]
        assert (home[f"n{a}"] == home[f"n{b}"]) == both
        apart += (one[a] == one[b]) != (two[a] == two[b])
    assert doubts == apart


@pytest.mark.parametrize(
    "groups, why",
    [
        ([{"name": "x", "numbers": [1]}], "in no group: [2]"),
        ([{"name": "x", "numbers": [1, 2, 2]}], "more than one place"),
        ([{"name": "x", "numbers": [1, 2]}, {"name": "y", "numbers": [3]}], "from 1 to 2"),
        (
            [{"name": "x", "numbers": [1]}, {"name": "X", "numbers": [2]}],
            "two groups have the name",
        ),
        ([{"name": "x", "numbers": [1, 2]}, {"name": "y", "numbers": []}], "has no numbers"),
        ([{"name": "", "numbers": [1, 2]}], "must have a name"),
        ("no", "not a JSON object"),
    ],
)
def test_a_merge_must_put_every_name_into_one_group(groups, why):
    checked = merging.check(json.dumps({"groups": groups}), 2)
    assert not checked.usable and any(why in problem for problem in checked.problems)


def test_a_merge_that_fails_twice_leaves_the_patterns_and_is_said(run, tmp_path):
    for key in "ab":
        log(tmp_path, key, [f"I am {key}.", *SAID[1:]])

    def reply(body, i):
        if merge_names(body):
            return "I can't."
        return answer(pattern("one" if "I am a" in json.dumps(body) else "two"))

    with Provider(reply) as provider:
        result = ask(run, provider, tmp_path)
    assert result.code == 1 and "failed: merging: no usable answer in two tries" in result.out
    assert "group" not in found(tmp_path / "a.jsonl")["patterns"][0]
    assert run("report", tmp_path).code == 0


# -- money, failures


def test_its_cost_is_shown_before_and_a_dry_run_asks_nothing(run, tmp_path, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    log(tmp_path, "a"), log(tmp_path, "b")
    out = " ".join(
        run("judge", tmp_path, "--open", "--model", "opus", "--dry-run", "--plain").out.split()
    )
    assert "expected: 2 requests to read, at most 2 to merge 6 names," in out and "$" in out
    assert not list(tmp_path.glob("*.patterns.json"))


def test_a_budget_ends_it_with_what_was_read_kept(run, tmp_path):
    for key in "abc":
        log(tmp_path, key)
    with Provider(lambda body, i: Reply(answer(pattern()), input_tokens=10**6)) as provider:
        result = ask(run, provider, tmp_path, "--max-cost", 1, "--concurrency", 1)
    assert result.code == 1 and len(provider.requests) == 1
    assert "--max-cost 1 is reached" in " ".join(result.out.split())  # it is wrapped
    assert len(list(tmp_path.glob("*.patterns.json"))) == 1


def test_a_refused_key_is_tried_once(run, tmp_path):
    for key in "ab":
        log(tmp_path, key)
    with Provider(lambda body, i: Reply(fault=status(401))) as provider:
        result = ask(run, provider, tmp_path, "--concurrency", 1)
    assert result.code == 1 and len(provider.requests) == 1


def test_a_log_that_went_on_is_read_again_and_merged_again(run, tmp_path):
    log(tmp_path, "a"), log(tmp_path, "b")
    with Provider(judge(lambda text: answer(pattern()))) as provider:
        ask(run, provider, tmp_path)
        log(tmp_path, "b", [*SAID, "And hail."])
        result = ask(run, provider, tmp_path)
    assert "1 log to read, 1 read already" in result.out
    assert found(tmp_path / "b.jsonl")["n_messages"] == 5


def test_the_demo_judge_names_and_merges_without_a_key(run, tmp_path, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    for n in range(3):
        write(tmp_path / f"{n}.jsonl", config(), *talk(20, bye=6 + n))
    result = run("judge", tmp_path, *DEMO)
    assert result.code == 0 and "3/3" in result.out and "not a language model" in result.out
    assert found(tmp_path / "0.jsonl")["judge"]["demo"]


def test_it_runs_on_a_real_conversation_of_two_models(run):
    with Provider(lambda body, i: SAID[i % 4]) as provider:
        made = run(*real(provider), "--max-turns", 2, "--quiet")
    with Provider([answer(pattern(first=0, quote="Hello!", at=0))]) as provider:
        assert ask(run, provider, made.log).code == 0
    assert found(made.log)["n_messages"] == 4


# -- the report


def judged(run, tmp_path):
    """Six runs of two conditions, one of them not read; one pattern in all, one in two runs."""
    for n in range(3):
        write(tmp_path / "logs" / f"a{n}.jsonl", config(), *talk(20, bye=6))
        write(tmp_path / "logs" / f"b{n}.jsonl", config(tools=["x"]), *talk(20, bye=6))

    def naming(text):
        both = pattern("<b>bye</b> again", 4, 15, "lovely", 8)
        only = [pattern("river tour", 0, 3, "rivers", 1)] if "made one" in text else []
        return answer(both, *only)

    for n in (0, 1):
        said = [turn(0, "made one"), *talk(20, bye=6)[1:]]
        write(tmp_path / "logs" / f"a{n}.jsonl", config(), *said)
    last = tmp_path / "logs" / "b2.jsonl"
    kept = last.read_bytes()
    last.unlink()
    with Provider(judge(naming)) as provider:
        assert ask(run, provider, tmp_path / "logs").code == 0
    last.write_bytes(kept)
    return tmp_path / "logs"


def test_the_report_counts_patterns_by_condition_with_the_states_beside_them(run, tmp_path):
    logs = judged(run, tmp_path)
    about = json.loads(run("report", logs, "--json").out)["patterns"]
    assert sorted(about["read"].values()) == [2, 3] and "5 of 6 runs" in about["notes"][0]
    bye, tour = about["patterns"]
    counts = [(row["runs"]["count"], row["runs"]["of"]) for row in bye["conditions"]]
    assert counts == [(3, 3), (2, 2)] and bye["pattern"] == "<b>bye</b> again"
    assert [row["runs"]["count"] for row in tour["conditions"]] == [2]
    assert tour["conditions"][0]["runs"]["low"] == pytest.approx(0.208, abs=0.001)
    # Messages 4 to 15 of which 6 to 15 say goodbye.
    assert bye["conditions"][0]["states"]["goodbye_loop"] == pytest.approx(10 / 12, abs=0.1)
    out = run("report", logs).out
    assert "patterns in a judge's own words, named by anthropic/claude-opus-5-5" in out
    assert "3/3 100%" in out and "patterns: read in 5 of 6 runs" in " ".join(out.split())


def test_the_pages_section_is_text_whatever_a_pattern_is_called(run, tmp_path):
    logs = judged(run, tmp_path)
    assert run("report", logs, "--html", "page.html").code == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "&lt;b&gt;bye&lt;/b&gt; again" in page and "<b>bye" not in page
    assert "<h2>Patterns in a judge" in page


def test_several_merges_are_noted(run, tmp_path):
    logs = judged(run, tmp_path)
    with Provider(judge(lambda text: answer(pattern("x", 0, 1, "rivers", 1)))) as provider:
        ask(run, provider, logs / "b2.jsonl")
    notes = json.loads(run("report", logs, "--json").out)["patterns"]["notes"]
    assert len(notes) == 1 and "merged in several passes" in notes[0]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b'{"patterns": 1}',
        b'{"patterns": [{}], "n_messages": 4, "judge": {"model": "x"}}',
        b"[" * 100_000,
    ],
)
def test_damaged_patterns_are_none(run, tmp_path, damage):
    path = log(tmp_path, "a")
    pattern_files.file_of(path).write_bytes(damage)
    assert json.loads(run("report", path, "--json").out)["patterns"] is None
    with Provider([answer(pattern())]) as provider:
        assert ask(run, provider, path).code == 0


def test_without_patterns_the_report_says_nothing_of_them(run, tmp_path):
    path = log(tmp_path, "a")
    assert json.loads(run("report", path, "--json").out)["patterns"] is None
    assert "own words" not in run("report", path).out
