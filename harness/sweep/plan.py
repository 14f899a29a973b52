"""A sweep's plan: which conversations there are, under which names, and which are missing.

The grid is every combination of the options' values. A condition is known by the digest of all
that decides how its conversations go, so that its logs are found again by any command that means
the same, and never mixed with others. sweep.json in the sweep's folder holds the grid.
"""

import hashlib
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import files
from harness.files import Json
from harness.sweep.run import Condition, Run
from harness.talk.log import LogError, alone
from harness.talk.options import given, make_settings
from harness.text import UserError

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
        settings = replace(condition.settings, rng_seed=seed)
        made.append(Run(condition, folder / f"{name}.jsonl", settings))
    return made


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
            with files.whole(folder / "sweep.json") as draft:  # others read it meanwhile
                draft.write_text(json.dumps(plan, indent=1, ensure_ascii=False) + "\n", "utf-8")
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
