"""Keys: bytes of a terminal become keys, keys change a message that is being typed."""

import pytest

from harness.screen.decoder import Decoder
from harness.screen.editor import Editor


def decode(*reads):
    """The keys of several reads; None = the line was quiet for a while."""
    decoder, keys = Decoder(), []
    for read in reads:
        keys += decoder.quiet() if read is None else decoder.feed(read)
    return keys


@pytest.mark.parametrize(
    "reads, keys",
    [
        ([b"\x1b", None, b"def"], ["escape", "d", "e", "f"]),
        ([b"\x1b", None, b"p"], ["escape", "p"]),
        ([b"\x1b", None, b"\x1b", None], ["escape", "escape"]),
        ([b"\x1b", b"[D"], ["left"]),
        ([b"\x1b", None, b"[D", b"x"], ["escape", "left", "x"]),
        ([b"\x1b[", None, b"q"], ["q"]),
        ([b"\x1bb\x1bf\x1b[1;5D\x1b[1;5C"], ["word left", "word right"] * 2),
        ([b"\r", b"\n", b"\x1b\r"], ["enter", "newline", "newline"]),
        ([b"\x1b[A\x1bOB\x19"], ["up", "down", "yank"]),
        ([b"\x1b\x1b[A"], ["up"]),
        ([b"\x1b[200~a\r\nb\x1b", b"[201~c"], [("paste", "a\nb"), "c"]),
        ([b"\xe4\xbd", b"\xa0"], ["你"]),
    ],
)
def test_keys_are_told_from_each_other(reads, keys):
    assert decode(*reads) == keys


@pytest.mark.parametrize("end", ["", "\x1b", "\x1b[", "\x1b[2", "\x1b[20", "\x1b[201"])
def test_a_paste_that_does_not_end_keeps_its_words_alone(end):
    decoder = Decoder()
    assert decoder.feed(f"\x1b[200~a\r\nb\rc{end}".encode()) == []
    assert decoder.rest() == [("paste", "a\nb\nc")]
    assert decoder.rest() == []


def test_all_that_is_no_control_character_is_typed_as_it_is():
    typed = "می\u200cخواهم 日\u3000本 a\xa0b 👨\u200d👩\u200d👧 \U0001fae8\ue0a0\t"
    assert decode(typed.encode()) == list(typed)
    assert decode("a\x00\x0c\x9b\x85b".encode()) == ["a", "b"]


REPLIES = [
    b"\x1b[24;80R",
    b"\x1b[?1;2c",
    b"\x1b[>41;354;0c",
    b"\x1b[<35;10;20M",
    b"\x1b[<0;10;20m",
    b"\x1b[M !!",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b]11;rgb:ffff/ffff/ffff\x07",
    b"\x1b[?2026;2$y",
    b"\x1b]10;rgb:0000/0000/0000\x1b\\",
    b"\x1bP>|xterm(390)\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b[97;5u",
    b"\x1b[8;50;200t",
    b"\x1b[[A",
    b"\x1b[15~",
]


@pytest.mark.parametrize("reply", REPLIES)
def test_what_a_terminal_reports_is_never_text(reply):
    assert decode(b"a", reply, b"b", reply + reply + b"c") == ["a", "b", "c"]
    for cut in range(1, len(reply)):  # in two reads, at once or with a wait between them
        assert decode(reply[:cut], reply[cut:], b"z") == ["z"]
        late = decode(b"a", reply[:cut], None, reply[cut:], b"z")
        if len(reply) - cut > 1 or cut > 2:
            assert [key for key in late if key != "escape"] == ["a", "z"], (reply, cut)


def test_an_answer_that_never_ends_swallows_no_more_than_itself():
    assert decode(b"\x1b]11;rgb:ff", None, b"h", b"i") == ["h", "i"]
    assert decode(b"\x1b]11;rgb:ff", b"\x1b[D", b"i") == ["left", "i"]


def typed(*keys, said=()):
    editor = Editor(said, can_cancel=True)
    for key in keys:
        editor.feed(key)
    return editor


@pytest.mark.parametrize(
    "keys, text, at",
    [
        ([*"one two", "word left", "word left", "word on"], " two", 0),
        ([*"one two", "word", "yank", "yank"], "one twotwo", 10),
        ([*"one two", "home", "word right", "kill", "home", "yank"], " twoone", 4),
        ([*"ab", "newline", *"cd", "home", *"x"], "ab\nxcd", 4),
        ([*"ab", "newline", *"cde", "up", *"x"], "abx\ncde", 3),
        ([*"ab", "newline", *"cd", "up", "end", "kill"], "abcd", 2),
        ([*"ab", "newline", "clear", "clear"], "", 0),
        ([*"äö", "left", "backspace"], "ö", 0),
        ([("paste", "x y\nz"), "home", "delete"], "x y\n", 4),
    ],
)
def test_the_editor_moves_cuts_and_puts_back(keys, text, at):
    editor = typed(*keys)
    assert (editor.text, editor.at) == (text, at)


def test_up_and_down_go_through_what_was_said_and_back_to_the_draft():
    said = ["first", "second\nline"]
    assert typed(*"draft", "up", said=said).text == "second\nline"
    assert typed(*"draft", "up", "up", "up", said=said).text == "first"
    assert typed(*"draft", "up", "up", "up", "down", "down", "down", said=said).text == "draft"


def test_escape_cancels_only_where_there_is_something_to_go_back_to():
    assert typed(*"a", "escape").cancelled
    human = Editor()
    human.feed("escape")
    assert not human.done and not human.cancelled
