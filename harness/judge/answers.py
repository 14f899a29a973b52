"""Answers in JSON: found in whatever a model wrote around them, asked for again where they fail."""

import contextlib
import json
import re
from collections.abc import Callable
from typing import Protocol, TypeVar

from harness.files import Json
from harness.models.asking import Asker, Bill, Question
from harness.models.failures import Failure

AGAIN = """\
Your answer did not pass the check:
{problems}
Answer once more, in full, with the JSON object and nothing else."""


class Checked(Protocol):
    """An answer that was taken apart."""

    problems: list[str]
    text: str

    @property
    def usable(self) -> bool:
        """Whether something can be made of it in spite of its problems."""
        ...

    @property
    def kept(self) -> int:
        """How much of it passed the check."""
        ...


C = TypeVar("C", bound=Checked)


async def in_two_tries(
    asker: Asker, question: Question, check: Callable[[str], C], bill: Bill, length: int
) -> C:
    """What `check` makes of an answer of about `length` tokens, or of a second one where the first
    has problems: the one of which more is kept. Raises Failure where neither is usable."""
    best: C | None = None
    for _ in range(2):
        try:
            text = await asker.ask(question, bill, length)
        except Failure:
            if best is None or not best.usable:
                raise
            break  # the first is better than nothing
        answer = check(text)
        best = answer if best is None or _worth(answer) >= _worth(best) else best
        if not answer.problems:
            break
        problems = "\n".join(f"- {problem}" for problem in answer.problems)
        question = [
            *question,
            {"role": "assistant", "content": text.strip() or "(nothing)"},
            {"role": "user", "content": AGAIN.format(problems=problems)},
        ]
    assert best is not None
    if not best.usable:
        raise Failure("unusable", f"no usable answer in two tries: {best.problems[0]}")
    return best


def _worth(answer: Checked) -> tuple[bool, int, int]:
    return answer.usable, answer.kept, -len(answer.problems)


def json_object(text: str, wanted: Callable[[Json], bool]) -> Json | None:
    """The first JSON object that is wanted, wherever in the text it begins."""
    for brace in re.finditer(r"\{", text):
        with contextlib.suppress(ValueError, RecursionError):
            data, _ = json.JSONDecoder().raw_decode(text, brace.start())
            if wanted(data):
                return data
    return None
