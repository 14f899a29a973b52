"""A judge at work: a model reads transcripts by the rubric in prompts/judge, and labels them."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import files, prompts
from harness.judge import labels
from harness.judge.checking import check, joined
from harness.judge.labels import Judge, Labels
from harness.judge.paid import Paid
from harness.judge.reading import is_read, messages_in, read_each
from harness.judge.windows import shown, windows
from harness.models import catalogue, demo
from harness.models.asking import CHARS, Asker, Bill, Question, question_tokens
from harness.models.failures import Failure
from harness.models.seat import Seat
from harness.talk import transcript
from harness.talk.estimate import Estimate
from harness.talk.events import Turn
from harness.talk.log import now
from harness.talk.options import check_address
from harness.text import UserError, many, money

WINDOW = 60  # messages that one request shows at most
ANSWER = 600  # tokens that an answer is expected to have, thinking not counted
ASK = """\
{shown} Label messages {first} to {last}:
answer with the JSON object and nothing else."""


def judge_seat(name: str, api_base: str | None, option: str = "--model") -> Seat:
    """The judge that the user names with this option, under the rubric. Raises UserError."""
    judge = f"demo/{demo.JUDGE}"
    model = judge if name.lower().startswith("demo/") else catalogue.resolve(name)
    if model == "human" or (model == judge and name != judge):
        raise UserError(f"{option} {name} cannot judge: give a model, or {judge} for a try")
    if api_base:
        check_address(api_base, model)
    return Seat("J", name, model, prompts.words("@rubric", "judge"), {}, api_base)


class Bench:
    """A judge at work on many logs."""

    def __init__(self, asker: Asker, window: int, concurrency: int):
        """`window` messages are shown at a time, `concurrency` logs are read at the same time."""
        self.asker, self.window, self.concurrency = asker, window, concurrency
        seat = asker.seat
        rubric = hashlib.sha256(seat.system.encode()).hexdigest()[:16]
        self.about: Judge = {
            "model": seat.model,
            "rubric": rubric,
            "window": window,
            "demo": seat.demo,
        }
        self.read, self.dropped = 0, 0

    def has_read(self, log: Path, file: Path) -> bool:
        """Whether the log as it is has labels by this judge."""
        return is_read(log, labels.labels_of(log, file), self.about)

    def forecast(self, logs: dict[Path, Path]) -> str:
        """What reading these logs into their files is expected to take, without what was paid for,
        with what that assumes."""
        asked = []
        for log, file in logs.items():
            paid = Paid(file, self.asker.seat.model)
            asked += [q for q in self.questions(messages_in(log)) if not paid.get(q)]
        expected = self.estimate(asked)
        return (
            f"expected: {many(expected.requests, 'request')}, {expected.input:,} tokens in, "
            f"{expected.output:,} out, {money(expected.cost)} ({CHARS} characters to a token, "
            f"{ANSWER} tokens an answer, nothing asked twice, no thinking)"
        )

    def questions(self, messages: list[Turn]) -> list[Question]:
        """What is asked of a conversation: a request for each window."""
        return [self.request(messages, *ends) for ends in windows(messages, self.window)]

    def estimate(self, asked: list[Question]) -> Estimate:
        """What it takes to have these answered, nothing asked twice."""
        read, cost = sum(map(question_tokens, asked)), self.asker.expected(asked, ANSWER)
        return Estimate(len(asked), read, 0, ANSWER * len(asked), cost, cost)

    def request(self, messages: list[Turn], first: int, last: int) -> Question:
        ask = ASK.format(shown=shown(messages, first, last), first=first, last=last)
        return [
            {"role": "system", "content": self.asker.seat.system},
            {"role": "user", "content": ask},
        ]

    def bill(self) -> str:
        """What it came to."""
        return (
            f"{many(self.read, 'log')} labelled, {many(self.dropped, 'label')} dropped that did "
            f"not check · {self.asker.total.words()}"
        )

    async def read_all(
        self, logs: dict[Path, Path], tell: Callable[[str], None]
    ) -> dict[Path, str]:
        """Label each log into its file, and tell of each; returns why it failed for those where it
        did."""

        async def read(log: Path) -> str:
            found = await self.label(log, logs[log])
            ends = " and ".join(filter(None, labels.ends_of(found))) or "none"
            return f"{log.name}: {many(len(found['states']), 'span')}, ends in {ends}"

        return await read_each(logs, read, self.concurrency, tell)

    async def label(self, log: Path, file: Path) -> Labels:
        """A log's labels, which `file` has then. Raises Failure, OSError."""
        await asyncio.to_thread(files.check_room, file)
        messages, bill = transcript.read(log).messages, Bill()
        paid = Paid(file, self.asker.seat.model)
        if not messages:
            raise Failure("empty", "there are no messages in it")
        parts = []
        for first, last in windows(messages, self.window):
            checked = partial(check, messages=messages, first=first, last=last)
            asked = self.request(messages, first, last)
            parts.append(await paid.ask(self.asker, asked, checked, bill, ANSWER))
        spans = joined(span for part in parts for span in part.spans)
        theme, form = parts[-1].ends or (None, None)
        terminal = theme or form or "none"
        dropped = sum(part.dropped for part in parts)
        self.read, self.dropped = self.read + 1, self.dropped + dropped
        found: Labels = {
            "type": "labels",
            "file": log.name,
            "timestamp": now(),
            "models": [m.get("model") for m in messages[:2]],
            "n_messages": len(messages),
            "states": spans,
            "terminal_theme": theme or "none",
            "terminal_form": form or "none",
            "terminal_state": terminal,
            "terminal_onset_message": max(
                (s["from_message"] for s in spans if s["state"] == terminal), default=None
            ),
            "judge": self.about,
            "dropped": dropped,
            "usage": {"input": bill.input, "output": bill.output},
            "cost_usd": bill.cost,
        }
        await asyncio.to_thread(labels.save, file, found)
        paid.drop()
        return found
