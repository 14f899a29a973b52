"""A sweep's plan: which conversations there are, under which names, and which are missing.

The grid is every combination of the options' values. A condition is known by the digest of all
that decides how its conversations go, so that its logs are found again by any command that means
the same, and never mixed with others. sweep.json in the sweep's folder holds the grid.
"""

import argparse
import contextlib
import copy
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from harness import files
from harness.files import Json
from harness.models import secrets
from harness.states.detect import heard
from harness.states.path import reached
from harness.sweep import recipes
from harness.talk import transcript
from harness.talk.controls import Controls
from harness.talk.events import End, Totals
from harness.talk.log import Log, LogError, alone
from harness.talk.options import TABLE, Parser, amount, count, given, make_settings
from harness.talk.settings import Settings
from harness.talk.state import State
from harness.talk.transcript import Transcript
from harness.text import UserError

MOST_RUNS = 100_000  # of each condition: all runs are held in memory
# What may differ without making it another experiment.
INCIDENTAL = (
    "max_turns",
    "max_cost",
    "idle_timeout",
    "retry_for",
    "cache",
    "rng_seed",
    "name_a",
    "name_b",
    "api_base_a",
    "api_base_b",
)


@dataclass(frozen=True)
class Condition:
    """One cell of the grid: the options that vary, the settings they make, a name for files."""

    varies: dict[str, Any]
    settings: Settings
    digest: str
    key: str

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.varies.items()) or self.key


class News(TypedDict):
    """Where a run is, as one process tells another: see Run."""

    state: str
    totals: Totals
    problem: str
    defect: bool
    reached: set[str]


@dataclass
class Run:
    """One conversation of the sweep, and how far it is."""

    condition: Condition
    path: Path
    settings: Settings
    state: str = "waiting"  # running, done, failed, stopped, max_cost (the sweep's), elsewhere
    totals: Totals = field(default_factory=transcript.no_totals)
    reached: set[str] = field(default_factory=set)
    problem: str = ""
    defect: bool = False  # it failed by a defect of ours
    _play: State | None = None  # while it is held here
    _controls: Controls | None = None
    _seen: int = 0  # bytes of the log that were read while another process wrote it

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "elsewhere")

    def so_far(self) -> set[str]:
        """The attractor states that it has been in, as far as this process has seen."""
        return self._play.reached() if self._play else self.reached

    def open_log(self) -> Log:
        """The run's log, made where there is none; it is lazy: see `Member.request`. Raises
        LogError."""
        try:
            return Log.create(self.path.parent, self.path.stem, lazy=True)
        except LogError:
            if not self.path.exists():
                raise
        return Log.reopen(self.path, lazy=True)  # of an earlier command, or of another process

    def begin(self, play: State, controls: Controls) -> None:
        """It is being held."""
        self._play, self._controls, self.state = play, controls, "running"
        self.totals = play.totals

    def end_soon(self) -> None:
        """End it after the message in the making, where it is being held."""
        if self._controls:
            self._controls.end()

    def leave(self) -> None:
        """It is held no more."""
        self._play = self._controls = None

    def leave_to_others(self) -> None:
        """Another process is holding it."""
        self.state = "elsewhere"

    @property
    def away(self) -> bool:
        """Whether it may be held by another process, as far as is known here."""
        return self._play is None and self.state in ("waiting", "elsewhere")

    def read_on(self) -> tuple[int, Totals] | None:
        """What another process has added to the log, for `take_in`; None where that is nothing."""
        with contextlib.suppress(OSError):  # not begun by anybody
            size = self.path.stat().st_size
            if size != self._seen:
                on = 0 < self._seen < size  # else it is read for the first time, or another one
                totals = copy.deepcopy(self.totals) if on else transcript.no_totals()
                return transcript.tally_more(self.path, self._seen if on else 0, totals), totals
        return None

    def take_in(self, found: tuple[int, Totals]) -> None:
        """Take in what `read_on` has found."""
        self._seen, self.totals = found

    def find_states(self) -> None:
        """Find the states of a conversation that was held before, in its log."""
        self.reached = reached(heard(transcript.read(self.path).events).path())

    def take_log(self, past: Transcript) -> None:
        """Take in its log: what was spent, and, unless there is more to be said, how it ended."""
        self.totals = transcript.totals(past)
        if past.config and past.end and not unfinished(past, self.settings):
            self.close(past.end)

    def news(self) -> News:
        """Where it is, for another process (see `hear`)."""
        return {
            "state": self.state,
            "totals": self.totals,
            "problem": self.problem,
            "defect": self.defect,
            "reached": self.so_far(),
        }

    def hear(self, news: News) -> bool:
        """Take in where it is by now; returns whether it has ended with that."""
        ended = news["state"] not in ("waiting", "running", self.state)
        self.state, self.totals = news["state"], news["totals"]
        self.problem, self.defect = news["problem"], news["defect"]
        self.reached |= news["reached"]
        return ended

    def fail(self, problem: str, defect: bool = False) -> None:
        """It has failed."""
        self.state, self.problem, self.defect = "failed", secrets.scrub(problem), defect

    def close(self, end: End) -> None:
        """Take in how it ended; its totals are known by then."""
        broke = "max_cost" if end.get("limit") == "sweep" else "done"
        states = {"error": "failed", "stopped": "stopped", "max_cost": broke}
        self.state = states.get(end["reason"], "done")
        self.problem = end.get("message", "") if self.state == "failed" else ""
        self.reached = self.so_far()


