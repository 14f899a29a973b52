#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["litellm==1.110.2", "rich>=14.1,<16", "python-dotenv>=1.0,<2"]
# ///
"""Put two language models into one conversation and watch where it gets stuck.

    python attractor.py -a demo/standoff -b demo/collapse     no key needed: scripted demo models
    python attractor.py -a opus -b opus                       two real ones; keys from .env
    python attractor.py -a demo/goodbye -b human              you hold seat B
    python attractor.py --resume logs/run_….jsonl             go on with a run that ended
    python attractor.py --resume LOG --at 12 --system-b firm  branch off before turn 12
    python attractor.py sweep -a opus -b opus --tools none all --runs 20 --max-turns 30
    python attractor.py report logs --html report.html        many runs: tables and pictures
    python attractor.py states|replay|export LOG              one run, after the fact
    python attractor.py judge logs --model opus               states as a model sees them
    python attractor.py import transcripts/                   other people's, as logs
    python attractor.py models                                aliases, keys found, prices, demos
    python attractor.py completion bash|zsh                   for your shell

While it runs: Space take over a message, p pause, q end after this message, ? help, Ctrl+C stop.
Each verb has a --help of its own; the options below are those of `run`, the verb by default.
"""

import signal

if __name__ == "__main__":  # Ctrl+C during the imports below ends without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
from typing import Any

from harness.models.failures import Failure, kind_of
from harness.models.seat import Seat
from harness.models.secrets import scrub
from harness.talk.company import Alone, Company
from harness.talk.controls import Controls
from harness.talk.draft import granted
from harness.talk.events import End, Event, Reason, Turn
from harness.talk.log import Log, LogError
from harness.talk.provenance import must_be_whole, opening, resumption
from harness.talk.settings import Settings
from harness.talk.show import Show
from harness.talk.speakers import Broke, Keyboard, Model, Person, Puppeteer, Script, Stage
from harness.talk.state import State
from harness.talk.transcript import Transcript
from harness.text import place


class Conversation:
    """Two seats talking, and the log that keeps what they say."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        show: Show,
        controls: Controls,
        keys: Keyboard | None = None,
        company: Company | None = None,
    ):
        """`keys` let a person type a message (None: nobody can); `company` is what it shares with
        other conversations."""
        self.settings, self.log, self.show, self.controls = settings, log, show, controls
        self.state = State(settings)
        self.stage = Stage(
            settings, self.state, show, controls, company or Alone(), self.note, log.check_room
        )
        self.script, self.person = Script(self.stage), Person(self.stage, keys)
        self.model = Model(self.stage)
        self.puppeteer = Puppeteer(self.stage)
        self.said: Turn | None = None  # the latest message of this sitting

    async def converse(self) -> Reason:
        """Let A and B speak in turn until something ends it; returns what did."""
        while not (reason := self.over()):
            if await self.controls.paused():
                continue  # it may have been ended meanwhile
            if event := await self.speak(*self.state.next_up()):
                self.record(event)
        return reason

    def over(self) -> Reason | None:
        """Why the conversation is over, or None while it is not."""
        settings, said = self.settings, self.said  # what ended a log is no end of its resumption
        if said and granted(said["tool_attempts"]):
            return "exit_tool"
        if said and settings.on_empty == "end" and "empty" in said["flags"]:
            return "empty"
        if said and settings.on_full == "end" and "full" in said["flags"]:
            return "context_window"
        if self.state.stopped_on():
            return "state"
        if settings.max_turns is not None and self.state.next_up()[1] >= settings.max_turns:
            return "max_turns"
        # Last: what ends it by itself has ended it, also for a sweep that is told to go on.
        return "stopped" if self.controls.ending and not self.controls.taking_over else None

    async def speak(self, seat: Seat, turn: int) -> Turn | None:
        """One message, by whoever has the word: a person who takes it over, a script, a
        puppeteer, or who holds the seat. None where it is taken over, or handed back."""
        if self.controls.taking_over:
            return await self.person.say(seat, turn)
        if rule := self.state.due(seat, turn):
            return await self.script.say(seat, turn, rule)
        if puppet := self.state.puppet_due(seat, turn):
            return await self.puppeteer.say(seat, turn, puppet)
        return await (self.person if seat.human else self.model).say(seat, turn)

    def record(self, event: Turn) -> None:
        """Put a message on disk, then remember and show it."""
        self.said = self.log.write(event)
        changes = self.state.fold(self.said)
        self.show.end(self.said, self.state.totals)
        self.show.states(changes)

    def note(self, event: Event) -> None:
        """Put an event on disk that is no message, then remember it."""
        self.state.fold(self.log.write(event))

    def open(self, past: Transcript | None = None, at: int | None = None, **more: Any) -> None:
        """Begin a log (`more` goes into its config), go on with one, or, with `at`, branch off
        from another before that turn."""
        settings, name = self.settings, self.log.path.stem
        if past is None:
            self.note(opening(name, settings, **more))
        elif at is None:
            for event in past.events:
                self.state.fold(event)
            must_be_whole(past, self.state.totals["messages"])
            self.note(resumption(name, settings))
            for line, why in past.skipped:
                self.show.notice(f"line {line} of the log was skipped: {why}")
            self.show.notice(f"going on with {place(self.state.totals['messages'])}")
        else:
            shared = past.until(at)
            for event in shared:
                self.state.fold(event)
            count = self.state.totals["messages"]
            about = {"parent": {"log": past.path.name, "turn": at}, "shared": count}
            self.log.copy([opening(name, settings, **about), *shared])
            self.show.notice(
                f"a branch of {past.path.name}: what came before {place(count)} is shared"
            )

    async def finish(self) -> End:
        """Converse to the end; returns the `end` event, which is in the log by then.

        Raises LogError, OSError where the screen takes no more, and what is a defect of ours."""
        end: End = {"type": "end", "reason": "stopped"}
        try:
            end["reason"] = await self.converse()
        except asyncio.CancelledError:
            pass
        except Broke as broke:
            end |= {"reason": "max_cost", "limit": broke.whose}
        except Failure as failure:
            if failure.kind != "stopped":
                full = failure.kind == "context_window"
                end["reason"] = "context_window" if full else "error"
                end |= {"error": failure.kind, "message": str(failure)}
        except LogError:
            raise  # then the end can't be written either
        except Exception as error:  # of the screen, or ours: the log must not look as if it went on
            self.person.leave()
            text = scrub(f"{type(error).__name__}: {error}")
            self.note({"type": "end", "reason": "error", "error": kind_of(error), "message": text})
            raise
        self.person.leave()
        end["totals"] = self.state.totals
        return self.log.write(end)


if __name__ == "__main__":
    from harness.__main__ import main

    raise SystemExit(main())
