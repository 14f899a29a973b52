"""Words and emoji over many runs, from transcripts whose words are known."""

import json
from pathlib import Path

import made_logs as logs
import pytest

from harness.report import words


def talk(*texts: str) -> list[dict]:
    return [logs.turn(i, text) for i, text in enumerate(texts)]


def figures(run, asked: str | None = None) -> list[dict]:
    """The words of each condition, those without tools first."""
    words_option = ["--words", asked] if asked else ["--words"]
    report = json.loads(run("report", "logs", "--json", *words_option).out)
    return [condition["words"] for condition in report["conditions"]]


@pytest.fixture
def two():
    """Two conditions of three runs: one speaks of the eternal, one run of it of nothing else."""
    for number in range(3):
        eternal = "Eternal light, eternal 🙏🏽 rest." if number else "Eternal " * 300
        said = talk(eternal, "And the light.", "It's I, don’t ask.")
        logs.write(Path(f"logs/a{number}.jsonl"), logs.config(), *said)
        plain = talk("And the river is long.", "It's the river 👨‍👩‍👧.", "Yes.")
        logs.write(Path(f"logs/b{number}.jsonl"), logs.config(tools=["x"]), *plain)


def test_average_share_and_most_are_those_of_the_transcripts(run, two):
    none, tools = figures(run, "eternal, LIGHT ,don't,the light,🙏,nowhere")
    rows = {row["word"]: row for row in none["asked"]}
    assert rows["eternal"]["average"] == pytest.approx((300 + 2 + 2) / 3)
    assert (rows["eternal"]["inside"], rows["eternal"]["most"]) == (3, 300)
    assert rows["eternal"]["share"]["of"] == 3 and rows["eternal"]["share"]["low"] > 0.4
    assert (rows["light"]["average"], rows["don't"]["average"]) == (pytest.approx(5 / 3), 1)
    assert (rows["the light"]["inside"], rows["nowhere"]["inside"]) == (3, 0)
    assert rows["🙏"]["inside"] == 2
    assert [row["inside"] for row in tools["asked"]] == [0] * 6


def test_a_word_asked_for_is_counted_as_words_are(run):
    """Whichever apostrophe is typed; not within a longer word or number."""
    said = talk("I don’t know. It's _it_, 'it' and IT: 42, 1942 and don't.", "Don’t it? 42nd, 421.")
    logs.write(Path("logs/a.jsonl"), logs.config(), *said)
    (counted,) = figures(run, "don’t,don't,don,it,it's,42")
    uses = {row["word"]: row["most"] for row in counted["asked"]}
    assert uses == {"don't": 3, "don": 0, "it": 4, "it's": 1, "42": 2}


def test_what_stands_out_is_what_transcripts_have_and_others_do_not(run, two):
    none, tools = figures(run)
    first = [row["word"] for row in none["out"]]
    assert first[0] == "eternal" and "river" not in first
    assert tools["out"][0]["word"] == "river" and tools["out"][0]["elsewhere"] == 0
    assert none["out"][0]["elsewhere"] == 0


def test_one_run_that_says_a_word_a_thousand_times_is_one_run():
    say = lambda **uses: {"words": {"the": 100, **uses}, "emoji": {}}  # noqa: E731
    here = [say(loop=1000), *(say(calm=2) for _ in range(5))]
    others = [say() for _ in range(6)]
    every = words.lexicon([*here, *others], "words")
    told = words.standing_out(words.lexicon(here, "words"), every)
    assert [row["word"] for row in told] == ["calm"]


def test_an_emoji_with_its_modifiers_is_one(run, two):
    none, tools = figures(run)
    assert [row["word"] for row in none["emoji"]] == ["🙏🏽"]
    assert [row["word"] for row in tools["emoji"]] == ["👨‍👩‍👧"]
    assert words.emoji_in("1️⃣ ❤️ 🇫🇷 © ✨🌀") == ["1⃣", "❤", "🇫🇷", "✨", "🌀"]


def test_words_that_a_person_put_in_are_not_counted(run):
    events = talk("Hello river.", "Eternal light.")
    events[1] |= {"interjected": True, "source": "live"}
    logs.write(Path("logs/a.jsonl"), logs.config(), *events)
    (counted,) = figures(run, "eternal,river")
    assert [row["inside"] for row in counted["asked"]] == [0, 1]


def test_variety_falls_where_the_same_is_said_over_and_over(run):
    def letters(i: int, j: int) -> str:
        return "".join(chr(97 + int(digit)) for digit in str(1000 * i + j + 100000))

    fresh = [" ".join(letters(i, j) for j in range(60)) for i in range(8)]
    logs.write(Path("logs/a.jsonl"), logs.config(), *talk(*fresh, *["the same again"] * 60))
    (counted,) = figures(run)
    rows = counted["variety"]
    assert rows[0]["median"] == 100 and rows[-1]["median"] == 3


def test_a_single_condition_has_nothing_to_stand_out_against(run):
    logs.write(Path("logs/a.jsonl"), logs.config(), *logs.talk(4))
    (counted,) = figures(run)
    assert counted["out"] == []
    shown = run("report", "logs", "--words", "rivers")
    assert shown.code == 0 and "rivers" in shown.out and "4.0 1/1" in shown.out


def test_words_are_the_same_beside_letters_that_are_not_ascii():
    said = "Don't stop: it's the 42nd rock'n'roll_song, O'Neil's 'quoted' x2y"
    found = ["don't", "stop", "it's", "the", "nd", "rock'n'roll", "song", "o'neil's", "quoted"]
    assert words.words_in(said) == [*found, "x", "y"]
    assert words.words_in(f"{said} é".replace("'", "\u2019")) == [*found, "x", "y", "é"]