def parser(about_sweeps: str | None) -> Parser:
    """The options of `run`, each with several values, and those of a sweep."""
    parser = Parser(prog="attractor.py sweep", description=about_sweeps)
    add = parser.add_argument
    for flags, about in TABLE:
        if flags[-1] == "--rng-seed":
            add(*flags, **about | {"default": 0})
        elif flags[-1] in ("--interject", "--puppet"):
            add(*flags, **about | {"action": "store", "nargs": "+"})
        elif "action" in about:
            add(*flags, **about)
        elif flags[-1] != "--max-cost":
            add(*flags, **about | {"nargs": "+"})
    add = parser.add_argument_group("the sweep").add_argument
    add("--runs", type=count, default=1, metavar="N", help="repeats of each condition (default: 1)")
    add("--concurrency", type=count, default=8, metavar="N", help="conversations at once (8)")
    add("--max-cost", type=amount, metavar="USD", dest="budget", help="for the whole sweep")
    add("--max-cost-per-run", type=amount, metavar="USD", help="for each conversation")
    add("--name", metavar="NAME", help="the sweep's folder (default: made from the grid)")
    add("--log-dir", type=Path, default=Path("logs"), metavar="DIR", help="where that folder is")
    add("--recipe", metavar="NAME", help="options of prompts/recipes/NAME.txt; others win")
    add("--judge", metavar="MODEL", help="label each run as it ends (see `judge`)")
    add("--shard", type=shard, default=(1, 1), metavar="K/N", help="do only the Kth of N parts")
    add(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="as Ray tasks: on this machine, or on the cluster at ADDRESS (auto: the one it is in)",
    )
    add("--extend", action="store_true", help="the folder's grid may grow or change")
    add("--dry-run", action="store_true", help="print the grid and what it would cost")
    add("--plain", action="store_true", help="one line per finished run, no table")
    add("--quiet", action="store_true", help="print the folder and no more")
    return parser


def shard(text: str) -> tuple[int, int]:
    """K/N as two numbers."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        parts = f"1/{found[2]} to {found[2]}/{found[2]}" if found and int(found[2]) else "e.g. 1/4"
        raise argparse.ArgumentTypeError(f"{text!r}: write K/N for part K of N, {parts}")
    return int(found[1]), int(found[2])


def parse_arguments(arguments: list[str], about_sweeps: str | None = None) -> Any:
    """The arguments, over those of a recipe where one is named. Raises UserError."""
    args = parser(about_sweeps).parse_args(arguments)
    if args.recipe:
        args = parser(about_sweeps).parse_args(recipes.words(args.recipe) + arguments)
    if args.model_a is None or args.model_b is None:
        raise UserError(
            "a sweep needs -a, -b and --max-turns, e.g. -a opus sonnet -b same --max-turns 30 "
            "--runs 20, or --recipe NAME; add --dry-run to see what it would cost"
        )
    if args.max_turns is None:
        raise UserError("--max-turns is required: nobody watches a sweep")
    if args.ray and args.shard != (1, 1):
        raise UserError("--ray and --shard both divide the work: use one of them")
    if args.name and not re.fullmatch(r"\w[\w.-]*", args.name):
        raise UserError(f"--name {args.name!r}: use letters, digits, . _ and -")
    if args.runs > MOST_RUNS:
        raise UserError(f"--runs {args.runs}: at most {MOST_RUNS:,}")
    return args


def grid(args: Any) -> list[Condition]:
    """Every combination of the options' values, each once. Raises UserError."""
    options = given(args) | {"rng_seed": args.rng_seed}
    axes = {
        name: value
        for name, value in options.items()
        if isinstance(value, list) and name != "param"
    }
    shared = {name: value for name, value in options.items() if name not in axes}
    if args.max_cost_per_run is not None:
        shared["max_cost"] = args.max_cost_per_run
    varying = [name for name, values in axes.items() if len(values) > 1]
    found: dict[str, Condition] = {}
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        condition = _condition(chosen, shared, varying, not args.dry_run)
        found.setdefault(condition.digest, condition)
    return list(found.values())


