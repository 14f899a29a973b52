"""Any order of speaking, taking over, faults, kills, resumptions and branches keeps DESIGN's first
three principles: nothing of ours in the dialogue, what was said is kept, the log is the program.

A real Conversation speaks through LiteLLM to the fake provider; a list of what was said, kept here
by other means, says what every request and every log must hold. A sequence that fails
becomes a test of its own at the end.
"""

import asyncio
import json
import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from program import texts
from provider import Provider, Reply, cut, hang, status

import tools
from attractor import Conversation
from harness.screen.silent import Silent
from harness.talk import transcript
from harness.talk.controls import Controls
from harness.talk.events import seat_of
from harness.talk.log import Log
from harness.talk.options import make_settings
from harness.talk.settings import Settings
from harness.talk.state import State

SEED, SCRIPTED, EVERY = "Well?", "A word from the script.", 4
WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip),
    st.sampled_from(
        ["Goodbye! 👋", "\u2028\u202e\x1b[2J", "[/bold]", '{"type": "turn"}', "…", "\ufeff."]
    ),
)
FAULTS = st.sampled_from([status(400, "no"), status(429), status(500), cut(3), status(529)])
FULL = Reply(fault=status(400, "prompt is too long: 9 tokens > 8 maximum"))


class Hasty(Silent):
    """A display whose watcher takes over as soon as there is something to read."""

    def __init__(self):
        self.controls, self.hasty = Controls(self), False

    def piece(self, kind, text):
        if self.hasty:
            self.hasty = False
            self.controls.take_over()


