"""A seat: one side of a conversation, as far as a model provider needs to know of it."""

from dataclasses import dataclass, field

from harness.files import Json


def wrong(params: Json) -> str | None:
    """What is wrong with parameters that are read here before LiteLLM reads them, or None."""
    most = params.get("max_tokens", 1)
    if type(most) is not int or not 1 <= most < 10**12:
        return f"max_tokens must be a whole number of at least 1, not {most!r:.40}"
    if not isinstance(params.get("extra_body", {}), dict):
        return "extra_body must be a JSON object"
    return None


@dataclass(frozen=True)
class Seat:
    """One side: the name the user gave, the resolved LiteLLM id, prompt and parameters."""

    letter: str
    name: str
    model: str
    system: str = ""
    params: Json = field(default_factory=dict)
    api_base: str | None = None

    @property
    def human(self) -> bool:
        return self.model == "human"

    @property
    def demo(self) -> bool:
        return self.model.startswith("demo/")
