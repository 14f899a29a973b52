"""What a judge is shown, and what it answers."""

import json


def span(state="goodbye_loop", first=3, last=4, quote="Goodbye!", at=4, confidence="high"):
    return {
        "state": state,
        "from_message": first,
        "to_message": last,
        "quote": quote,
        "quote_message": at,
        "confidence": confidence,
    }


def answer(*spans, terminal="goodbye_loop"):
    return json.dumps({"spans": spans, "terminal_state": terminal})


def shown_lines(request):
    """The transcript lines in a request to the fake provider."""
    content = request.body["messages"][0]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    return [json.loads(line.rstrip(",")) for line in text.split("\n") if line.startswith('{"n"')]
