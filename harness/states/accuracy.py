"""How accurate each kind of verdict is, on conversations that it was not made from, in words for
a report: F1 by message, averaged over the states (macro), where two readings agree. Who changes
how verdicts are made measures again, and writes it here."""

ACCURACY = {
    # training/train_themes.py DATA --cross-validate, whole families of models left out
    "rules": "by cross-validation that leaves whole families of models out, its macro F1 by "
    "message is .64 on Claude models and .65 on others (103 conversations, 2026-11-26), of themes "
    "alone .53 and .54",
    "judge": "a large model as judge had a macro F1 by message of .91 on Claude models and .89 on "
    "others (26 conversations, 2026-11-25); no other judge was measured",
}