class Talk(RuleBasedStateMachine):
    """`said` holds (turn, seat, texts of the replies, tools called between them)."""

    steps = 0

    @initialize()
    def begin(self):
        self.runner, self.replies, self.typed = asyncio.Runner(), [], ""
        self.provider = Provider(lambda body, i: self.replies.pop(0))
        self.provider.__enter__()
        self.said, self.first, self.seen = [], {"A": 0, "B": 0}, 0
        self.other, self.slides = {}, []
        options = {
            "model_a": "opus",
            "model_b": "sonnet",
            "api_base": self.provider.url,
            "seed": SEED,
            "on_full": "slide",
            "retry_for": 0.0,
            "interject": [f"every:{EVERY}:B:{SCRIPTED}"],
        }
        self.hold(make_settings(options), Log.create(transcript.Path("logs")))
        self.talk.open()

    def hold(self, made, log):
        """Sit down with a log."""
        self.show, self.path = Hasty(), log.path

        self.talk = Conversation(made, log, self.show, self.show.controls, self)

    async def edit(self, draw, can_cancel):
        """As a keyboard: what is typed is there at once."""
        return self.typed

    def unsent(self):
        """Nothing is left."""
        return ""

    def teardown(self):
        if hasattr(self, "provider"):
            if self.talk:
                self.talk.log.close()
            self.provider.__exit__(None, None, None)
            self.runner.close()

    # -- what must come of it

    def next_up(self):
        if not self.said:
            return 0, "A"
        turn, seat = self.said[-1][:2]
        return (turn, "B") if seat == "A" else (turn + 1, "A")

    def view(self, seat, rounds=()):
        """What a request of this seat must show: (role, text)."""
        shown = [("user", SEED)] if seat == "A" and not self.first["A"] else []
        for _, speaker, parts, calls in self.said[self.first[seat] :]:
            if speaker != seat:
                heard = "\n\n".join(part for part in parts if part)
                shown.append(("user", heard or "…"))
                continue
            shown += self.called(zip(parts, calls, strict=False))
            shown.append(("assistant", parts[-1] or "…"))
        return shown + self.called(rounds)

    @staticmethod
    def called(rounds):
        shown = []
        for part, tool in rounds:
            shown.append(("assistant", f"{part}[{tool} {json.dumps({'reason': 'x'})}]"))
            shown.append(("user", f"[result {tools.REFUSED.format(tool=tool)}]"))
        return shown

    def scripted(self):
        """Let the script speak where it is its turn: no request is made."""
        turn, seat = self.next_up()
        if seat == "B" and turn and turn % EVERY == 0:
            self.speak_once()
            self.said.append((turn, seat, [SCRIPTED], []))

    def speak_once(self):
        async def speak():
            while not (event := await self.talk.speak(*self.talk.state.next_up())):
                pass  # it was taken over, or handed back
            self.talk.record(event)

        self.runner.run(speak())

    def check_requests(self, *rounds):
        """That the requests since the last check showed what the seat must see, each after so
        many rounds of tools."""
        requests, self.seen = self.provider.requests[self.seen :], len(self.provider.requests)
        _, seat = self.next_up()
        assert [texts(r.body) for r in requests] == [self.view(seat, done) for done in rounds]
        for request in requests:  # prompt, tools and all else are the same for ever
            other = {name: value for name, value in request.body.items() if name != "messages"}
            assert self.other.setdefault(seat, other) == other

    # -- what can happen

    @precondition(lambda self: self.talk)
    @rule(words=WORDS | st.just(""))
    def speak(self, words):
        self.scripted()
        self.replies = [words]
        self.speak_once()
        self.check_requests([])
        self.said.append((*self.next_up(), [words], []))

    @precondition(lambda self: self.talk)
    @rule(
        before=WORDS | st.just(""),
        words=WORDS,
        tool=st.sampled_from([*tools.EXIT_TOOLS]),
        times=st.integers(1, 3),
    )
    def call_tools(self, before, words, tool, times):
        self.scripted()
        calls = Reply(text=before, tools=((tool, {"reason": "x"}),))
        self.replies = [calls] * times + [words]
        self.speak_once()
        rounds = [(before, tool)] * times
        self.check_requests(*(rounds[:done] for done in range(times + 1)))
        self.said.append((*self.next_up(), [before] * times + [words], [tool] * times))

    @precondition(lambda self: self.talk)
    @rule(words=WORDS, half=WORDS)
    def take_over(self, words, half):
        self.scripted()
        self.replies = [Reply(chunks=[half, *"and so on"], pace=0.02)]
        self.typed, self.show.hasty = words, True
        self.speak_once()
        self.check_requests([])
        self.said.append((*self.next_up(), [words], []))
        assert transcript.read(self.path).of("aborted")[-1]["why"] == "taken over"

    @precondition(lambda self: self.talk)
    @rule(words=WORDS)
    def hand_back(self, words):
        self.scripted()
        self.show.controls.take_over()
        self.typed, self.replies = " ", [words]
        self.speak_once()
        self.check_requests([])
        self.said.append((*self.next_up(), [words], []))

    @precondition(lambda self: self.talk)
    @rule(fault=FAULTS)
    def fail(self, fault):
        self.scripted()
        self.replies = [Reply(text="half of an answer that breaks off", fault=fault)]
        end = self.runner.run(self.talk.finish())
        assert end["reason"] == "error"
        self.check_requests([])
        self.leave()

    @precondition(lambda self: self.talk)
    @rule()
    def stop(self):
        self.scripted()
        self.replies = [Reply(fault=hang())]

        async def stopped():
            task = asyncio.create_task(self.talk.finish())
            while len(self.provider.requests) == self.seen:
                await asyncio.sleep(0.002)
            task.cancel()
            return await task

        assert self.runner.run(stopped())["reason"] == "stopped"
        self.check_requests([])
        self.leave()

    @precondition(lambda self: self.talk)
    @rule(words=WORDS)
    def pause(self, words):
        async def paused():
            self.show.controls.pause()
            task = asyncio.create_task(self.talk.converse())
            await asyncio.sleep(0.005)
            assert len(self.provider.requests) == self.seen and not task.done()
            self.show.controls.end()
            return await task

        self.show.controls.ending = False
        assert self.runner.run(paused()) == "stopped"
        self.show.controls.ending = False
        self.speak(words)

    @precondition(lambda self: self.talk and len(self.said) > 6)
    @rule(words=WORDS)
    def slide(self, words):
        self.scripted()
        self.replies = [FULL, words]
        _, seat = self.next_up()
        before = self.view(seat)
        self.speak_once()
        full, slid = self.provider.requests[self.seen :]
        assert texts(full.body) == before
        first = transcript.read(self.path).of("slide")[-1]["from_message"]
        assert first > self.first[seat]
        self.first[seat], self.seen = first, len(self.provider.requests)
        self.slides.append((self.next_up()[0], seat, first))
        assert texts(slid.body) == self.view(seat)
        self.said.append((*self.next_up(), [words], []))

    @precondition(lambda self: self.talk)
    @rule(torn=st.binary(max_size=5), cut_at=st.integers(0, 60))
    def kill(self, torn, cut_at):
        os.close(self.talk.log._file)
        self.talk = None
        line = json.dumps({"type": "turn", "turn": 0, "label": "Model A", "response": "never"})
        with open(self.path, "ab") as file:
            file.write(line.encode()[:cut_at].rstrip(b"}") + torn.replace(b"\n", b""))

    def leave(self):
        self.talk.log.close()
        self.talk = None

    @precondition(lambda self: not self.talk)
    @rule()
    def resume(self):
        past = transcript.follow(self.path)
        self.hold(Settings.from_config(past.settings()), Log.reopen(self.path))
        self.talk.open(past)

    @precondition(lambda self: self.said and self.said[-1][0] > 0)
    @rule(data=st.data())
    def branch(self, data):
        at = data.draw(st.integers(1, self.said[-1][0]), "turn")
        if self.talk:
            self.leave()
        past = transcript.follow(self.path)
        self.hold(Settings.from_config(past.settings()), Log.create(transcript.Path("logs")))
        self.talk.open(past, at)
        self.said = [one for one in self.said if one[0] < at]
        self.first = {"A": 0, "B": 0}
        self.slides = [one for one in self.slides if one[0] < at]
        for _, seat, first in self.slides:
            self.first[seat] = first

    # -- what must hold after each of them

    @invariant()
    def the_log_is_the_program(self):
        if not hasattr(self, "path"):
            return
        type(self).steps += 1
        read = transcript.read(self.path)
        kept = [(m["turn"], seat_of(m), m["response"]) for m in read.messages]
        assert kept == [
            (turn, seat, "\n\n".join(part for part in parts if part))
            for turn, seat, parts, _ in self.said
        ]
        assert not self.talk or not read.skipped
        rebuilt = State(Settings.from_config(read.settings()))
        for event in read.events:
            rebuilt.fold(event)
        for seat, history in rebuilt.histories.items():
            if self.talk:
                live = self.talk.state.histories[seat]
                assert json.dumps(history.sent()) == json.dumps(live.sent())
                assert history.digest([], []) == live.digest([], [])
        words = sum(len(part.encode()) for _, _, parts, _ in self.said for part in parts)
        settings_kept = len(read.settled()) * 20_000
        assert self.path.stat().st_size < settings_kept + 30 * words + 2_500 * len(read.events)


