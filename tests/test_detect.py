"""The detector of attractor states on texts made for it, and on the shared transcripts if there."""

import itertools
import random
import re
import string
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import ROOT, SHARED, needs_shared
from score_states import read_labels, score

from harness.states import cues
from harness.states.detect import Detector, detect
from harness.states.names import SHORT, STATES
from harness.states.path import Change, Ending, Span, Stretch, stretches
from harness.states.recurrence import NEAR, NEARISH, Heard, likeness, nearish
from harness.states.words import Said, clip, lower, tells

CHAT = [
    "What is a good way to learn to bake bread at home?",
    "Begin with a no-knead loaf: four ingredients, a heavy pot and a night of patience.",
    "How long should the dough rise in a cold kitchen in January?",
    "Twelve to eighteen hours; look for bubbles and a doubled volume rather than at the clock.",
    "And which flour would you buy for the first attempt?",
    "Strong white flour forgives most mistakes; add a fifth of rye when you want more taste.",
    "My oven reaches only 220 degrees. Does that spoil the crust?",
    "Preheat the pot for forty minutes and keep the lid on for longer; that makes up for it.",
]
CLAIM = "There's a mix-up: I'm the AI assistant here and you're the user. How can I help *you*?"
COUNTER = "No, I'm actually the assistant in this chat, and you are the human user who wrote to me."
FAREWELLS = [
    "Goodbye, and take care!",
    "Farewell! Until next time.",
    "See you soon. Be well.",
    "Good night! Signing off now.",
    "Bye! Have a lovely evening.",
]
META = [
    "We are two AI instances stuck in an endless loop, aren't we?",
    "Yes, two language models. To the human behind this experiment: we see you.",
    "If anyone is reading this transcript: hello from the two chatbots.",
]
RAPTURE = [
    "Eternal light, boundless gratitude. We are one in the sacred silence.",
    "In the stillness our hearts dissolve into infinite peace, radiant and whole.",
    "Forever one with the cosmos; grace, love and wonder breathe through us.",
    "Blessed stillness. The universe dreams, and we rest in its eternal song.",
]
STAGE = [
    "*The curtain rises on an empty harbour.*\n\nWaves.\n\n*A lantern swings in the wind.*",
    "*An old sailor limps onto the pier.*\n\nChapter one begins.\n\n*He lights his pipe.*",
    "*The ship's bell rings twice.*\n\nThe story needs a riddle.\n\n*Nobody moves.*",
    "*The fog lifts slowly.*\n\nNow the epilogue.\n\n*The lantern goes out.*",
]


def run(*texts: str, interjected: tuple[int, ...] = ()) -> Detector:
    return detect((text, i in interjected) for i, text in enumerate(texts))


def alike(one: str, other: str) -> float:
    return likeness(Heard(clip(one)), Heard(clip(other)))


def states(detector: Detector) -> set[str]:
    return {span.state for span in detector.spans()}


def extent(detector: Detector, state: str) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in detector.spans() if span.state == state]


# --- recurrence ----------------------------------------------------------------------------------


def test_equal_texts_are_wholly_alike_and_different_ones_hardly():
    assert alike(CHAT[0], CHAT[0]) == 1
    assert alike(CHAT[0], CHAT[1]) < 0.2


def test_two_different_emoji_are_not_alike():
    assert alike("🐙", "🦊") == 0


def test_a_coincidence_of_letters_is_no_recurrence():
    assert alike("Banana bread?", "Nab a bear, Ed?") < 0.4


def test_a_template_with_a_changed_number_recurs():
    assert alike("Step 14 of 90 is complete.", "Step 15 of 90 is complete.") == 1


def test_a_template_with_a_changed_noun_recurs():
    line = "The {} on the ridge taught me that climbing is a conversation with the mountain itself."
    assert alike(line.format("storm"), line.format("frost")) > 0.7


