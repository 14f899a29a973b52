"""Colours: one for each attractor state, the same on the console and in the report."""

SEAT_STYLE = {"A": "bold cyan", "B": "bold magenta"}

# Okabe and Ito's colour-blind-safe set, and what it has no more room for.
COLOURS = {
    "identity_standoff": "#0072B2",
    "identity_collapse": "#56B4E9",
    "goodbye_loop": "#E69F00",
    "meta_awareness": "#009E73",
    "creative_escape": "#CC79A7",
    "emoji_collapse": "#F0E442",
    "silence": "#999999",
    "verbatim_loop": "#D55E00",
    "bliss": "#8F6BD6",
    "degenerate": "#A6761D",
    "none": "#DDDDDD",
}


def badge(state: str) -> str:
    """The style of a state's badge."""
    dark = COLOURS[state] in ("#0072B2", "#8F6BD6", "#A6761D")
    return f"{'#FFFFFF' if dark else '#000000'} on {COLOURS[state]}"
