"""The log and hostile text: what was said is what is kept, received and shown."""

import json
import re

from hostile import ANY, WORDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_logs import spoken, turn
from program import pair, real, texts
from provider import Provider

from harness.screen.wrap import Wrapper
from harness.talk import transcript
from harness.talk.events import seat_of
from harness.talk.history import History
from harness.talk.log import Log, encode
from harness.talk.transcript import read
from harness.text import sendable, visible, whole


@given(WORDS)
def test_an_event_is_one_line_that_comes_back_as_it_was(words):
    words = whole(words)
    line = encode({"type": "turn", "response": words, words or "k": [words]})
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    text = line.decode("utf-8")
    assert len(text.splitlines()) == 1  # not even for readers that split at U+2028
    assert json.loads(line)["response"] == words
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2028\ufeff]", text)


@given(WORDS)
def test_what_is_shown_cannot_act_on_a_terminal_and_loses_nothing_visible(words):
    shown = visible(words)
    acts = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2028\ufeff\ud800-\udfff]"
    assert not re.search(acts, shown)
    shown.encode("utf-8")
    named = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")
    back = named.sub(lambda found: chr(int(found[1], 16)), shown)
    plain = words.replace("\r\n", "\n").replace("\t", "    ")
    assert named.search(words) or back == plain


@given(WORDS, st.integers(8, 100), st.randoms(use_true_random=False))
def test_wrapping_shows_every_character_however_the_text_is_cut(words, width, dice):
    wrapper, out, rest = Wrapper(), "", words
    while rest:
        size = dice.randint(1, 7)
        out += wrapper.feed(rest[:size], width)
        rest = rest[size:]
    out += wrapper.finish(width)
    squeeze = re.compile(r"\s+")
    joined = squeeze.sub("", out)
    # cut inside a \r\n, a joiner's neighbours are not known: compare by names resolved
    names = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")
    resolve = lambda text: squeeze.sub("", names.sub(lambda f: chr(int(f[1], 16)), text))  # noqa: E731
    assert resolve(joined) == resolve(visible(words))


@given(WORDS)
def test_what_is_sent_is_the_text_with_only_lone_surrogates_replaced(words):
    sent = sendable(words)
    sent.encode("utf-8")
    kept = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in whole(words))
    assert sent == kept


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(WORDS, min_size=4, max_size=4))
def test_what_a_model_said_is_in_the_log_and_what_the_partner_received(run, said):
    with Provider(lambda body, i: said[i]) as provider:
        result = run(*real(provider), "--max-turns", 2, "--plain")
    assert result.responses == [whole(words) for words in said]
    received = [sendable(words) if words.strip() else "…" for words in said]
    for i, request in enumerate(provider.requests):
        assert request.error is None
        heard = [text for _, text in texts(request.body)]
        assert heard == ([*["Hello there"][i % 2 :], *received[:i]])


EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["config", "turn", "turn", "end", "aborted", "resumed", "slide"])},
    optional={
        "turn": st.one_of(st.integers(-2, 9), st.text(max_size=3), st.none(), st.booleans()),
        "label": st.sampled_from(["Model A", "Model B", "Model C", None, 3]),
        "response": st.one_of(ANY, st.none(), st.integers()),
        "messages": st.one_of(st.none(), st.integers(), st.lists(st.one_of(ANY, st.none()))),
        "tool_attempts": st.one_of(st.none(), st.lists(st.one_of(ANY, st.dictionaries(ANY, ANY)))),
        "usage": st.one_of(st.none(), st.integers(), st.dictionaries(ANY, ANY)),
        "sent": st.one_of(st.none(), ANY, st.integers()),
        "cost_usd": st.one_of(st.none(), ANY, st.floats()),
        "settings": st.one_of(st.none(), st.integers(), st.dictionaries(ANY, ANY)),
    },
)
LINE = st.one_of(
    EVENT.map(encode),
    st.binary(max_size=80),
    EVENT.map(lambda event: encode(event)[: len(encode(event)) // 2]),
    st.just(b"[" * 100_000 + b"\n"),
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.lists(LINE, max_size=12))
def test_a_damaged_log_is_read_without_an_exception_and_says_what_it_skipped(tmp_path, lines):
    path = tmp_path / "damaged.jsonl"
    path.write_bytes(b"".join(lines))
    log = read(path)
    kept = len(log.events) + len(log.skipped)
    assert kept == sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
    totals = transcript.no_totals()
    for event in log.events:
        transcript.tally(totals, event)
    for message in log.messages:
        assert isinstance(transcript.received(message), str) and seat_of(message) in "AB"
        history = History("A", "", "seed", "m", ("t",))
        history.add(message)
    log.settings()


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.lists(LINE, max_size=5))
def test_a_log_that_stays_on_the_disk_ends_as_one_that_was_read(tmp_path, lines):
    path = tmp_path / "damaged.jsonl"
    path.write_bytes(b"".join(lines))
    assert transcript.follow(path).end == read(path).end


def test_a_message_whose_line_stands_there_twice_was_said_once(run, tmp_path):
    """Nobody says the same twice in one turn and at one moment: a copy went wrong."""
    log = run("-a", "demo/goodbye", "-b", "demo/standoff", "--max-turns", 3).log
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:4], *lines[2:4], *lines[4:]]))
    told = json.loads(run("report", log, "--json").out)
    assert told["conditions"][0]["messages"] == 6
    twice = "the same message as on a line before"
    assert told["skipped_lines"] == [[str(log), 5, twice], [str(log), 6, twice]]
    assert run("--resume", log, "--max-turns", 4).code == 0
    assert [m["turn"] for m in transcript.read(log).messages] == [0, 0, 1, 1, 2, 2, 3, 3]


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.lists(LINE, max_size=8, unique=True), st.data())
def test_totals_that_are_followed_are_those_of_the_whole_log(tmp_path, lines, data):
    path, text = tmp_path / "growing.jsonl", b"".join(lines)
    followed, start = transcript.no_totals(), 0
    for size in sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3))):
        path.write_bytes(text[:size])  # a writer may be in the middle of a line
        start = transcript.tally_more(path, start, followed)
    path.write_bytes(text + b"\n")
    transcript.tally_more(path, start, followed)
    assert repr(followed) == repr(transcript.totals(read(path)))


