"""Keys and passwords: found before they are written anywhere, and taken out of what is said.

What is logged must hold none, so options that carry one are refused (`in_value`, `in_address`,
`in_words`); errors may quote one, so they are shown without (`scrub`). A key is known by the name
that it stands under (`named`), by its look (`SHAPES`), or because the environment holds it.
"""

import base64
import contextlib
import html
import json
import os
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness import files
from harness.text import flat

HIDDEN = "[secret]"
# How the keys of known providers look, and the variable that each belongs into.
SHAPES = (
    (r"sk-ant-[\w-]{8,}", "ANTHROPIC_API_KEY"),
    (r"sk-or-(?:v\d-)?[\w-]{16,}", "OPENROUTER_API_KEY"),
    (r"sk-(?=[\w-]*\d)(?:proj-|svcacct-)?[\w-]{16,}", "OPENAI_API_KEY"),
    (r"AIza[\w-]{30,}", "GEMINI_API_KEY"),
    (r"xai-[A-Za-z0-9]{20,}", "XAI_API_KEY"),
    (r"gsk_[A-Za-z0-9]{20,}", "GROQ_API_KEY"),
    (r"pplx-[A-Za-z0-9]{20,}", "PERPLEXITYAI_API_KEY"),
    (r"(?:tgp_v1_|fw_|csk-|nvapi-|r8_|dapi)(?=[\w-]*\d)[\w-]{20,}", ""),
    (r"hf_[A-Za-z0-9]{20,}", "HF_TOKEN"),
    (r"(?:gh[opsur]_|github_pat_|glpat-)\w{20,}", ""),
    (r"xox[abeprs]-[\w-]{10,}|ya29\.[\w.-]{20,}", ""),
    (r"(?:ABSK|bedrock-api-key-)[\w+/=-]{20,}", "AWS_BEARER_TOKEN_BEDROCK"),
    (r"(?:AKIA|ASIA)[A-Z0-9]{16}", "AWS_ACCESS_KEY_ID"),
    (r"eyJ[\w-]{10,}\.[\w-]{6,}\.[\w-]{6,}", ""),
    (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    (r"(?i:(?:bearer|basic)\s+(?=\S*\d)[\w.~+/=-]{8,})", ""),
)
_SHAPE = re.compile("|".join(rf"(?<![A-Za-z0-9])(?:{shape})" for shape, _ in SHAPES), re.DOTALL)
# Written together they still are what they are.
_JOINED = re.compile(
    r"apikey|accesskey|secretkey|privatekey|authkey|subscriptionkey|signingkey|masterkey|apitoken"
    r"|authtoken|accesstoken|bearertoken|sessiontoken|securitytoken|refreshtoken|idtoken"
    r"|clientsecret|apisecret|password|passwd|passphrase|passcode|authorization|credential"
)
_NAMES = "key secret secrets bearer auth oauth pwd pw pass cred creds cookie cookies jwt apikeys"
_NO_NAMES = "promptcachekey cachekey idempotencykey sortkey primarykey keyframe passthrough"
# A `token` beside one of these is a piece of text, or a number of them.
_TEXT_NAMES = """
max min eos bos pad stop unk mask sep cls start end begin begins first last next prev per image
audio video text special think thinking reasoning new count counts limit budget type healing level
size length ids prob probs logprob logprobs bias
"""
_ALONE, _HARMLESS, _OF_TEXT = (
    frozenset(names.split()) for names in (_NAMES, _NO_NAMES, _TEXT_NAMES)
)
_IN_QUERY = frozenset(("sig", "signature", "code", "sas", "session", "credential"))
_LOGIN = re.compile(r"(?<![^\s/'\"=(<\[])[^\s/@:'\"]+:[^\s@]*[^\s@/]@(?=[\w.\[-])")
_QUERY = re.compile(r"(?<=[?&;#])([^=&;#\s]+)=([^&;#\s'\"<>]+)")
# Values that local servers are given because the client wants something.
_DUMMIES = frozenset(
    ("ollama", "lm-studio", "dummy", "anything", "nothing", "not-needed", "placeholder", "default")
)


# ---------------------------------------------------------------- names and looks


def says_secret(name: str) -> bool:
    """Whether what stands under this name is a key or a password, however the name is spelled."""
    text = re.sub(r"[\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", name))
    for _ in range(2):
        text = urllib.parse.unquote(text)
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)]
    joined = "".join(words)
    if joined in _HARMLESS:
        return False
    if _JOINED.search(joined) or joined in _ALONE or not _ALONE.isdisjoint(words):
        return True
    near = ({*words[max(0, at - 1) : at + 2]} for at, word in enumerate(words) if word == "token")
    return any(beside.isdisjoint(_OF_TEXT) for beside in near)


