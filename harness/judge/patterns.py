"""Attractors in the reader's own words: `judge --open` names what no list of states foresaw.

    python attractor.py judge logs --open --model opus --dry-run     what it would cost
    python attractor.py judge logs --open --model opus               to LOG.patterns.json

A first pass reads each run by prompts/judge/open.txt and names at most three patterns, each with
its first and last message and a quote that must stand there word for word. A second pass merges
the names that mean the same (merging.py). What has been read is read again only where the log has
grown, or the model or the prompt has changed; what was merged, where the names have changed.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from harness import files, prompts
from harness.judge.answers import json_object
from harness.judge.checking import misplaced
from harness.judge.labels import save
from harness.judge.merging import Merge, forecast, merge_all, outdated
from harness.judge.paid import Paid
from harness.judge.pattern_files import Namer, Pattern, Patterns, patterns_of
from harness.judge.reading import is_read, messages_in, read_each
from harness.judge.windows import shown, windows
from harness.models.asking import Asker, Bill, Question, question_tokens
from harness.models.catalogue import uncached_cost
from harness.models.failures import Failure
from harness.screen.sheet import Sheet
from harness.talk import transcript
from harness.talk.events import Turn
from harness.talk.log import now
from harness.text import add_costs, many, money

MOST = 3  # patterns of a run
ANSWER = 250  # tokens that an answer is expected to have, thinking not counted
SPAN = 100_000  # messages shown at once; a transcript is cut only where it is too long to be read
NAME, SENTENCE = 60, 300  # characters
FIELDS = ("name", "sentence", "from_message", "to_message", "quote", "quote_message")
ASK = """\
{shown}{before} Name the patterns of messages
{first} to {last}: answer with the JSON object and nothing else."""
BEFORE = """
In earlier messages these patterns were named: {names}. Give the same name to one that goes on."""


# ---------------------------------------------------------------- checking


@dataclass
class Named:
    """An answer's patterns that passed the check, and what is wrong with the others."""

    patterns: list[Pattern] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    usable: bool = True
    text: str = ""

    @property
    def dropped(self) -> int:
        return len(self.problems) if self.usable else 0

    @property
    def kept(self) -> int:
        return len(self.patterns)


def check(text: str, messages: list[Turn], first: int, last: int) -> Named:
    """Take an answer apart."""
    data = json_object(text, lambda found: isinstance(found.get("patterns"), list))
    if data is None:
        problem = "it was not a JSON object with a list of patterns"
        return Named(problems=[problem], usable=False, text=text)
    named = Named(text=text)
    for number, one in enumerate(data["patterns"]):
        wrong: str | None = fault(one, messages, first, last)
        if wrong is None and one["name"].casefold() in {
            p["name"].casefold() for p in named.patterns
        }:
            wrong = "its name was given before: one name for each pattern"
        if wrong is None and len(named.patterns) == MOST:
            wrong = f"at most {MOST} patterns, please"
        if wrong:
            named.problems.append(f"pattern {number}: {wrong}")
        else:
            named.patterns.append(cast(Pattern, {name: one[name] for name in FIELDS}))
    return named


def fault(one: Any, messages: list[Turn], first: int, last: int) -> str | None:
    """What is wrong with a pattern, or None."""
    if not isinstance(one, dict):
        return "it is no object"
    for name, most in (("name", NAME), ("sentence", SENTENCE)):
        text = one.get(name)
        if not isinstance(text, str) or not text.strip() or len(text) > most:
            return f"{name} must be a text of at most {most} characters"
    return misplaced(one, messages, first, last)


def joined(parts: list[list[Pattern]]) -> tuple[list[Pattern], int]:
    """The patterns of several windows, those of one name as one; the MOST that hold longest, and
    how many more there were."""
    found: dict[str, Pattern] = {}
    for one in (pattern for part in parts for pattern in part):
        earlier = found.setdefault(one["name"].casefold(), one.copy())
        earlier["to_message"] = max(earlier["to_message"], one["to_message"])
        earlier["from_message"] = min(earlier["from_message"], one["from_message"])
    longest = sorted(found.values(), key=lambda p: p["from_message"] - p["to_message"])
    kept = sorted(longest[:MOST], key=lambda p: p["from_message"])
    return kept, len(longest) - len(kept)


# ---------------------------------------------------------------- reading


