"""UniversalBackrooms' text logs: `### GPT4o 1 ###` (older ones `Claude 1:`) before each message."""

import re
from collections.abc import Iterator

from harness.report.importing.talk import Talk

HEADS = (
    re.compile(r"^### (.+ \d) ###$", re.M),
    re.compile(r"(?<=\n\n)(\S[^\n:]{0,40} \d):$", re.M),
)
OVER = re.compile(r"\n(.+) has ended the conversation with (\^C\^C)\.\n*\Z")


def marked(text: str) -> list[tuple[int, int, str]]:
    """Where a message's heading begins and ends, and whose it is; only of the two who began: a
    model may write such a line too. Fewer than two headings are none."""
    text = "\n\n" + text
    for head in HEADS:
        found = [(m.start() - 2, m.end() - 2, m[1]) for m in head.finditer(text)]
        names = list(dict.fromkeys(name for _, _, name in found))[:2]
        if len(names) == 2:
            return [place for place in found if place[2] in names]
    return []


def read(text: str) -> Iterator[Talk]:
    """The one conversation of a file. The file names actors, neither prompts nor model ids."""
    over = OVER.search(text)
    body = text[: over.start()] if over else text
    heads = marked(body)
    names = list(dict.fromkeys(name for _, _, name in heads))
    talk = Talk(**{f"model_{seat}": name[:-2] for seat, name in zip("ab", names, strict=True)})
    if body[: heads[0][0]].strip():
        talk.leave_out("the text before the first message")
    ends = [start for start, _, _ in heads[1:]] + [len(body)]
    for (_, begin, name), stop in zip(heads, ends, strict=True):
        # The format puts a newline behind the heading, one behind the words, one before the next.
        said = body[begin:stop].removeprefix("\n")
        followed = stop < len(body)
        said = said.removesuffix("\n\n") if followed else said.removesuffix("\n")
        talk.say("AB"[names.index(name)], said)
    if over:
        talk.end(f"{over[1]} said {over[2]}")
    yield talk