def opaque(text: str, least: int) -> bool:
    """Whether a text holds a run of `least` letters and digits that no person has made up."""
    runs = re.findall(rf"[A-Za-z0-9]{{{least},}}", text)
    return any(re.search(r"\d", run) and re.search(r"[A-Za-z]", run) for run in runs)


# ---------------------------------------------------------------- the environment


def held() -> list[str]:
    """The secrets that the environment holds, the longest first."""
    found: set[str] = set()
    for name, value in os.environ.items():
        found.update(_login_of(value))
        if len(value) >= 6 and value.lower() not in _DUMMIES and says_secret(name):
            found.update(_in_file(value) if os.path.exists(value) else [value, *_in_json(value)])
    return sorted(found, key=len, reverse=True)


def _login_of(value: str) -> Iterator[str]:
    """The password of an address with one, as proxies and databases have."""
    if found := re.search(r"://[^/\s:@]*:([^/\s@]{4,})@", value):
        yield found[1]


def _in_file(path: str) -> list[str]:
    """The secrets of a file that a variable names, such as GOOGLE_APPLICATION_CREDENTIALS."""
    with contextlib.suppress(OSError, ValueError):
        return list(_in_json(files.read(Path(path), 1 << 16).decode()))
    return []


def _in_json(text: str) -> Iterator[str]:
    for name, value in (files.parse_object(text) or {}).items():
        if isinstance(value, str) and len(value) >= 6 and says_secret(name):
            yield value


def _forms(value: str) -> Iterable[str]:
    """A secret as it is, and as an error may quote it."""
    coded = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
    quoted = urllib.parse.quote(value, safe="", errors="surrogateescape")
    plain = (value, quoted, json.dumps(value)[1:-1], coded, coded.rstrip("="))
    return (*plain, html.escape(value), flat(value), repr(value)[1:-1])


# ---------------------------------------------------------------- taken out


def scrub(text: str) -> str:
    """`text` without any secret: what the environment holds, plain or as an error may quote it,
    what looks like a key, and logins within addresses."""
    for value in held():
        for form in _forms(value):
            text = text.replace(form, HIDDEN)
    text = _SHAPE.sub(HIDDEN, text)
    text = re.sub(r"://[^/\s@'\"]+@", f"://{HIDDEN}@", text)
    return _QUERY.sub(_without_value, text)


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}={HIDDEN}" if _query_named(found[1]) else found[0]


def _query_named(name: str) -> bool:
    return says_secret(name) or urllib.parse.unquote(name).lower() in _IN_QUERY


# ---------------------------------------------------------------- found


def in_words(text: str) -> bool:
    """Whether a text holds something that looks like a key, or that the environment holds."""
    if _SHAPE.search(text) or re.search(r"://[^/\s@:'\"]+:[^/\s@'\"]+@", text):
        return True
    return any(len(value) >= 8 and form in text for value in held() for form in _forms(value))