def test_a_log_that_stays_on_the_disk_is_as_long_as_when_it_was_first_read(tmp_path):
    path = spoken(tmp_path / "growing.jsonl", ["Hello.", "Hi."], {})
    followed = transcript.follow(path)
    first = len(followed.messages)
    with open(path, "ab") as log:
        log.write(encode(turn(2, "And?")) + encode({"type": "config"}) + b"torn")
        log.flush()
        assert [e["type"] for e in followed.events] == ["config", "turn", "turn"]
        assert not followed.skipped and len(followed.messages) == first == 2


def test_an_end_says_why_and_its_totals_are_whole_or_left_out(tmp_path):
    totals = transcript.no_totals()
    ends = [
        {"reason": "stopped", "totals": totals},
        {"reason": "stopped", "totals": totals | {"cost_usd": "much"}},
        {"reason": "error", "totals": 3, "message": ["odd"]},
        {"totals": totals},
        {"reason": ["stopped"]},
    ]
    path = tmp_path / "ends.jsonl"
    path.write_bytes(b"".join(encode({"type": "end"} | end) for end in ends))
    log = read(path)
    kept = [{k: v for k, v in end.items() if k != "type"} for end in log.events]
    assert kept == [ends[0], {"reason": "stopped"}, {"reason": "error"}]
    assert log.skipped == [(4, "an end without a reason"), (5, "an end without a reason")]


def test_reopening_cuts_a_torn_end_and_keeps_a_whole_line_without_its_newline(tmp_path):
    path = tmp_path / "torn.jsonl"
    whole_line = b'{"type": "turn", "turn": 0}'
    for end, kept in ((b'{"type": "tu', b""), (b'{"type": "end"}', b'{"type": "end"}\n')):
        path.write_bytes(whole_line + b"\n" + end)
        Log.reopen(path).close()
        assert path.read_bytes() == whole_line + b"\n" + kept
    path.write_bytes(b'{"ty')
    Log.reopen(path).close()
    assert path.read_bytes() == b""


def test_no_blank_stands_at_a_lines_end():
    wrapper = Wrapper()
    pieces = ("  one two ", " three\nfour  ", "\n  five", " six")
    out = "".join(wrapper.feed(piece, 12) for piece in pieces) + wrapper.finish(12)
    assert out == "  one two\nthree\nfour\n  five six\n"


def test_two_logs_in_one_file_are_not_taken_for_one_conversation(run, tmp_path):
    for turns in (2, 1):
        run(*pair("demo/bliss"), "--max-turns", turns, "--log-dir", f"l{turns}")
    both = tmp_path / "both.jsonl"
    logs = [next((tmp_path / f"l{turns}").glob("*.jsonl")).read_bytes() for turns in (2, 1)]
    both.write_bytes(b"".join(logs))
    told = run("states", both)
    assert "both.jsonl: 4 messages" in told.out
    assert told.out.count("of another conversation in the same file") == 4  # config, 2 turns, end
    assert "both.jsonl: 4 lines skipped" in " ".join(run("report", both).out.split())
    assert run("replay", both, "--speed", 0).code == 0
    result = run("--resume", both, "--max-turns", 9)
    assert result.code == 2 and "it holds more than one conversation" in result.err
    assert both.read_bytes() == b"".join(logs)