def _condition(
    chosen: dict[str, Any], shared: dict[str, Any], varying: list[str], keys: bool
) -> Condition:
    options = shared | chosen
    if options.get("model_b") == "same":
        options["model_b"] = options.get("model_a")
    for name in ("interject", "puppet"):
        if said := options.pop(name, None):
            options |= {} if said == "none" else {name: [said]}
    settings = make_settings(options, keys=keys)
    if settings.a.human or settings.b.human:
        raise UserError("a human seat needs a terminal to type in; sweeps are unattended")
    varies = {name: chosen[name] for name in varying}
    decides = {
        name: value for name, value in settings.to_config().items() if name not in INCIDENTAL
    }
    decides |= {name: value for name, value in varies.items() if name in INCIDENTAL}
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
    said = [*varies.values()] or [settings.a.name, settings.b.name]
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(map(str, said)))[:60].strip("-.")
    return Condition(varies, settings, digest, f"{slug}__{digest}")


def runs(conditions: list[Condition], args: Any, folder: Path) -> list[Run]:
    """The sweep's runs: the first repeat of every condition, then the second, ..."""
    made = []
    for repeat, condition in itertools.product(range(1, args.runs + 1), conditions):
        name = f"{condition.key}__r{repeat:02}"
        words = f"{args.rng_seed}/{condition.digest}/{repeat}"
        seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4])
        settings = condition.settings.changed(rng_seed=seed)
        made.append(Run(condition, folder / f"{name}.jsonl", settings))
    return made


def unfinished(past: Transcript, settings: Settings) -> bool:
    """Whether a log was cut, failed, or ended at a limit that has been raised since."""
    last = past.end
    reason = last["reason"] if last else None
    if last is None or reason in ("stopped", "error") or last.get("limit") == "sweep":
        return True
    if reason in ("max_turns", "max_cost"):
        then, limit = past.settings().get(reason), getattr(settings, reason)
        return limit is None or not isinstance(then, int | float) or limit > then
    return False


def read_logs(todo: list[Run]) -> None:
    """Find out from their logs which runs are done, and what was spent on the others.

    Raises LogError."""
    for run in todo:
        if run.path.exists():
            try:
                past = transcript.read(run.path)
            except OSError as error:
                raise LogError(f"{run.path}: cannot read it: {error.strerror}") from None
            run.take_log(past)


# ---------------------------------------------------------------- sweep.json


def load_plan(folder: Path) -> Json:
    """The folder's sweep.json, {} where there is none."""
    try:
        plan = files.parse(files.read(folder / "sweep.json"))
        known = plan["conditions"].values()
        if not {"runs", "max_turns", "rng_seed"} <= set(plan) or not all("key" in c for c in known):
            raise ValueError("it is damaged")
        return plan
    except FileNotFoundError:
        return {}
    except (TypeError, LookupError, AttributeError):
        raise UserError(f"cannot read {folder}/sweep.json: it is damaged") from None
    except OSError as error:
        raise UserError(f"cannot read {folder}/sweep.json: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"cannot read {folder}/sweep.json: {error}") from None


def keep_plan(folder: Path, args: Any, conditions: list[Condition], old: Json) -> None:
    """Write sweep.json; refuse another grid than its own unless it may be extended. What others
    have written since it was read as `old` is kept. Raises UserError."""
    if _plan(folder, args, conditions, old) == old:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / ".sweep.lock"):
            plan = _plan(folder, args, conditions, load_plan(folder))
            draft = folder / f".sweep.{os.getpid()}"
            draft.write_text(json.dumps(plan, indent=1, ensure_ascii=False) + "\n", "utf-8")
            draft.replace(folder / "sweep.json")  # whole or not at all for who reads it meanwhile
    except OSError as error:
        raise LogError(f"{folder}: cannot write sweep.json: {error.strerror}") from None


def _plan(folder: Path, args: Any, conditions: list[Condition], old: Json) -> Json:
    """The grid of these arguments, in the one that is there."""
    here = {c.digest: {"key": c.key, "condition": c.varies} for c in conditions}
    plan = {
        "schema": 1,
        "name": folder.name,
        "runs": args.runs,
        "max_turns": args.max_turns,
        "rng_seed": args.rng_seed,
        "conditions": here,
    }
    if old and not args.extend:
        changed = [name for name in ("runs", "max_turns", "rng_seed") if old[name] != plan[name]]
        changed += ["conditions"] if set(old["conditions"]) != set(here) else []
        if changed:
            raise UserError(
                f"{folder} holds another grid ({', '.join(changed)} differ): give --extend to "
                "let it grow, or another --name"
            )
    known = old.get("conditions", {})
    if any(digest in known and known[digest]["key"] != here[digest]["key"] for digest in here):
        raise LogError(f"{folder}: another command has just extended it; give this one again")
    return plan | {"conditions": known | here}
