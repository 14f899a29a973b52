"""Words that no text was made to hold: for tests that say it of any words."""

from hypothesis import strategies as st

ANY = st.text(st.characters(), max_size=60)  # lone surrogates, controls and all
NASTY = st.sampled_from(
    [
        "\u2028",
        "\u2029",
        "\x85",
        "\x00",
        "\ud800",
        "\udc00",
        "\ud83d\ude00",
        "\x1b[2J",
        "\r\n",
        "\u200b",
        "\u3164",
        "\x7f",
        "\ufeff",
        '{"type": "turn"}\n',
        "\\u2028",
        "👩‍👩‍👧",
        "\u202e",
    ]
)
WORDS = st.lists(st.one_of(ANY, NASTY), max_size=8).map("".join)