def in_value(value: Any, within: str = "") -> bool:
    """Whether a parameter's value, as JSON has it, holds a secret at any depth. `within` is the
    name that it stands under."""
    if isinstance(value, dict):
        return any(_in_pair(str(name), inner, within) for name, inner in value.items())
    if isinstance(value, list):
        pair = len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], str)
        return any(in_value(inner, within) for inner in value) or (pair and says_secret(value[0]))
    if not isinstance(value, str):
        return False
    with contextlib.suppress(ValueError, RecursionError):
        if isinstance(inner := json.loads(value), dict | list) and in_value(inner, within):
            return True
    carried = re.search(r"header|query|cookie", within, re.IGNORECASE) and opaque(value, 16)
    line = re.match(r"\s*([^\s:=]+)\s*[:=]\s*\S", value)
    return bool(
        carried
        or in_words(value)
        or _LOGIN.search(value)
        or (line and says_secret(line[1]))
        or ("://" in value and in_address(value))
    )


def _in_pair(name: str, value: Any, within: str) -> bool:
    if in_words(name) or _LOGIN.search(name):
        return True
    # Among the properties of a JSON schema a name is a field's, described by an object.
    schema = within == "properties" and isinstance(value, dict)
    filled = value not in (None, False, True, "", [], {})
    if says_secret(name) and filled and not schema:
        return True
    return in_value(value, f"{within} {name}" if re.search("header|query", within) else name)


def in_address(address: str) -> bool:
    """Whether a server's address holds a login or a key: in front of an `@`, among what follows
    a `?`, `;` or `#`, or anywhere as a key looks; with or without a scheme, quoted or not."""
    for _ in range(3):
        if _address_holds(address):
            return True
        plain = urllib.parse.unquote(address)
        if plain == address:
            return False
        address = plain
    return True  # quoted over and over: nobody writes a plain address so


def _address_holds(address: str) -> bool:
    plain = unicodedata.normalize("NFKC", address).strip().replace("\\", "/")
    rest = re.sub(r"^[A-Za-z][\w+.-]*:(?=/)", "", plain).lstrip("/")
    place, *queries = re.split(r"[?#;&]", rest)
    server = place.partition("/")[0]
    if "@" in server or re.search(r"[^\s/]:[^\s]*@", place) or in_words(plain):
        return True
    if "@" in "".join(queries) and re.search(r":[^\s/]*@", rest):
        return True
    pairs = [query.partition("=") for query in queries if query]
    return any(
        not equals or _query_named(name) or opaque(value, 16) or len(value) > 40
        for name, equals, value in pairs
    )


# ---------------------------------------------------------------- where it belongs


def variable(name: str, value: str, provider: str = "", own: tuple[str, ...] | None = ()) -> str:
    """The variable that a secret belongs into: the one that holds it, else by its look, by the
    parameter's name (`aws_…`, `vertex_…`), or by the model's provider, whose own are `own`."""
    for holder, kept in os.environ.items():
        if len(kept) >= 8 and kept in value and says_secret(holder):
            return holder
    for shape, known in SHAPES:
        if known and re.search(shape, value, re.DOTALL):
            return known
    upper = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    if re.match(r"(AWS|AZURE|HF|WATSONX|DATABRICKS)_", upper):
        return upper
    if "VERTEX" in upper or "GOOGLE" in upper:
        return "GOOGLE_APPLICATION_CREDENTIALS"
    if provider:
        return f"{re.sub(r'[^A-Z0-9]+', '_', provider.upper())}_API_KEY"
    return own[0] if own else "its provider's variable (such as ANTHROPIC_API_KEY)"


def in_arguments(arguments: list[str]) -> tuple[str, str] | None:
    """The first word of a command line that looks like a key, as (the option that it follows,
    the variable that it belongs into); None where there is none."""
    flag = ""
    for word in arguments:
        name, equals, value = word.partition("=")
        is_flag = bool(re.match("--?[A-Za-z]", word))
        flag = name if is_flag and not _SHAPE.search(name) else flag
        text = value if equals and is_flag else word
        if _SHAPE.search(text):
            return flag or "the command line", variable("", text)
    return None
