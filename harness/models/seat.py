"""A seat: one side of a conversation, as far as a model provider needs to know of it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seat:
    """One side: the name the user gave, the resolved LiteLLM id, prompt and parameters."""

    letter: str
    name: str
    model: str
    system: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    api_base: str | None = None

    @property
    def human(self) -> bool:
        return self.model == "human"

    @property
    def demo(self) -> bool:
        return self.model.startswith("demo/")
