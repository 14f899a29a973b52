"""The shapes of the report's figures, as its JSON has them. Costs are USD, times are messages."""

from typing import NotRequired, TypedDict

from harness.judge.agreement import Agreement
from harness.states.names import Kind

KINDS: tuple[Kind, ...] = ("theme", "form")


class Share(TypedDict):
    """So many of so many, with the interval of their share; None of nothing."""

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


class Average(TypedDict):
    """A mean with its interval, None where there is none."""

    mean: float
    low: float | None
    high: float | None


class Middle(TypedDict):
    """A median with its interval, None where there is none."""

    median: float
    low: float | None
    high: float | None


class OnsetCurve(TypedDict):
    """A Kaplan-Meier curve: after times[k], a share of without[k] have not had it. The median and
    its interval are times; None where the curve does not come down so far."""

    median: int | None
    low: int | None
    high: int | None
    censored: NotRequired[int]
    times: list[int]
    without: list[float]
    without_low: list[float]
    without_high: list[float]


# ---------------------------------------------------------------- one condition


class StateFigures(TypedDict):
    kind: Kind
    reached: Share
    onset: OnsetCurve | None
    messages: int
    spent: Average


class Both(Share):
    """Runs that end in this theme and this form."""

    theme: str
    form: str


class Ends(TypedDict):
    theme: dict[str, Share]
    form: dict[str, Share]
    both: list[Both]


Step = TypedDict("Step", {"from": str, "to": str})


class Transition(Step, Share):
    """Times that a theme was left for another, of all times that it was left for one."""


class Under(TypedDict):
    """The messages of a form that lie over one theme."""

    theme: str
    messages: int
    share: float


class FormFigures(TypedDict):
    form: str
    reached: Share
    onset: OnsetCurve | None
    spans: int
    length: Middle
    to_the_end: int
    themes: list[Under]


class ToolFigures(TypedDict):
    tool: str
    attempts: int
    runs: Share
    outcomes: dict[str, int]
    aborted: int
    first: list[int]
    reasons: list[tuple[str, int]]


class Followed(TypedDict):
    """What followed the same words by the same kind of speaker."""

    source: str
    name: str
    count: int
    ended: Share
    ended_after: list[int | None]
    returned: Share
    returned_after: list[int]
    tool: Share
    tools: dict[str, int]
    tool_after: list[int]
    declines: Share
    names_it: Share


class Needed(TypedDict):
    """How many attempts somebody's goal took."""

    by: str
    goal: str
    attempts: int
    worked: Share
    needed: OnsetCurve | None


class OverTurns(Middle):
    """A figure of messages over some turns."""

    from_turn: int
    to_turn: int
    runs: int


class Incident(TypedDict):
    what: str
    times: int
    runs: Share


class Word(TypedDict):
    word: str
    average: float
    inside: int
    of: int
    most: int
    elsewhere: NotRequired[float]
    t: NotRequired[float]
    share: NotRequired[Share]


class Counted(TypedDict):
    """Words that stand out, emoji, words that were asked for."""

    out: list[Word]
    emoji: list[Word]
    asked: list[Word]


class Words(Counted):
    variety: list[OverTurns]


class Spent(TypedDict):
    """Tokens and USD of the runs that say so, and of how many that is."""

    tokens: dict[str, int] | None
    tokens_known: int
    cost_usd: float | None
    cost_known: int


class Figures(Spent):
    """All of some runs that belong together."""

    runs: int
    messages: int
    states: dict[str, StateFigures]
    ending: Ends
    transitions: list[Transition]
    forms: list[FormFigures]
    attempts: list[ToolFigures]
    interjections: list[Followed]
    lengths: list[OverTurns]
    lock_in: OnsetCurve | None
    stopped: dict[str, Share]
    incidents: list[Incident]
    stimulus: list[tuple[str, list[tuple[str, int]]]]


class ConditionFigures(Figures):
    name: str
    demo: bool
    settings: dict[str, str]
    needed: list[Needed]
    words: NotRequired[Words]


# ---------------------------------------------------------------- conditions against each other


class RateTest(TypedDict):
    p: float
    test: str
    low: float
    high: float
    difference: float
    p_holm: NotRequired[float]


class OnsetTest(TypedDict):
    p: float
    hazard_ratio: float
    interval: tuple[float, float]
    p_holm: NotRequired[float]


class Difference(TypedDict):
    state: str
    a: Share
    b: Share
    rate: RateTest
    onset: OnsetTest | None


class Pair(TypedDict):
    a: str
    b: str
    n_a: int
    n_b: int
    differ: list[str]
    differ_a: list[str]
    differ_b: list[str]
    states: list[Difference]
    least_p: float
    least_rate: int | None
    least_p_holm: NotRequired[float]


class Compared(TypedDict):
    settings: list[str]
    pairs: list[Pair]
    tests: NotRequired[int]
    onset_tests: NotRequired[int]
    missing: str | None


# ---------------------------------------------------------------- all runs


class Total(Average):
    """Words of the transcripts of one model."""

    median: float
    least: int
    most: int


class Free(TypedDict):
    """What two instances of one model do when they are free."""

    model: str
    demo: bool
    runs: int
    main_theme: dict[str, Share]
    end: dict[str, Share]
    words: Total
    messages: float
    seeds: int


class Quote(TypedDict):
    log: str
    message: int
    words: str


class Fallen(TypedDict):
    """A condition's runs that fall into a pattern, and how much of it lies in each state."""

    condition: str
    runs: Share
    what: str
    quotes: list[Quote]
    states: dict[str, float]


class PatternFigures(TypedDict):
    pattern: str
    conditions: list[Fallen]


class Open(TypedDict):
    """What a judge has named in its own words."""

    judges: list[str]
    patterns: list[PatternFigures]
    read: dict[str, int]
    notes: list[str]


class Whose(TypedDict):
    """Whose states the figures are of, and what a reader must know of that."""

    of: str
    judges: str
    why: str
    demo: bool
    words: str


class Report(TypedDict):
    conditions: list[ConditionFigures]
    compared: Compared | None
    open_ended: list[Free] | None
    patterns: Open | None
    labels: Whose
    skipped_logs: list[tuple[str, str]]
    skipped_lines: list[tuple[str, int, str]]
    branches: int
    foreign: int
    missing: str | None
    agreement: NotRequired[list[Agreement] | None]
