"""How accurate each kind of verdict is, on conversations that it was not made from, in words for
a report. The figures are F1 by message, averaged over the states (macro), against two readings
that agree."""

ACCURACY = {
    "rules": "the detector's macro F1 by message was .64 on Claude models and .52 on 20 other "
    "models (62 conversations that it was not made from, 2026-11-25)",
    "judge": "a large model as judge reached a macro F1 by message of .91 on Claude models and .89 "
    "on others (26 conversations, 2026-11-25); other judges were not measured",
}