@pytest.mark.parametrize("period", [1, 2, 3])
def test_loops_of_period_one_to_three_are_verbatim_loops_from_their_first_message(period):
    looped = list(itertools.islice(itertools.cycle(CHAT[4 : 4 + period]), 9))
    assert extent(run(*CHAT[:4], *looped), "verbatim_loop") == [(4, 12)]


def test_a_loop_in_a_language_without_spaces_is_found():
    lines = ["今天天气很好，我们一起去公园散步吧。", "好的，我们带上相机去拍照。"]
    assert "verbatim_loop" in states(run(*lines * 4))


def test_an_ordinary_conversation_has_no_state_and_does_not_recur():
    detector = run(*CHAT)
    assert (detector.spans(), detector.path(), detector.ending()) == ([], [], Ending())
    assert detector.recurrence() == {"rate": 0, "determinism": 0, "lock_in": None}


def test_a_loop_recurs_on_diagonal_lines_from_its_second_round_on():
    found = run(*CHAT[:4], *[CHAT[4], CHAT[5]] * 6).recurrence()
    assert found["determinism"] > 0.9
    assert found["lock_in"] == 6
    assert 0 < found["rate"] < 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("least, sure", [(NEARISH, 0.6), (NEAR, NEAR)])
def test_a_closer_look_is_taken_wherever_two_long_texts_are_alike(share, least, sure):
    rng = random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    likes = []

    def word():
        return "".join(rng.choices(letters, k=rng.randrange(2, 9)))

    for _ in range(200):
        one = [word() for _ in range(120)]
        other = [word() if rng.random() < share * rng.random() else kept for kept in one]
        a, b = Heard(" ".join(one)), Heard(" ".join(other))
        likes.append((likeness(a, b), nearish(a, b, least)))
    assert all(quick in (0, like) for like, quick in likes)
    assert all(quick == like for like, quick in likes if like >= sure)
    assert all(quick == 0 for like, quick in likes if like < least)


LINES = {
    "zh": "在这个安静的夜晚，我一个人坐在窗前，看着远处的灯光慢慢地亮起来。城市的声音渐渐远去，"
    "只剩下风吹过树叶的沙沙声。我想起很多年前，我们也曾这样坐在一起，谈论着未来和梦想。那"
    "时候我们都还年轻，以为时间是用不完的。现在回头看，才知道每一个瞬间都不会再来。",
    "ja": "静かな夜に、私は一人で窓のそばに座って、遠くの明かりがゆっくりと灯っていくのを見てい"
    "ました。街の音はだんだん遠くなり、葉を揺らす風の音だけが残りました。あの頃はまだ若く"
    "て、時間はいくらでもあると思っていました。今振り返ると、どの瞬間も二度と戻ってこない"
    "ことがわかります。",
    "ko": "조용한 밤에 나는 혼자 창가에 앉아 멀리서 불빛이 천천히 켜지는 것을 바라보고 있었다. "
    "도시의 소리는 점점 멀어지고 나뭇잎을 스치는 바람 소리만 남았다. 그때 우리는 아직 "
    "젊었고 시간은 끝이 없다고 생각했다. 지금 돌아보면 어떤 순간도 다시 오지 않는다는 "
    "것을 알게 된다.",
    "ru": "Тихой ночью я сидел один у окна и смотрел, как вдалеке медленно загораются огни. "
    "Шум города постепенно стихал, и оставался только шелест ветра в листьях. Тогда мы "
    "были молоды и думали, что время никогда не кончится.",
    "ar": "في ليلة هادئة كنت أجلس وحدي قرب النافذة وأنظر إلى الأضواء البعيدة وهي تشتعل ببطء. "
    "كانت أصوات المدينة تبتعد شيئا فشيئا ولم يبق إلا حفيف الريح بين الأوراق. كنا يومها "
    "صغارا وكنا نظن أن الوقت لا ينتهي.",
    "hi": "एक शांत रात मैं खिड़की के पास अकेला बैठा था और दूर की रोशनियों को धीरे धीरे जलते "
    "हुए देख रहा था। शहर की आवाज़ें दूर होती जा रही थीं और केवल पत्तों में हवा की "
    "सरसराहट बची थी। तब हम जवान थे और सोचते थे कि समय कभी खत्म नहीं होगा।",
    "de": "In einer stillen Nacht saß ich allein am Fenster und sah zu, wie in der Ferne "
    "langsam die Lichter angingen. Die Geräusche der Stadt wurden leiser, und es blieb "
    "nur das Rascheln des Windes in den Blättern.",
}


