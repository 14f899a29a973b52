"""The attractor states by name: themes, what the talk is about, and forms, how it is said.

Themes follow one another; a form lies over whatever theme holds and never hides it.
"""

from typing import Literal

THEMES = (
    "identity_standoff",
    "identity_collapse",
    "goodbye_loop",
    "meta_awareness",
    "creative_escape",
    "bliss",
)
FORMS = ("verbatim_loop", "emoji_collapse", "silence", "degenerate")
STATES = THEMES + FORMS
SHORT = {state: state for state in STATES} | {
    "identity_standoff": "standoff",
    "identity_collapse": "collapse",
    "goodbye_loop": "goodbye",
    "meta_awareness": "meta",
    "creative_escape": "creative",
    "verbatim_loop": "verbatim",
    "emoji_collapse": "emoji",
}


Kind = Literal["theme", "form"]


def kind_of(state: str) -> Kind:
    """Whether a state is a theme or a form."""
    return "theme" if state in THEMES else "form"
