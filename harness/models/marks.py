"""Marks for a provider's prompt cache, set in copies of the few messages that carry one."""

from harness.models.catalogue import entry, provider
from tools import Message

MARK = {"type": "ephemeral"}  # five minutes from its last use

MARKING = ("bedrock", "bedrock_converse", "vertex_ai", "vertex_ai-anthropic_models", "azure_ai")


def wants_marks(model: str) -> bool:
    """Whether the provider caches a prompt only up to the marks that the request sets in it.
    Others cache by themselves, or refuse a mark."""
    if "claude" not in model:
        return False
    place = provider(model)
    known = bool(entry(model).get("supports_prompt_caching"))
    return place in ("anthropic", "openrouter") or (place in MARKING and known)


def mark(messages: list[Message]) -> None:
    """Replace messages of this list by copies with marks for the provider's cache: the list is the
    request's own, the messages in it are the history's and stay as they are.

    Three of the four marks that are allowed: behind the system prompt (and the tools before it),
    at the end, where the next request of this seat goes on, and where the request before ended:
    a provider looks back only 20 blocks from a mark, and a message may call many tools."""
    asked = _latest(messages, ("user", "tool"), len(messages))
    before = _latest(messages, ("user", "tool"), _latest(messages, ("assistant",), len(messages)))
    system = 0 if messages and messages[0]["role"] == "system" else -1
    for i in {system, asked, before} - {-1}:
        messages[i] = _marked(messages[i])


def _latest(messages: list[Message], roles: tuple[str, ...], end: int) -> int:
    """The index of the last message before `end` with one of these roles, or -1."""
    return next((i for i in range(end - 1, -1, -1) if messages[i]["role"] in roles), -1)


def _marked(message: Message) -> Message:
    if message["role"] == "tool":
        return message | {"cache_control": MARK}
    block = {"type": "text", "text": message["content"], "cache_control": MARK}
    return message | {"content": [block]}