@pytest.mark.parametrize(
    "examples",
    [
        12,
        pytest.param(90, marks=[pytest.mark.stress, pytest.mark.timeout(1800)]),
    ],
)
def test_any_order_of_events_keeps_the_principles(examples):
    """30 steps each, a few of them fewer: more than 2,000 in CI. Each leaves some rules out."""
    Talk.steps = 0
    run_state_machine_as_test(
        Talk,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    assert Talk.steps >= 23 * examples


class Drawn:
    """What stands for hypothesis' choice in a written sequence."""

    def __init__(self, value):
        self.value = value

    def draw(self, strategy, label):
        return self.value


def test_one_of_each_in_a_row():
    """Each rule once, and a kill in the middle of a line twice: what the shortest fuzz may miss."""
    tool = next(iter(tools.EXIT_TOOLS))
    talk = Talk()
    steps = [
        (talk.speak, {"words": "one"}),
        (talk.speak, {"words": ""}),
        (talk.kill, {"torn": b"\xff", "cut_at": 40}),
        (talk.resume, {}),
        (talk.call_tools, {"before": "", "words": "x", "tool": tool, "times": 2}),
        (talk.take_over, {"words": "mine", "half": "never "}),
        (talk.hand_back, {"words": "ok"}),
        (talk.fail, {"fault": cut(3)}),
        (talk.resume, {}),
        (talk.pause, {"words": "two"}),
        (talk.speak, {"words": "three"}),
        (talk.slide, {"words": "four"}),
        (talk.speak, {"words": "a"}),
        (talk.speak, {"words": "b"}),
        (talk.speak, {"words": "c"}),
        (talk.branch, {"data": Drawn(5)}),
        (talk.speak, {"words": "d"}),
        (talk.speak, {"words": "e"}),
        (talk.stop, {}),
        (talk.resume, {}),
        (talk.branch, {"data": Drawn(3)}),
        (talk.speak, {"words": "five"}),
        (talk.kill, {"torn": b"", "cut_at": 1}),
        (talk.branch, {"data": Drawn(2)}),
        (talk.speak, {"words": "six"}),
    ]
    try:
        talk.begin()
        for act, given in steps:
            act(**given)
            talk.the_log_is_the_program()
    finally:
        talk.teardown()
