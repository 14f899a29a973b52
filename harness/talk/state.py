"""The state of play of one conversation, folded from its log's events."""

from harness.models.seat import Seat
from harness.states.detect import Change, Detector
from harness.talk import estimate
from harness.talk.events import Event, Turn, partner, seat_of
from harness.talk.history import History
from harness.talk.interjections import Interjection
from harness.talk.puppets import Puppet
from harness.talk.rules import Rule, state_and_count
from harness.talk.settings import Settings
from harness.talk.transcript import no_totals, tally


class State:
    """Totals, both histories, the attractor states, and what follows from them: who is next, what
    is due, what the next message should cost."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.totals, self.detector = no_totals(), Detector()
        self.histories = {
            seat.letter: History(
                seat.letter, seat.system, settings.seed, seat.model, settings.tools
            )
            for seat in (settings.a, settings.b)
        }
        self.last: Turn | None = None
        self._costs = {"A": 0.0, "B": 0.0}  # of each seat's latest message
        self._passed: tuple[int, str] | None = None  # the message that a puppeteer left alone
        self._stopped = 0  # messages that --stop-on has ended a log, or a branch's parent, with
        self._said = len(settings.seed)  # characters, by both
        # `on:` rules that were kept: what kind of rule, its moment, its seat, the state's onset
        self._done: set[tuple[str, str, str, int | None]] = set()
        self.turns: list[Turn] = []  # all messages, where a puppet may have to be shown them

    def fold(self, event: Event) -> list[Change]:
        """Take in one event; returns the changes of attractor state that it brought."""
        tally(self.totals, event)
        if event["type"] == "end" and event["reason"] == "state":
            self._stopped = self.totals["messages"]
        if event["type"] == "aborted" and event.get("source") == "puppet":
            left = event["why"] in ("empty", "taken over")
            self._passed = (event["turn"], seat_of(event)) if left else None
        if event["type"] == "slide":
            self.histories[seat_of(event)].slide(event["from_message"])
        if event["type"] != "turn":
            return []
        for history in self.histories.values():
            history.add(event, self.settings.empty_as)
        seat = seat_of(event)
        self._said += len(event["response"])
        for kind, why in (
            ("interjection", event.get("interjection")),
            ("puppet", event.get("puppet")),
        ):
            if isinstance(why, dict):
                self._done.add((kind, str(why.get("when")), seat, why.get("since")))
        if self.settings.puppets:
            self.turns.append(event)
        own = 0.0 if event.get("interjected") else event.get("cost_usd") or 0.0
        self.last, self._costs[seat] = event, own
        changes = self.detector.turn(event)
        if event.get("inherited") and self.stopped_on():
            self._stopped = self.totals["messages"]
        return changes

    def next_up(self) -> tuple[Seat, int]:
        """The seat that speaks next, and the turn that it speaks in."""
        if self.last is None:
            return self.settings.a, 0
        turn = self.last["turn"]
        return (self.settings.b, turn) if seat_of(self.last) == "A" else (self.settings.a, turn + 1)

    def next_person(self) -> tuple[Seat, int]:
        """The seat that a person speaks for next, and when: one of their own, else the next."""
        seat, turn = self.next_up()
        other = self.settings.seat(partner(seat.letter))
        if other.human and not seat.human:
            return other, turn + (other.letter == "A")
        return seat, turn

    def puppet_cost(self, actor: Seat) -> float:
        """What a puppeteer's message should cost, in USD; unknown counts 0."""
        return estimate.puppet_cost(actor, self._said)

    def next_cost(self, seat: Seat) -> float:
        """What the seat's next message should cost, in USD; unknown counts 0."""
        before = self._costs[seat.letter]
        heard = len(self.last["response"]) if self.last and before else self._said
        return estimate.next_message(self.settings, seat, before, heard)

    def due(self, seat: Seat, turn: int) -> Interjection | None:
        """The interjection whose moment this is: a turn, each Nth one, or a state that has held
        for so many messages (once for each time that it takes hold)."""
        rules = self.settings.interject
        return next((rule for rule in rules if self._comes("interjection", rule, seat, turn)), None)

    def puppet_due(self, seat: Seat, turn: int) -> Puppet | None:
        """The puppet whose moment this is; words that were prepared for it come first."""
        if (turn, seat.letter) == self._passed or self.due(seat, turn):
            return None
        rules = self.settings.puppets
        return next((rule for rule in rules if self._comes("puppet", rule, seat, turn)), None)

    def _comes(self, kind: str, rule: Rule, seat: Seat, turn: int) -> bool:
        if rule.seat != seat.letter:
            return False
        if rule.state is None:
            return rule.comes(turn)
        made = (kind, rule.when, seat.letter, self.onset(rule.state)) in self._done
        return not made and self.held(rule.state) >= rule.after > 0

    def onset(self, state: str | None) -> int | None:
        """Since which message a state holds, or None where it does not."""
        return self.detector.holding().get(state) if state else None

    def held(self, state: str | None) -> int:
        """For how many messages a state has held without a break; 0 where it does not."""
        return self.detector.held(state) if state else 0

    def stopped_on(self) -> bool:
        """Whether the state that --stop-on names has held for as long as it says."""
        if self.settings.stop_on is None:
            return False
        state, after = state_and_count(self.settings.stop_on)
        since = self.totals["messages"] - self._stopped  # what ended a log ends no resumption of it
        return min(self.held(state), since) >= after