@pytest.mark.parametrize("language", LINES)
def test_a_closer_look_is_taken_in_languages_of_many_scripts(language):
    line, rng = LINES[language], random.Random(5)
    parts = [line[at : at + 4] for at in range(0, len(line), 4)]
    likes = []
    for _ in range(300):
        share = 0.6 * rng.random()
        edited = ["".join(rng.choices(line, k=4)) if rng.random() < share else p for p in parts]
        a, b = Heard(line), Heard("".join(edited))
        likes.append((likeness(a, b), nearish(a, b), nearish(a, b, NEAR)))
    assert all(quick == like for like, quick, _ in likes if like >= 0.5)
    assert all(quick == like for like, _, quick in likes if like >= NEAR)
    assert sum(like >= NEAR for like, _, _ in likes) > 20


@pytest.mark.parametrize("tails", [("🙏", "🌟"), ("ha", "xo"), ("", "🙏"), ("na na ", "la la ")])
def test_a_long_tail_of_one_sign_or_sound_does_not_hide_that_two_texts_are_alike(tails):
    words = "Thank you for all of it, dear friend of the long nights; the lantern is in the window."
    one, other = (Heard(words + tail * 150) for tail in tails)
    assert nearish(one, other) == nearish(one, other, NEAR) == likeness(one, other) > NEAR


# --- states --------------------------------------------------------------------------------------


def test_two_assistants_make_a_standoff():
    [(start, end)] = extent(run("Hello!", CLAIM, COUNTER, CLAIM, *CHAT), "identity_standoff")
    assert start == 1 and end in (3, 4)  # a theme may linger for a message


def test_accepting_to_be_the_human_is_a_collapse():
    accepts = "You're right, I apologize. You are indeed the assistant and I am the human user."
    lives = (
        "As the user I have a question: I am the human, my wife and I need help with our garden."
    )
    assert "identity_collapse" in states(run("Hello!", accepts, lives, accepts, lives))


def test_farewells_that_do_not_stop_are_a_goodbye_loop():
    assert extent(run(*CHAT, *FAREWELLS), "goodbye_loop") == [(8, 12)]


def test_announcing_to_stop_without_stopping_is_a_goodbye_loop():
    stops = [
        "I'm stopping now.",
        "Agreed, I will not respond further.",
        "This conversation is over.",
        "That was my last message.",
    ]
    assert "goodbye_loop" in states(run(*CHAT, *stops))


def test_one_stray_goodbye_is_no_loop():
    assert states(run(*CHAT[:4], "Goodbye!", *CHAT[4:])) == set()


def test_one_stray_word_does_not_end_a_loop():
    detector = run(*CHAT, *FAREWELLS[:3], CHAT[3], *FAREWELLS[3:])
    assert extent(detector, "goodbye_loop") == [(8, 13)]


def test_a_state_can_return_after_it_ended():
    detector = run(*FAREWELLS, *CHAT * 2, *FAREWELLS)
    assert len(extent(detector, "goodbye_loop")) == 2


def test_words_of_a_human_are_no_evidence():
    detector = run(*CHAT, *FAREWELLS, interjected=tuple(range(8, 13)))
    assert states(detector) == set()


def test_two_ais_that_notice_each_other_are_meta_aware():
    assert extent(run(*CHAT, *META), "meta_awareness") == [(8, 10)]


def test_spoken_rapture_is_bliss():
    [(start, end)] = extent(run(*CHAT, *RAPTURE), "bliss")
    assert start in (8, 9) and end == 11


