"""Runs by condition, and what to call one."""

from collections import Counter

from harness.report.conditions import ALWAYS, Facts
from harness.report.summary import Summary
from harness.talk.transcript import UNKNOWN
from harness.text import UserError, flat

CUT = 50  # characters of a setting's value in a condition's name

ConditionKey = tuple[bool, tuple[tuple[str, str], ...]]  # demo?, settings
Groups = dict[ConditionKey, list[Summary]]


def group(runs: list[Summary], by: list[str] | None = None) -> Groups:
    """Runs by condition, demos apart, real ones first. With `by` only these settings count."""
    if by:
        must_be_known("--by", by, {name for run in runs for name in run.condition})
    groups: Groups = {}
    for run in runs:
        kept = {
            name: value
            for name, value in run.condition.items()
            if by is None or any(belongs(name, setting) for setting in by)
        }
        groups.setdefault((run.demo, tuple(sorted(kept.items()))), []).append(run)
    return dict(sorted(groups.items(), key=lambda item: item[0]))


def belongs(name: str, setting: str) -> bool:
    """Whether a setting's name (`system_a`) is meant by what the user calls it (`system`)."""
    return name in (setting, f"{setting}_a", f"{setting}_b")


def must_be_known(flag: str, settings: list[str], known: set[str]) -> None:
    """Raises UserError where no run has one of the settings."""
    for setting in settings:
        if not any(belongs(name, setting) for name in known):
            both = {name[:-2] for name in known if name.endswith(("_a", "_b"))}
            use = ", ".join(sorted(known | both))
            raise UserError(f"{flag} {setting}: no run has that setting; use {use}")


def settings_in(text: str) -> list[str]:
    """The settings of `--by` or `--compare`, with commas between them. Raises UserError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UserError("name at least one setting, as in --by model or --compare tools")
    return names


def condition_names(groups: Groups) -> list[str]:
    """What to call each condition: its models, and the settings in which conditions differ. What
    an imported or older log does not tell is in a name only where two are the same without it."""
    conditions = [dict(pairs) for _, pairs in groups]
    names = {name for condition in conditions for name in condition} - {"model_a", "model_b"}
    telling = {name for name in names if len(_told(name, conditions)) > 1}
    demos = [demo for demo, _ in groups]
    called = [_name(*pair, telling) for pair in zip(map(_known, conditions), demos, strict=True)]
    for name in {name for name in called if called.count(name) > 1}:
        same = [at for at, other in enumerate(called) if other == name]
        more = {n for n in names if len({conditions[at].get(n) for at in same}) > 1}
        for at in same:
            called[at] = _name(conditions[at], demos[at], telling | more)
    return _told_apart(called)


def _told(name: str, conditions: list[Facts]) -> set[str | None]:
    """The values of a setting in the conditions that tell it."""
    values = {condition.get(name) for condition in conditions} - {UNKNOWN}
    return values - {None} if name in ALWAYS else values


def _known(condition: Facts) -> Facts:
    return {n: v for n, v in condition.items() if v != UNKNOWN or n in ("model_a", "model_b")}


def _told_apart(called: list[str]) -> list[str]:
    """The same names, those that are cut to the same words with a number behind."""
    seen: Counter[str] = Counter()
    apart = []
    for name in called:
        seen[name] += 1
        apart.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return apart


def with_names(runs: list[Summary]) -> list[tuple[str, Summary]]:
    """Each run with its condition's name, in their own order."""
    groups = group(runs)
    pairs = zip(condition_names(groups), groups.values(), strict=True)
    called = {id(run): name for name, mine in pairs for run in mine}
    return [(called[id(run)], run) for run in runs]


def _name(condition: Facts, demo: bool, telling: set[str]) -> str:
    words = [" × ".join(condition[m] for m in ("model_a", "model_b") if m in condition)]
    words += differing(condition, telling)
    return " · ".join([word for word in words if word] + ["scripted demo"] * demo) or "all runs"


def differing(condition: Facts, telling: set[str]) -> list[str]:
    """These settings of a condition in words, those that both seats share once."""
    words: list[str] = []
    for name in sorted(telling & set(condition)):
        base, seat = name[:-2], name[-2:]
        twin = base + ("_b" if seat == "_a" else "_a")
        if seat in ("_a", "_b") and condition.get(twin) == condition[name]:
            both = f"{base} {_cut(condition[name])}"
            words += [] if both in words else [both]
        else:
            words.append(f"{name} {_cut(condition[name])}")
    return words


def _cut(text: str) -> str:
    text = flat(text)
    return text if len(text) <= CUT else text[: CUT - 1] + "…"
