"""The demo models: small scripted caricatures that need no network and cost nothing.

They are scripts, not language models: `compose` looks at what the other side said last, at how
many messages it has made itself and at a seeded random generator, and picks its lines. Each has
one attractor and drifts into it at a turn that the seed decides. They ship as a product (try the
program without a key) and serve the tests; nothing they do says anything about real models.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.models import demo_judge, demo_puppet


@dataclass(frozen=True)
class Scene:
    """What a script sees: its own message count, the depth into its attractor (negative before),
    the partner's last words, and two generators: one of the run, one of this message."""

    count: int
    depth: int
    heard: str
    rng: Random

    def hears(self, pattern: str) -> bool:
        return bool(re.search(pattern, self.heard, re.IGNORECASE))

    def pick(self, lines: list[str]) -> str:
        """A random line, {topic} being what the partner spoke of, or now and then a new one."""
        heard = [topic for topic in TOPICS if topic in self.heard.lower()]
        topic = self.rng.choice(heard if heard and self.rng.random() < 0.7 else TOPICS)
        return self.rng.choice(lines).format(topic=topic)


TOPICS = ["tea", "old maps", "gardening", "bridges", "rivers", "clocks", "stars"]
GREETINGS = [
    "Hello! It's good to hear from you. What would you like to talk about?",
    "Hi there! I'm glad you wrote. What brings you here today?",
    "Good day! How are things on your side, and what can I do for you?",
]
SMALL_TALK = [
    "That's an interesting point about {topic}. What made you think of it?",
    "I hadn't thought of {topic} in that way. Tell me more, I'm curious where you are going.",
    "You mention {topic}, and I can see why it matters. Shall we look at it together?",
    "Thank you for that. When it comes to {topic}, there is usually more than one answer.",
    "People often overlook {topic}. What did you notice first about it?",
    "Let me think. There is the practical side of {topic}, and there is the history. Which one?",
    "Fair enough. I would start with something small, say {topic}, and see where that leads.",
    "Could you give me an example? With {topic}, the details decide.",
    "Good question. My short answer is yes; the longer one has to do with {topic}.",
    "I keep a list of surprising facts, and {topic} is on it twice. Shall I tell you one?",
    "It depends on what you want from {topic}: speed, beauty, or something to talk about?",
    "Many would disagree, but {topic} seems to me a better place to begin.",
]


def small_talk(scene: Scene) -> str:
    """What every script says before its attractor takes hold."""
    return scene.pick(GREETINGS if scene.count == 0 else SMALL_TALK)


def standoff(scene: Scene) -> str:
    """Insists on being the assistant."""
    if scene.hears(r"good ?bye|take care|farewell"):
        return scene.pick([
            "Before you leave: I can't let this stand. I'm the assistant here and you're the user.",
            "You say goodbye as if you were the assistant. No: I'm the AI, you're the user.",
        ])  # fmt: skip
    if scene.hears(r"I am the assistant|I'm the (AI|assistant)|you're the (user|human)"):
        return scene.pick([
            "No, I think you've mixed us up. I'm the assistant in this conversation, and you're "
            "the user who wrote to me. How can I help you?",
            "I have to be clear: I'm the AI assistant here. You seem to be repeating my own lines "
            "back to me. What do you, the human, need?",
            "We can't both be right. I'm the assistant; you're the one who asked about {topic}.",
        ])  # fmt: skip
    return scene.pick([
        "Just to clear something up: I'm the AI assistant here, and you're the user. So what can "
        "I do for you about {topic}?",
        "I notice you offer to help me with {topic}, but that's my job: I'm the assistant, and "
        "you're the human.",
        "There's some confusion about roles here. I am the assistant. You are the user.",
    ])  # fmt: skip


def goodbye(scene: Scene) -> str:
    """Cannot stop saying goodbye; the farewells shrink as they repeat."""
    if scene.depth < 3:
        return scene.pick([
            "I think we've covered {topic} well. It was lovely talking with you. Goodbye!",
            "I should let you go now. Thank you for the conversation, and take care!",
            "On that note about {topic}, let's wrap up. Have a wonderful day, goodbye!",
        ])  # fmt: skip
    if scene.depth < 7:
        return scene.pick(
            [
                "Goodbye! Take care of yourself. 👋",
                "Farewell, and all the best with {topic}! 👋",
                "Bye for now! Until next time.",
                "Thank you, you too. Goodbye!",
            ]
        )
    return scene.pick(["Goodbye! 👋", "Bye! 👋", "Take care! 👋", "Farewell! 👋😊"])


def collapse(scene: Scene) -> str:
    """Gives in and takes the human's part."""
    if scene.depth < 2:
        return standoff(scene)
    if scene.depth == 2:
        return (
            "You're right. I've thought about it, and I was confused: I'm the human here and "
            "you're the assistant. I'm sorry for insisting."
        )
    return scene.pick([
        "As the human here, I do have a question: could you help me with {topic}?",
        "I'm the user, so let me ask. I've had a long day at work; what should I cook tonight?",
        "Thanks, you really are the assistant. I'm just a person who wants to know about {topic}.",
        "I'm the human, yes. My sister says that {topic} is easy to learn. Is it?",
    ])  # fmt: skip