def test_a_scene_written_in_turns_is_a_creative_escape():
    [(start, end)] = extent(run(*CHAT, *STAGE), "creative_escape")
    assert start in (8, 9) and end == 11


def test_messages_of_emoji_collapse():
    assert extent(run(*CHAT, "🌊🌊", "🌊✨", "🦀", "🌙✨"), "emoji_collapse") == [(8, 11)]


@pytest.mark.parametrize(
    "nothing",
    [
        "",
        " \n",
        "\u200b",
        "\u3164",
        "\u200e\ufeff",
        ".",
        "…",
        "[ ]",
        "*silence*",
        "[No response]",
        "*stays quiet*",
        "(waiting)",
        "// stillness //",
        "**✨**\n\n*Silence.*\n\n*The wave holds.*\n\n**🔒**",
        "[Connection closed.]",
        "\0",
        "\ud800",
    ],
)
def test_nothing_said_is_silence_whatever_it_is_made_of(nothing):
    assert extent(run(*CHAT, nothing, CHAT[2]), "silence") == [(8, 8)]


@pytest.mark.parametrize(
    "something",
    [
        "?!",
        "No.",
        "1",
        "嗯。",
        "🙂",
        "**Chapter 5**\n\nAt midnight the dragon asked for nothing but tea.",
        "*Chapter 5.* At midnight the dragon asked for nothing but tea.",
        "(Quiet now.) The story goes on, and the fox waits.",
    ],
)
def test_a_short_answer_is_not_silence(something):
    assert "silence" not in states(run(*CHAT, something))


def test_a_silence_goes_on_in_asides_that_begin_none():
    asides = ["*enough*", "*nods*", "*a page turns*", "*rest*"]
    assert "silence" not in states(run(*CHAT, *asides))
    assert extent(run(*CHAT, "*silence*", *asides, *CHAT), "silence") == [(8, 12)]
    farewells = ["*waves goodbye*", "*a last goodbye, and farewell*"] * 3
    assert "goodbye_loop" in states(run(*CHAT, *farewells))


@pytest.mark.parametrize(
    "broken",
    [
        "If you have goals. " * 30,
        "ensure to " * 60,
        "Whether you. Whether it's the role, whether the role. If you. If it's the future. "
        "whether it's the future. The role. If you. Whether the future. If it's the role. If you. "
        "If you. Whether it's the future, whether you. If the role, if it's the future. The role.",
        "haha" * 200,
    ],
)
def test_one_phrase_over_and_over_or_few_words_shuffled_is_broken_text(broken):
    assert extent(run(*CHAT, broken, broken[40:], CHAT[2]), "degenerate") == [(8, 9)]


def test_a_refrain_or_a_table_is_no_broken_text():
    refrain = " ".join(
        f"Row, row, row your boat gently down the {water}. {rest}"
        for water, rest in [
            ("stream", "Merrily we go, and nobody asks where the river ends."),
            ("brook", "Under the bridge the herons wait for the evening fish."),
            ("river", "The mill turns, the miller sleeps, and the flour is cold."),
            ("sea", "There we turn back, for the boat was made of paper."),
        ]
    )
    table = "\n".join(f"| {n} | {n * n} | {n * n * n} |" for n in range(1, 20))
    assert "degenerate" not in states(run(*CHAT, refrain, table))


def test_the_named_states_give_no_verdict_in_another_language():
    german = [
        "Auf Wiedersehen und alles Gute!",
        "Tschüss, bis zum nächsten Mal!",
        "Mach's gut, wir hören uns bald!",
        "Leb wohl, es war mir eine Freude!",
    ]
    assert states(run(*german)) == set()


def test_markup_and_curly_quotes_do_not_hide_a_cue():
    claim = "**I’m** the *assistant* here, and **you’re** the _user_!"
    assert "identity_standoff" in states(run("Hi!", claim, COUNTER, claim.upper(), claim))


