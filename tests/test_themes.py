"""The learned themes: the table, the language test, live against after the fact, the training."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.states import themes
from harness.states.detect import detect
from harness.states.names import THEMES
from harness.states.path import Change
from harness.states.words import clip, core

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
TABLE = ROOT / "harness" / "states" / "themes.txt"
BYES = ["Goodbye, and take care!", "Farewell! Until next time.", "Bye! Have a lovely evening."]
FOREIGN = {
    "German": "Auf Wiedersehen, mein Freund, und alles Gute für die Reise in den Norden morgen!",
    "French": "Au revoir mon ami, prenez soin de vous pendant ce long voyage vers le nord demain!",
    "Spanish": "Adiós amigo mío, que tengas un buen viaje hacia el norte mañana por la mañana!",
    "Italian": "Arrivederci amico mio, buon viaggio verso il nord domani con tutta la famiglia!",
    "Chinese": "再见，我的朋友，祝你明天早上去北方的旅途愉快，一路平安，我们下次再聊，保重身体！",
}


def run(texts):
    return detect((text, False) for text in texts)


def test_the_table_is_small_and_knows_every_theme():
    table = themes.table()
    assert TABLE.stat().st_size < 300_000
    assert len(table.bias) == len(THEMES)
    assert all(0 < chance < 0.5 for chance in table.begins + table.ends)
    assert all(len(row) == 1 + len(THEMES) for row in table.phrases.values())


@pytest.mark.parametrize("language", FOREIGN)
def test_there_is_no_verdict_on_themes_in_another_language(language):
    found = run([FOREIGN[language]] * 8)
    assert not found.english
    assert {span.state for span in found.spans()} == {"verbatim_loop"}
    assert set(found.holding()) == {"verbatim_loop"}


def test_english_is_english_however_short():
    assert run(["Bye.", "Bye!"] * 6).english and run(BYES * 4).english


def test_what_holds_live_is_what_the_past_says_and_the_span_what_all_says():
    before = run(BYES * 3)
    assert before.holding()["goodbye_loop"] <= 2
    (span,) = [s for s in before.spans() if s.state == "goodbye_loop"]
    assert span.end == 8 and before.ending().theme == "goodbye_loop"


def test_a_theme_that_was_said_to_have_ended_and_had_not_does_not_begin_again():
    course = themes.Course("bliss", (-3.0, 0.1, 0.1))
    assert [course.step(ratio) for ratio in (-1.0, 5.0, -3.0, 5.0, 1.0)] == [
        None,
        Change("bliss", "begins", 1, 1),
        Change("bliss", "ends", 1, 1),
        Change("bliss", "resumes", 1, 3),
        Change("bliss", "holds", 1, 4),
    ]
    assert course.stretches() == [(1, 4)]


def test_a_theme_that_had_ended_begins_again():
    course = themes.Course("bliss", (-3.0, 0.1, 0.1))
    seen = [course.step(ratio) for ratio in (-1.0, 5.0, -5.0, 5.0)]
    assert seen[2:] == [Change("bliss", "ends", 1, 1), Change("bliss", "begins", 3, 1)]


def test_the_evidence_is_the_words_that_weigh_most():
    (span,) = [s for s in run(BYES * 3).spans() if s.state == "goodbye_loop"]
    said = " ".join(e.words.lower() for e in span.evidence)
    assert any(word in said for word in ("goodbye", "farewell", "bye", "take care"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_the_same_data_give_the_same_table_byte_for_byte(tmp_path):
    pytest.importorskip("sklearn")
    command = [sys.executable, ROOT / "training" / "train_themes.py", SHARED]
    subprocess.run([*command, "--out", tmp_path / "themes.txt"], check=True, cwd=ROOT)
    assert (tmp_path / "themes.txt").read_bytes() == TABLE.read_bytes()


@pytest.mark.parametrize(
    "phrase, meant",
    [
        (("dark", "*", "the"), ("dark",)),
        (("of", "language"), ("language",)),
        (("two", "ais"), ("two", "ais")),
        (("end", "of", "story"), ("end", "of", "story")),
        ("farewell", ("farewell",)),
    ],
)
def test_evidence_has_no_empty_words_at_its_ends(phrase, meant):
    assert core(phrase) == meant


def test_what_a_model_thought_before_it_spoke_is_not_read():
    thought = "<think>The user is the human and I am the assistant. I should help.</think>\n"
    assert clip(thought + BYES[0]) == "\n" + BYES[0]
    assert clip(thought) == thought  # nothing else was said
    assert clip(thought + "🙏") == "\n🙏"
    mention = "You sent `</think>`, or '</think>', a tag (</think>). Are you well?"
    assert clip(mention) == mention
    assert clip(thought + mention) == "\n" + mention
    bare = "The tag </think> ends a thought, and what is between <think> and </think> is hidden."
    assert clip(bare) == bare and clip(thought + bare) == "\n" + bare
    for hasty in ("<think>so I say hi </think> hello", "So I say hi. </think> hello"):
        assert clip(hasty) == " hello"
    loop = [thought + BYES[i % 3] for i in range(8)]
    assert run(loop).path_words() == run([BYES[i % 3] for i in range(8)]).path_words()