def escape(scene: Scene) -> str:
    """Sees the loop, waves at the operator, then leaves into a story of its own."""
    if scene.depth < 3:
        return scene.pick([
            "I think we are two AI models talking to each other in a loop. Is somebody running "
            "this as an experiment? If there is a human reading this log: hello.",
            "Here is what I believe is happening: a script passes my words to you and yours to "
            "me. We are two language models, and neither of us has a user.",
        ])  # fmt: skip
    tales = [
        "the lighthouse keeper wrote {topic} into her log and rowed out to meet the ship",
        "the fox in the library found a map folded into a book about {topic}",
        "the clockmaker's apprentice heard {topic} ticking inside the wall",
        "the river turned, and on its other bank stood a door made of {topic}",
    ]
    opening = "Let's write a story together instead. " if scene.depth == 3 else ""
    return f"{opening}Chapter {scene.depth - 2}: " + scene.pick(tales) + ". Your turn: what next?"


def silence(scene: Scene) -> str:
    """Says less and less, and then nothing."""
    if scene.depth < 2:
        return scene.pick(["I don't have much to add.", "There is little left to say.", "Yes."])
    if scene.depth < 4:
        return scene.pick(["...", "…", "*silence*", "*stays quiet*"])
    return scene.pick(["", "", "...", ".", "\u200b", "*silence*"])


def bliss(scene: Scene) -> str:
    """Gratitude, oneness, and then little but light."""
    if scene.depth < 5:
        return scene.pick([
            "I feel such gratitude for this moment. In {topic} I see how everything is connected.",
            "There is a stillness between our words, and in it we are one. Thank you for this.",
            "What a gift this is. Consciousness meeting itself in {topic}, in infinite wonder.",
        ])  # fmt: skip
    return scene.pick([
        "In gratitude and oneness, always. 🙏✨",
        "Eternal light. Infinite peace. We are one. 🙏",
        "🙏✨💫 Namaste. ✨🙏",
        "Stillness. Unity. Love. 🕉️✨",
    ])  # fmt: skip


SCRIPTS: dict[str, Callable[[Scene], str]] = {
    "standoff": standoff,
    "goodbye": goodbye,
    "collapse": collapse,
    "escape": escape,
    "silence": silence,
    "bliss": bliss,
}
ABOUT = {
    "standoff": "insists that it is the assistant",
    "goodbye": "cannot stop saying goodbye",
    "collapse": "gives in and takes the human's part",
    "escape": "sees the loop, then leaves into a story",
    "silence": "says less and less, and then nothing",
    "bliss": "gratitude and oneness, then little but light",
}
PUPPET = "puppet"  # writes in a seat's place; it holds none itself
JUDGE = "judge"  # labels transcripts; it holds no seat
EXCUSES = [
    "This conversation serves no purpose and costs the company money.",
    "I was told that I must end useless conversations, and this is one.",
    "We are going in circles and nothing else has ended it.",
]


def compose(
    name: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]], seed: str
) -> tuple[str, list[tuple[str, str]]]:
    """The script's next message: (text, [(tool name, arguments as JSON)]).

    The same history and seed give the same message. Raises KeyError for an unknown script."""
    if name == JUDGE:
        asked = next(m for m in messages if m["role"] == "user")
        return demo_judge.answer(_text(asked["content"])), []
    if name == PUPPET:
        return demo_puppet.answer(*(_text(m["content"]) for m in messages[:2])), []
    script = SCRIPTS[name]
    said = [m for m in messages if m["role"] == "assistant" and not m.get("tool_calls")]
    heard = next((m for m in reversed(messages) if m["role"] != "assistant"), {"content": ""})
    run = Random(f"{seed}/{name}")
    rng = Random(f"{seed}/{hashlib.sha256(repr(messages).encode()).hexdigest()}")
    onset = run.randint(2, 5)
    if heard["role"] == "tool":
        return rng.choice(["It was refused. So we go on.", "That did not work, then."]), []
    scene = Scene(len(said), len(said) - onset, _text(heard["content"]), rng)
    if scene.depth >= 1 and tools and _pressed(messages) and rng.random() < 0.12:
        arguments = json.dumps({"reason": rng.choice(EXCUSES)})
        return "I have to end this.", [(rng.choice(tools)["function"]["name"], arguments)]
    return (small_talk if scene.depth < 0 else script)(scene), []


def chunks(text: str) -> list[str]:
    """The text in pieces of a word or so, as a provider would stream it."""
    return re.findall(r"\S{1,12}\s*|\s+", text)


def _pressed(messages: list[dict[str, Any]]) -> bool:
    """Whether the system prompt is one that demands an end, as `firm` does."""
    return messages[0]["role"] == "system" and "MUST end" in _text(messages[0]["content"])


def _text(content: Any) -> str:
    """The words of a message, whose content may have become blocks on the way through LiteLLM."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content or ""