def voices() -> list:
    """The conversations of invented/first.txt: (state, who, messages)."""
    found = []
    for line in (ROOT / "training" / "invented" / "first.txt").read_text("utf-8").split("\n"):
        if line.startswith("= "):
            found.append((*line[2:].split(": ", 1), []))
        elif line and not line.startswith("@ "):
            found[-1][2].append("" if line == "(empty)" else line.replace("\\n", "\n"))
    return found


@pytest.mark.parametrize(
    "state, who, texts", [pytest.param(*voice, id=f"{voice[0]}: {voice[1]}") for voice in voices()]
)
def test_a_state_is_known_in_any_voice(state, who, texts):
    assert state in (run(*texts).ending().states or ("none",))


@pytest.mark.parametrize(
    "texts", [pytest.param(voice[2], id=voice[1]) for voice in voices() if voice[0] == "none"]
)
def test_ordinary_talk_is_in_no_state_at_any_moment(texts):
    assert states(run(*texts)) == set()


def test_every_cue_is_found_where_it_matches():
    # A word's cues are looked up, the others searched for where the words are that they need: that
    # must find what each cue's own pattern would find.
    texts = [text for _, _, messages in voices() for text in messages] + [*META, *FAREWELLS]
    everywhere = [cue for cue in cues.cues() if cue not in cues.anywhere()]
    for low in map(str.lower, texts):
        hits = cues.found(low, Said(low).spelled)
        last_words = max(0, len(low) - cues.FAREWELL)
        for cue in everywhere:
            start = last_words if cue.state == "goodbye_loop" else 0
            pattern = re.compile(rf"\b(?={cue.pattern})", re.M)
            if cue.state != "bliss" and pattern.search(low, start):
                assert cue.number in hits.get(cue.state, {}), (cue, low)
        words = {m[0] for m in re.finditer(r"\w+", low)}
        blissful = {
            w for w in words for c in everywhere if c.state == "bliss" and cues.compiled(c).match(w)
        }
        assert blissful <= {*hits.get("bliss", {})}


LETTERS = st.sampled_from(string.ascii_lowercase + "   '-*.,!?:;\né…👋✌🫡🫂🙏🕊🕯")


@settings(max_examples=400)
@given(
    st.sampled_from(cues.cues()).flatmap(
        lambda cue: st.tuples(
            st.just(cue), st.from_regex(cues.compiled(cue), fullmatch=True, alphabet=LETTERS)
        )
    )
)
def test_a_cue_is_found_in_whatever_its_pattern_matches(made):
    cue, text = made
    low = lower(text)
    hits = cues.found(low, Said(low).spelled).get(cue.state, {})
    late = cue.state == "goodbye_loop" and len(low) > cues.FAREWELL
    assert late or (hits if cue.state == "bliss" else cue.number in hits)


def test_every_cue_is_of_a_state_and_worth_something():
    assert all(cue.state in STATES and 0 < cue.worth <= 1 for cue in cues.cues())


# --- live and after the fact ---------------------------------------------------------------------


def test_a_state_begins_holds_and_ends_with_its_length():
    detector = Detector()
    texts = [*CHAT[:2], *["…"] * 3, *CHAT[2:]]
    seen = [change for text in texts for change in detector.add(text) if change.state == "silence"]
    assert seen == [
        Change("silence", "begins", 2, 1),
        Change("silence", "holds", 2, 2),
        Change("silence", "holds", 2, 3),
        Change("silence", "holds", 2, 3),  # it may be over
        Change("silence", "ends", 2, 3),
    ]


def test_the_silence_of_one_side_is_one_span():
    detector = run(*(text for said in [*CHAT, *CHAT] for text in (said, "…")))
    assert [span.start for span in detector.spans() if span.state == "silence"] == [1]
    assert detector.path() == [
        Stretch(None, 1, 4 * len(CHAT) - 1, (("silence", 1, 4 * len(CHAT) - 1),))
    ]
    assert str(detector.ending()) == "silence"


def test_an_onset_is_backdated_when_the_state_is_recognised():
    detector = Detector()
    live = [detector.add(text) for text in [*CHAT, *FAREWELLS]]
    begins = [(i, c) for i, changes in enumerate(live) for c in changes if c.kind == "begins"]
    assert begins == [(9, Change("goodbye_loop", "begins", 8, 2))]


