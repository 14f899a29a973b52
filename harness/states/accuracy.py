"""How accurate each kind of verdict is, on conversations that it was not made from, in words for
a report: F1 by message, averaged over the states (macro), where two readings agree. Who changes
how verdicts are made measures again, and writes it here."""

ACCURACY = {
    "rules": "measured forms and learned themes had a macro F1 by message of .81 on Claude models "
    "and .78 on others (103 conversations, each judged by a model made without its family)",
    "judge": "a large model as judge had a macro F1 by message of .91 on Claude models and .89 on "
    "others (26 conversations, 2026-11-25); no other judge was measured",
}
