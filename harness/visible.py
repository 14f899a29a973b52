"""Making text safe to look at: what is invisible, or would act on a terminal, is named."""

import re

_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_JOINERS = ("\u200c", "\u200d")


def visible(text: str) -> str:
    """`text` with everything that is invisible or would act on a terminal shown by name."""
    return _ODD.sub(_name, text.replace("\r\n", "\n")).replace("\t", "    ")


def _name(found: re.Match[str]) -> str:
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    # Joiners inside an emoji or an Indic or Persian word are part of a letter that is seen.
    if found[0] in _JOINERS and before > "\u02ff" and after > "\u02ff" and not _ODD.match(after):
        return found[0]
    return f"⟨U+{ord(found[0]):04X}⟩"