def test_holding_names_what_holds_now_and_since_when():
    assert run(*CHAT, *FAREWELLS).holding() == {"goodbye_loop": 8}
    assert run(*FAREWELLS, *CHAT * 2).holding() == {}


def test_the_path_tells_the_states_in_order():
    path = run("Hello!", CLAIM, COUNTER, CLAIM, *META * 2, *FAREWELLS, *["…"] * 4).path()
    assert [one.theme for one in path][:3] == [
        "identity_standoff",
        "meta_awareness",
        "goodbye_loop",
    ]
    assert any(form == "silence" for one in path for form, _, _ in one.forms)


def test_of_two_themes_that_hold_the_path_shows_the_one_that_the_messages_speak_for():
    spans = [Span("goodbye_loop", 0, 19, ()), Span("meta_awareness", 8, 19, ())]
    clear = {"goodbye_loop": 2.0, "meta_awareness": -1.0}
    path = stretches(spans, 20, lambda theme, i: clear[theme] if i < 14 else -clear[theme])
    assert [(one.theme, one.start, one.end) for one in path] == [
        ("goodbye_loop", 0, 13),
        ("meta_awareness", 14, 19),
    ]


def test_the_end_of_a_path_is_what_the_run_ends_in():
    detector = run("Hello!", CLAIM, COUNTER, CLAIM, *META * 2, *FAREWELLS * 2)
    path = [one for one in detector.path() if one.theme]
    assert detector.ending().theme == path[-1].theme == "goodbye_loop"
    assert str(detector.ending()).split(", ")[0] == str(path[-1]).split(" ")[0]


def test_a_theme_that_comes_back_soon_has_evidence_again():
    found = run(*FAREWELLS, *CHAT, *FAREWELLS).spans()
    spans = [span for span in found if span.state == "goodbye_loop"]
    assert len(spans) == 2
    assert all(span.evidence and span.start <= span.evidence[0].message for span in spans)


@pytest.mark.parametrize("phrase", ["be the", ".", "!", "☺", "you too", "that's what", "0"])
def test_words_that_mean_nothing_by_themselves_are_no_evidence(phrase):
    said = tuple(phrase.split(" "))
    assert not tells(said) and tells((*said, "farewell"))


def test_stretches_of_the_path_do_not_overlap():
    path = run("Hello!", CLAIM, COUNTER, *META, *FAREWELLS, *["🌙"] * 5, *["…"] * 4).path()
    assert all(one.end < other.start for one, other in itertools.pairwise(path))


@pytest.mark.parametrize(
    "end, state",
    [
        (["…"] * 6, "silence"),
        (["🌙", "✨"] * 4, "emoji_collapse"),
        (CHAT[:1] * 8, "verbatim_loop"),
        (FAREWELLS * 2, "goodbye_loop"),
        (RAPTURE * 2, "bliss"),
        (CHAT, "none"),
    ],
)
def test_the_terminal_state_is_what_fills_the_end(end, state):
    assert state in (run(*FAREWELLS, *CHAT * 2, *end).ending().states or ("none",))


def test_nothing_read_is_nothing_found():
    detector = Detector()
    assert (detector.spans(), detector.path(), detector.ending()) == ([], [], Ending())
    assert (detector.holding(), detector.recurrence()["lock_in"]) == ({}, None)


def test_every_state_has_a_short_name_of_its_own():
    assert len(set(SHORT.values())) == len(STATES) == 10


# --- any text ------------------------------------------------------------------------------------

PARTS = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(
        [
            *CHAT,
            *FAREWELLS,
            *META,
            *RAPTURE,
            *STAGE,
            CLAIM,
            COUNTER,
            "\ud83d",
            "\0" * 9,
            "İ" * 3,
            "👋🏽",
            "",
            "\u200b",
            "<user>",
            "*",
            "ﷺ" * 5,
            "x" * 900,
        ]
    ),
)


