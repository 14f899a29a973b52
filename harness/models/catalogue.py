"""Models by name: aliases, what LiteLLM's price map knows of them, prices, and the keys they need.

Nothing here imports LiteLLM: its price map is read from its file.
"""

import difflib
import importlib.util
import io
import json
import os
import re
import time
import urllib.parse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness import files
from harness.files import Json
from harness.models import demo, secrets
from harness.models.seat import Seat
from harness.text import UserError

KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "xai": ("XAI_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "cohere": ("COHERE_API_KEY",),
    "cohere_chat": ("COHERE_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "moonshot": ("MOONSHOT_API_KEY",),
    "ollama": (),
    "ollama_chat": (),
    "demo": (),
    "human": (),
}

LOCAL = frozenset[str]().union(
    ("ollama", "ollama_chat", "lm_studio", "llamafile", "hosted_vllm", "docker_model_runner"),
    ("xinference", "oobabooga", "lemonade", "demo", "human"),
)
_NEAR = re.compile(
    r"^(localhost|127\..*|::1|0\.0\.0\.0|10\..*|192\.168\..*|172\.(1[6-9]|2\d|3[01])\..*|[^.]+"
    r"|.*\.(local|lan|internal))$"
)

# ---------------------------------------------------------------- names and prices


def _packaged(name: str) -> Json:
    """A JSON file of LiteLLM's package, read without an import; {} where there is none."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        return {}
    path = Path(spec.submodule_search_locations[0]) / name
    return json.loads(path.read_bytes()) if path.exists() else {}


@cache
def price_map() -> dict[str, Json]:
    """LiteLLM's table of models and prices, read from its file: no import, no network."""
    return _packaged("model_prices_and_context_window_backup.json")


@cache
def aliases() -> dict[str, str]:
    """Alias -> LiteLLM id, the patterns of aliases.txt resolved to their newest model."""
    found = {}
    for line in Path(__file__).with_name("aliases.txt").read_text("utf-8").splitlines():
        alias, _, target = line.partition(" ")
        target = target.strip()
        if not line or line.startswith("#"):
            continue
        if found_pattern := re.fullmatch(r"/(\S+)/(?:\s+(\S+))?", target):
            target = (found_pattern[2] or "") + _newest(found_pattern[1])
        found[alias] = target
    return found


def _newest(pattern: str) -> str:
    """The id with the highest numbers among those that match in full."""
    matches = [found for name in price_map() if (found := re.fullmatch(pattern, name))]
    best = max(matches, key=lambda m: [int(n or 0) for n in m.groups()], default=None)
    return best[0] if best else f"no-model-matches-{pattern}"


def resolve(name: str) -> str:
    """The LiteLLM id for what a user typed; anything that is no alias is passed on as it is.

    Raises UserError for a name that LiteLLM could not know whom to send to, and for a key."""
    unknown = "/" not in name and name not in aliases() and not entry(name)
    if secrets.in_words(name) or (unknown and secrets.opaque(name, 20)):
        raise UserError(
            "a key was given as a model's name; put it into .env as " + secrets.variable("", name)
        )
    _refuse_demo(name)
    model = aliases().get(name, name)
    prefix, slash, rest = model.partition("/")
    if prefix == "ollama":  # the same server; its older API has no chats and no tools
        model, prefix = f"ollama_chat/{rest}", "ollama_chat"
    if slash and prefix not in providers() and not entry(model):
        near = difflib.get_close_matches(prefix, sorted(providers()), n=1)
        hint = f"; did you mean {near[0]}/{rest}?" if near else ""
        raise UserError(
            f"no provider {prefix} (of {name}) that LiteLLM knows{hint}; a server that "
            "speaks OpenAI's protocol is openai/NAME with --api-base"
        )
    if slash and not rest:
        raise UserError(f"{name} names a provider and no model: write {prefix}/MODEL")
    if not slash and model != "human" and not entry(model):
        near = difflib.get_close_matches(name, [*aliases(), *price_map()], n=1)
        hint = f"did you mean {near[0]}?" if near else "see `models`"
        raise UserError(f"no model {name}: {hint} (other ids are written PROVIDER/MODEL)")
    return model


def _refuse_demo(name: str) -> None:
    """Raises UserError for a demo that can hold no seat, or does not exist."""
    prefix, _, script = name.partition("/")
    if prefix.lower() != "demo" or (prefix == "demo" and script in demo.SCRIPTS):
        return
    if script.lower() in demo.HELPERS:
        raise UserError(f"{name} {demo.HELPERS[script.lower()]}")
    near = difflib.get_close_matches(script.lower(), [*demo.SCRIPTS], n=1)
    known = ", ".join(f"demo/{one}" for one in demo.SCRIPTS)
    hint = f"did you mean demo/{near[0]}?" if near else f"there are {known}"
    raise UserError(f"no demo model named {name}: {hint}")


@cache
def providers() -> frozenset[str]:
    """Every provider that LiteLLM can send to, by the prefix of its ids."""
    priced = {str(row.get("litellm_provider", "")) for row in price_map().values()}
    known = _packaged("provider_endpoints_support_backup.json").get("providers", {})
    like_openai = _packaged("llms/openai_like/providers.json")
    return frozenset({*KEYS, *LOCAL, *priced, *known, *like_openai} - {""})


def entry(model: str) -> Json:
    """What the price map knows of a model ({} = nothing)."""
    return price_map().get(price_key(model), {})


def price_key(model: str) -> str:
    """The price map's own name for a model. The same model at another provider is another one;
    Cohere is `cohere_chat` there, Vertex AI one of `vertex_ai-...`."""
    prefix, _, rest = model.partition("/")
    known = str(price_map().get(rest, {}).get("litellm_provider"))
    theirs = known == prefix or known.startswith((f"{prefix}_", f"{prefix}-"))
    return rest if theirs and model not in price_map() else model


def provider(model: str) -> str:
    """The provider that LiteLLM would send this model to, as far as its name says."""
    prefix = model.partition("/")[0]
    return prefix if "/" in model or prefix == "human" else entry(model).get("litellm_provider", "")


def must_be_priced(seat: Seat, called: str = "", instead: str = "leave it out") -> None:
    """Raises UserError where it is not known what a seat's model costs: no budget can be kept."""
    if not free(seat.model, seat.api_base) and not has_price(seat.model):
        raise UserError(f"--max-cost: the price of {called}{seat.model} is unknown; {instead}")


def has_price(model: str) -> bool:
    """Whether a model has a list price. LiteLLM gives 0.0 for those it has never heard of."""
    return bool(entry(model).get("input_cost_per_token"))


def free(model: str, api_base: str | None = None) -> bool:
    """Whether it costs nothing: it runs on one's own machine or network, or is no model at all.
    A model that has a price may be served from there too, by a proxy: that costs its price."""
    if provider(model) in LOCAL:
        return True
    return bool(api_base) and not entry(model) and bool(_NEAR.search(_host(api_base)))


def _host(url: str | None) -> str:
    try:
        return (urllib.parse.urlsplit(url or "").hostname or "").lower()
    except ValueError:
        return ""


@dataclass(frozen=True)
class Alias:
    """A short name and what it stands for: `about` is what the price map says of the model, `keys`
    the variables of which one holds its key (() = it needs none, None = unknown)."""

    name: str
    model: str
    about: Json
    keys: tuple[str, ...] | None

    @property
    def key(self) -> str:
        """Whether its key is there: found or missing, – where it needs none."""
        found = any(os.environ.get(name) for name in self.keys or ())
        return "–" if self.keys == () else "found" if found else "missing"

    @property
    def retired(self) -> str:
        """When its provider has taken it away, or will; "" where that is not known."""
        if not self.about:
            return "" if self.keys == () else "retired (not in LiteLLM's price map any more)"
        date = self.about.get("deprecation_date") or ""
        return date and ("retired " if date <= time.strftime("%Y-%m-%d") else "retires ") + date


def known() -> list[Alias]:
    """All aliases."""
    return [
        Alias(alias, model, entry(model), key_names(model)) for alias, model in aliases().items()
    ]


# ---------------------------------------------------------------- keys


def load_keys() -> None:
    """Read .env from the working folder; variables that are set already win.

    Raises UserError where it can't be read, or where an empty variable would win."""
    from dotenv import dotenv_values, load_dotenv

    try:
        text = files.read(Path(".env")).decode("utf-8-sig")  # Windows puts a mark in front
        load_dotenv(stream=io.StringIO(text), override=False)
    except (FileNotFoundError, IsADirectoryError):
        return  # a folder of that name is somebody's virtual environment
    except OSError as error:
        raise UserError(f"cannot read .env: {error.strerror}") from None
    except ValueError:  # UnicodeDecodeError, or a NUL that no variable can hold
        raise UserError("cannot read .env: it is not UTF-8 text; save it again as UTF-8") from None
    for name, value in dotenv_values(stream=io.StringIO(text)).items():
        if value and os.environ.get(name) == "":
            raise UserError(f"{name} is set but empty, which hides the one in .env: unset {name}")


def key_names(model: str) -> tuple[str, ...] | None:
    """The variables that may hold this model's key: () = it needs none, None = unknown to us."""
    return KEYS.get(provider(model))


def missing_key(seat: Seat, instead: str) -> str | None:
    """One line that says which key is missing or can't be one, or None when nothing is wrong;
    `instead` is the demo that can stand in."""
    names = key_names(seat.model)
    found = next((name for name in names or () if os.environ.get(name)), None)
    if found:
        return _impossible(found)
    if not names or seat.api_base:
        return None
    return (
        f"{seat.name} needs {' or '.join(names)}: set it or write it into .env "
        f"(see .env.example), or try demo/{instead}, which needs no key"
    )


def _impossible(name: str) -> str | None:
    """What is wrong with a key that no HTTP header can carry."""
    odd = re.search(r"[^!-~]", os.environ[name])
    if not odd:
        return None
    kind = {" ": "a space", "\n": "a line break", "\r": "a line break", "\t": "a tab"}
    what = kind.get(odd[0], f"the character U+{ord(odd[0]):04X}")
    return f"{name} holds {what}, which no key has (character {odd.start() + 1}): set it again"


def is_address(url: str) -> bool:
    """Whether it is the URL of a server."""
    try:
        parts = urllib.parse.urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return fine and not re.search(r"[^!-~]", url)


def price(seat: Seat, way: str) -> float | None:
    """USD per token: `input`, `output`, `cache_read` or `cache_write`; None = unknown."""
    about = entry(seat.model)
    if free(seat.model, seat.api_base):
        return 0.0
    if not has_price(seat.model):
        return None
    plain = about.get("input_cost_per_token") or 0.0
    return {
        "input": plain,
        "output": about.get("output_cost_per_token") or 0.0,
        "cache_read": about.get("cache_read_input_token_cost", plain),
        "cache_write": about.get("cache_creation_input_token_cost", plain),
    }[way]


def uncached_cost(seat: Seat, read: int, written: int) -> float | None:
    """USD for so many tokens, of which none come from a cache; None = a price is unknown."""
    each, each_written = price(seat, "input"), price(seat, "output")
    if each is None or each_written is None:
        return None
    return read * each + written * each_written