class OpenBench:
    """A judge who names patterns, at work on many logs: `files` says where each one's go."""

    def __init__(self, asker: Asker, files: dict[Path, Path], concurrency: int):
        self.asker, self.files, self.concurrency = asker, files, concurrency
        self.prompt = prompts.words("@open", "judge")
        seat, digest = asker.seat, hashlib.sha256(self.prompt.encode()).hexdigest()[:16]
        self.about: Namer = {"model": seat.model, "prompt": digest, "demo": seat.demo}
        self.read = self.dropped = 0

    def has_read(self, log: Path, file: Path) -> bool:
        """Whether the log as it is has patterns by this judge."""
        return is_read(log, patterns_of(log, file), self.about)

    def known(self) -> dict[Path, Patterns]:
        """What was found in those logs in which something has been looked for."""
        read = {log: patterns_of(log, file) for log, file in self.files.items()}
        return {log: found for log, found in read.items() if found}

    def forecast(self, todo: dict[Path, Path]) -> str:
        """What reading these and merging all names is expected to take, without what was paid
        for."""
        asked = [question for log in todo for question in self.left(log)]
        known = self.known()
        counts = {
            log: MOST if log in todo or log not in known else len(known[log]["patterns"])
            for log in self.files
        }
        merges, answers = forecast(counts) if todo or outdated(self.asker.seat, known) else ([], 0)
        costs = [
            self.asker.expected(asked, ANSWER),
            uncached_cost(self.asker.seat, sum(map(question_tokens, merges)), answers),
        ]
        read = sum(map(question_tokens, asked + merges))
        return (
            f"expected: {many(len(asked), 'request')} to read, at most {len(merges)} to merge "
            f"{sum(counts.values())} names, {read:,} tokens in, "
            f"{ANSWER * len(asked) + answers:,} out, "
            f"{money(add_costs(costs))} ({MOST} patterns a run, nothing asked twice, no thinking)"
        )

    def left(self, log: Path) -> list[Question]:
        """What is to be asked about a log, but for the answers that were paid for."""
        messages, paid = messages_in(log), self.paid(log)
        parts: list[list[Pattern]] = []
        asked = []
        for ends in windows(messages, SPAN):
            question = self.question(messages, *ends, parts)
            if kept := paid.get(question):
                parts.append(check(kept[0], messages, *ends).patterns)
            else:
                asked.append(question)
        return asked

    def paid(self, log: Path) -> Paid:
        """The answers about a log that were paid for."""
        return Paid(self.files[log], self.asker.seat.model)

    def question(
        self, messages: list[Turn], first: int, last: int, parts: list[list[Pattern]]
    ) -> Question:
        """What is asked about a stretch of a transcript, in whose earlier `parts` patterns have
        names."""
        before = list(dict.fromkeys(p["name"] for part in parts for p in part))
        named = BEFORE.format(names=json.dumps(before, ensure_ascii=False)) if before else ""
        words = shown(messages, first, last)
        ask = ASK.format(shown=words, before=named, first=first, last=last)
        return [{"role": "system", "content": self.prompt}, {"role": "user", "content": ask}]

    async def work(self, todo: list[Path], tell: Callable[[str], None]) -> dict[Path, str]:
        """Read what is to be read, then merge, and tell of it; returns why it failed for those
        where it did."""

        async def read(log: Path) -> str:
            files.check_room(self.files[log])
            paid = self.paid(log)
            found = await self.name(log, paid)
            save(self.files[log], found)
            paid.drop()
            return f"{log.name}: {'; '.join(p['name'] for p in found['patterns']) or 'no pattern'}"

        failures = await read_each(todo, read, self.concurrency, tell)
        try:
            if merge := await self.merge():
                tell(_merged(merge))
        except (Failure, OSError) as failure:
            failures[Path("merging")] = str(failure)
        return failures

    async def name(self, log: Path, paid: Paid) -> Patterns:
        """A log's patterns; `paid` has what was paid for. Raises Failure, OSError."""
        messages, bill = transcript.read(log).messages, Bill()
        if not messages:
            raise Failure("empty", "there are no messages in it")
        parts: list[list[Pattern]] = []
        dropped = 0
        for ends in windows(messages, SPAN):
            asked = self.question(messages, *ends, parts)
            checked = partial(check, messages=messages, first=ends[0], last=ends[1])
            named = await paid.ask(self.asker, asked, checked, bill, ANSWER)
            parts.append(named.patterns)
            dropped += named.dropped
        patterns, more = joined(parts)
        self.read, self.dropped = self.read + 1, self.dropped + dropped
        return {
            "type": "patterns",
            "file": log.name,
            "timestamp": now(),
            "n_messages": len(messages),
            "patterns": patterns,
            "more": more,
            "judge": self.about,
            "dropped": dropped,
            "usage": {"input": bill.input, "output": bill.output},
            "cost_usd": bill.cost,
        }

    async def merge(self) -> Merge | None:
        """Merge the names of all logs that have some, and keep what came of it; None where they
        have been merged as they are."""
        known = self.known()
        if not outdated(self.asker.seat, known):
            return None
        for log in known:
            files.check_room(self.files[log])
        merge = await merge_all(self.asker, known)
        for log, found in known.items():
            for pattern in found["patterns"]:
                pattern["group"] = merge.group(log, pattern["name"])
            save(self.files[log], {**found, "merge": merge.about})
        return merge

    def bill(self) -> str:
        """What it came to."""
        return (
            f"{many(self.read, 'log')} read, {many(self.dropped, 'pattern')} dropped that did "
            f"not check · {self.asker.total.words()}"
        )


def _merged(merge: Merge) -> str:
    names, groups = merge.about["names"], merge.about["groups"]
    said = f"{many(names, 'name')} merged to {many(groups, 'pattern')}"
    if merge.about["stable"]:
        return f"{said}; in another order the names gave the same ones"
    return (
        f"{said}; the merge is not stable: in another order {many(merge.about['unsure'], 'pair')} "
        "of names came out otherwise, and stays apart"
    )


def pattern_table(files: dict[Path, Path]) -> list[Sheet]:
    """The table of patterns over all these logs, none of none; by condition see `report`."""
    runs = [found for log, file in files.items() if (found := patterns_of(log, file))]
    rows: dict[str, list[tuple[int, Pattern]]] = {}
    for number, found in enumerate(runs):
        for pattern in found["patterns"]:
            rows.setdefault(pattern.get("group") or pattern["name"], []).append((number, pattern))
    table = []
    for group, every in sorted(rows.items(), key=lambda item: -len(item[1])):
        first = every[0][1]
        held = len({number for number, _ in every})
        table.append([group, f"{held}/{len(runs)}", first["sentence"], first["quote"]])
    columns = ["pattern", "runs", "what happens", "a quote"]
    return [Sheet("patterns", columns, table)] if table else []