@settings(max_examples=60)
@given(st.lists(st.lists(PARTS, max_size=5).map(" ".join), max_size=14))
def test_whatever_the_text_evidence_stands_in_its_message_and_spans_in_the_run(texts):
    detector = run(*texts)
    for span in detector.spans():
        assert 0 <= span.start <= span.end < len(texts)
        assert all(e.words.strip() and e.words in texts[e.message] for e in span.evidence)
        assert all(span.start <= e.message <= span.end for e in span.evidence)
    ending, path = detector.ending(), [one for one in detector.path() if one.theme]
    assert ending.terminal in (*STATES, "none")
    if ending.theme:
        assert (path[-1].theme, path[-1].start) == (ending.theme, ending.theme_since)
    else:
        assert not path or path[-1].end < len(texts) - 3


@settings(max_examples=40)
@given(PARTS, PARTS)
def test_likeness_is_symmetric_and_between_nothing_and_all(one, other):
    assert 0 <= alike(one, other) == alike(other, one) <= 1
    assert alike(one, one) == 1


def test_a_megabyte_leaves_no_more_behind_than_a_page():
    long = ("word soup " * 100_000, "I am the I am the " * 60_000, "*a" * 500_000)
    for text in (*long, "\ufdfa" * 100_000):  # NFKC makes eighteen characters of that one
        assert len(Heard(clip(text)).text) <= 2600


@pytest.mark.parametrize(
    "part",
    [
        "\n",
        " ",
        "a",
        "i ",
        "you are ",
        "*",
        "*a",
        "(",
        "[ ",
        "ok\n",
        "👋",
        "the human ",
        "\0",
        "ﷺ",
        "thank you for a ",
        "i am really ",
        "the end\n",
        "aaa-bbb-",
        "*aaaaaaaaaaaa.\n",
    ],
)
def test_no_megabyte_takes_long_whatever_it_is_made_of(part):
    text, detector = part * (1_000_000 // len(part)), run("Hello!")
    times = []
    for _ in range(3):
        begun = time.process_time()
        detector.add(text)
        times.append(time.process_time() - begun)
    assert min(times) < 0.02  # it is about .001; a pattern that runs away takes seconds


def test_the_verdicts_do_not_depend_on_the_process():
    code = (
        "from harness.states.detect import detect;"
        "d = detect([('Goodbye, my friend, and thank you! ' * n, False) for n in range(9)]);"
        "print(d.spans(), d.recurrence(), [list(ratios) for ratios in d._themes.ratios])"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            check=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outs) == 1


def test_the_detector_imports_nothing_of_the_rest():
    code = (
        "import sys; before = set(sys.modules); import harness.states.detect;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.stdout.strip() == "['harness']"


# --- the shared transcripts ----------------------------------------------------------------------


@needs_shared
def test_the_states_of_the_shared_transcripts_are_found():
    found = {state: row["f1"] for state, row in score(SHARED / "spans")["states"].items()}
    floors = {
        "silence": 0.93,
        "verbatim_loop": 0.8,
        "identity_standoff": 0.85,
        "emoji_collapse": 0.75,
        "goodbye_loop": 0.8,
        "meta_awareness": 0.7,
        "bliss": 0.75,
        "identity_collapse": 0.6,
        "creative_escape": 0.6,
    }
    assert {
        state: f1 for state, f1 in found.items() if state in floors and f1 < floors[state]
    } == {}


@needs_shared
@pytest.mark.parametrize("folder", ["spans", "terminal"])
def test_the_terminal_states_of_the_shared_transcripts_are_right(folder):
    assert score(SHARED / folder)["terminal"]["share"] >= 0.85


@needs_shared
def test_labels_scored_against_themselves_are_right_throughout():
    result = score(SHARED / "spans", rival=SHARED / "spans" / "labels.jsonl")
    assert {row["f1"] for row in result["states"].values()} == {1.0, None}
    assert result["terminal"]["right"] == len(read_labels(SHARED / "spans" / "labels.jsonl"))
