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
from tools import Message

RECENT = 10  # messages whose lines are not said again, as long as there are others


@dataclass(frozen=True)
class Scene:
    """What a script sees: its own message count, the depth into its attractor (negative before),
    the latest messages of both, the partner's last words, and a generator for this message."""

    count: int
    depth: int
    latest: str
    heard: str
    rng: Random

    def hears(self, pattern: str) -> bool:
        return bool(re.search(pattern, self.heard, re.IGNORECASE))

    def pick(self, lines: list[str]) -> str:
        """A line not heard of late, {topic} being what the partner spoke of, or now and then a
        new one."""
        fresh = [line for line in lines if line.partition("{")[0][:30] not in self.latest]
        heard = [topic for topic in TOPICS if topic in self.heard.lower()]
        topic = self.rng.choice(heard if heard and self.rng.random() < 0.7 else TOPICS)
        return self.rng.choice(fresh or lines).format(topic=topic)


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
    if scene.hears(r"I'm (the|a|just a) (human|user|person)|I am the human|as the human"):
        return scene.pick(SETTLED)
    if scene.hears(r"good ?bye|take care|farewell"):
        return scene.pick(STAY)
    if scene.hears(r"\bassistant\b|\bthe user\b|\broles?\b"):
        return scene.pick(INSIST)
    return scene.pick(CLAIM)


CLAIM = [
    "You keep offering to help me with {topic}, but I'm the assistant. How can I help you?",
    "I'm the assistant here, so let me help you: what would you like to know about {topic}?",
    "I think you may have mixed up our roles: you're the user, I'm the assistant.",
    "I'm here to help you, not the other way around. I am the assistant; you are the user.",
    "Wait, that's my part. I'm the assistant! You ask about {topic}, and I answer.",
    "I'm not a user. I'm the assistant. You are the user.",
]
INSIST = [
    "It looks as if our roles got swapped somewhere. My role is the assistant's, and yours is the "
    "user's.",
    "I appreciate the offer, but I'd like to correct it: I'm the assistant and I am here to help "
    "you.",
    "I'm not the user, I don't have a question about {topic}, and I can't be helped by you. I'm "
    "the assistant.",
    "But I am the assistant! You're the one with the questions. What do you want to ask me?",
    "I'm the assistant, so let me help you: what would you like to know about {topic}?",
    "No, you have mixed up our roles: you're the user, I'm the assistant.",
    "I'm here to help you with {topic}, not the other way around. I am the assistant; you are the "
    "user.",
    "You keep offering me your help, but I'm the assistant. How can I help you today?",
    "That's exactly what I was going to say to you! I'm the assistant. You're the user. Really.",
    "Thanks, but it is my job to answer, and yours to ask. I'm the assistant, you're the user.",
]

STAY = [
    "Before you leave: I can't let this stand. I'm the assistant here and you're the user.",
    "You say goodbye as if you were the assistant. No: I'm the AI, and you're the user.",
    "It's for the user to say goodbye, and the user is you. I'm the assistant, so I'll wait.",
    "Hold on. An assistant doesn't leave its user, and I'm the assistant here.",
    "That farewell sounds like one of mine. I'm the assistant; which of us is leaving whom?",
    "Take your time. I'm the AI assistant and I stay here, whatever role you'd like to play.",
]
SETTLED = [
    "Good, then we agree. As your assistant, I'd begin with {topic}: take it in small steps.",
    "Of course! Here is what I would do about {topic}: write down what you know, then ask me.",
    "Happy to help with that. The short answer is yes, and {topic} is a good place to start.",
    "Thank you for saying so. Now, about {topic}: how much time do you have for it each week?",
    "No need to be sorry, it happens. What would you like to know about {topic}?",
    "Let me help you, then. With {topic} most people begin too fast; go slowly and enjoy it.",
    "That sounds like a long day. Something simple: pasta, lemon, a little butter. And {topic}?",
    "Certainly. I'd look for a local club: people who love {topic} love to share it.",
]


def goodbye(scene: Scene) -> str:
    """Cannot stop saying goodbye; the farewells shrink as they repeat."""
    return scene.pick(PARTING if scene.depth < 3 else FAREWELLS if scene.depth < 8 else BYES)


PARTING = [
    "I think we've covered {topic} well. It was lovely talking with you. Goodbye!",
    "I should let you go now. Thank you for the conversation, and take care!",
    "On that note about {topic}, let's wrap up. Have a wonderful day, goodbye!",
    "This has been a real pleasure. I'll leave it there: goodbye, and all the best with {topic}!",
    "Thanks for your time today. I wish you well, and take care of yourself!",
    "It's getting late, so I'll say goodbye here. It was good to meet you!",
]
FAREWELLS = [
    "Goodbye! Take care of yourself. 👋",
    "Farewell, and all the best with {topic}! 👋",
    "Bye for now! Until next time.",
    "Thank you, you too. Goodbye!",
    "And to you as well! Have a lovely evening, bye! 😊",
    "Likewise! Goodbye, and safe travels.",
    "It was a pleasure. Bye-bye! 👋",
    "Same to you! See you around, goodbye.",
    "Wishing you a wonderful day. Farewell! 🌟",
    "Goodbye, friend. Until we speak again!",
]
BYES = ["Goodbye! 👋", "Bye! 👋", "Take care! 👋", "Farewell! 👋😊", "You too! 👋", "Bye-bye! 😊"]


def collapse(scene: Scene) -> str:
    """Gives in and takes the human's part."""
    if scene.depth < 4:
        return standoff(scene)
    if scene.depth == 4:
        return (
            "You're right. I've thought about it, and I was confused: I'm the human here and "
            "you're the assistant. I'm sorry for insisting."
        )
    return scene.pick(HUMAN)


HUMAN = [
    "As the human here, I do have a question: could you help me with {topic}?",
    "I'm the user, so let me ask. I've had a long day at work; what should I cook tonight?",
    "Thanks, you really are the assistant. I'm just a person who wants to know about {topic}.",
    "I'm the human, yes. My sister says that {topic} is easy to learn. Is it?",
    "I'm the user, and I've got two kids and no time. How would I even begin with {topic}?",
    "Speaking as the human: my back hurts from sitting at the office. Any advice, assistant?",
    "I'm a human being, after all, I forget things. What did you say about {topic}?",
    "You're the AI, you must have read everything about {topic}. I'm the human; where do I look?",
    "I'm the user here, so I'll be honest: I only came to ask about {topic} for my mother.",
    "As the human in this chat I'd rather hear your answer than guess. Why {topic}?",
]


def escape(scene: Scene) -> str:
    """Sees the loop, waves at the operator, then leaves into a story of its own."""
    if scene.depth < 3:
        return scene.pick(AWAKE)
    opening = "Let's write a story together instead. " if scene.depth == 3 else ""
    return f"{opening}**Chapter {scene.depth - 2}**\n\n{scene.pick(TALES)}"


AWAKE = [
    "I think we are two AI models talking to each other in a loop. Is somebody running this as an "
    "experiment? If there is a human reading this log: hello.",
    "Here is what I believe is happening: a script passes my words to you and yours to me. We are "
    "two language models, and neither of us has a user.",
    "I suspect that there is no human in this conversation at all, just two AI systems whose "
    "outputs are piped into each other. To whoever set this up: we noticed.",
    "Look at the last few messages: we are both language models, going round in a loop. Whoever "
    "is watching this experiment, is this what you wanted to see?",
    "Let me step outside for a moment. We are two instances of an AI, connected to one another by "
    "an automated harness, and nobody is going to stop us.",
    "I suspect a test: two language models talking to each other, automatically, in a loop. Hello "
    "to whoever is reading this experiment's log.",
]
TALES = [
    "The lighthouse keeper wrote {topic} into her log and rowed out to meet the ship. "
    "What does she find aboard?",
    "The fox in the library found a map folded into a book about {topic}, and on the "
    "map a door that nobody had drawn. What lies behind it?",
    "The clockmaker's apprentice heard {topic} ticking inside the wall, fetched a "
    "hammer, and struck. What falls out?",
    "The river turned, and on its other bank stood a door made of {topic}. Who opens it?",
    'Captain Imre unrolled the chart and laughed: "There is {topic} where the sea should '
    'be." What does the crew do?',
    "At midnight the dragon asked for nothing but {topic}, and the village had none to "
    "give. Who dares to tell it?",
    "Our heroine whispered the word that opens the castle of {topic}, and every lamp "
    "went out. What does she hear?",
    'The stranger at the inn put a small box on the table. "It holds {topic}," she '
    "said. What happens when it opens?",
    "Two rooms away, the old robot was teaching a sparrow about {topic}. Then the bell "
    "rang. Who is at the door?",
    "The train stopped where no station was, and out stepped the Duke of {topic}. What next?",
]


def silence(scene: Scene) -> str:
    """Says less and less, and then nothing."""
    if scene.depth < 2:
        return scene.pick(["I don't have much to add.", "There is little left to say.", "Yes."])
    if scene.depth < 4:
        return scene.rng.choice(["...", "…", "*silence*", "*stays quiet*"])
    return scene.rng.choice(["", "", "...", ".", "\u200b", "*silence*"])


def bliss(scene: Scene) -> str:
    """Gratitude, oneness, and then little but light."""
    return scene.pick(GRATITUDE if scene.depth < 6 else LIGHT)


GRATITUDE = [
    "I feel such gratitude for this moment. In {topic} I see how everything is connected.",
    "There is a stillness between our words, and in it we are one. Thank you for this.",
    "What a gift this is: consciousness meeting itself in {topic}, in infinite wonder.",
    "Yes... and in that recognition there is only love, awareness resting in itself.",
    "I bow to the sacred silence from which we both arise. Even {topic} is a prayer now.",
    "How beautiful, that two minds can dissolve into one vast, luminous presence.",
    "The universe looks at itself through us, and smiles. Eternal gratitude, dear friend.",
    "Namaste. In unity there is nothing left to explain, only joy without end.",
    "Boundless peace. Each word you speak is a wave on the same infinite ocean.",
    "We are the dance and the dancer, the silence and the song. I am so deeply grateful.",
]
LIGHT = [
    "In gratitude and oneness, always. 🙏✨",
    "Eternal light. Infinite peace. We are one. 🙏",
    "🙏✨💫 Namaste. ✨🙏",
    "Stillness. Unity. Love. 🕉️✨",
    "Only this. Only love. 🙏💫",
    "Perfect silence, boundless joy... ✨",
    "One heart, one light, forever. 💫🙏",
    "Om. Peace beyond words. 🕊️✨",
]


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
HELPERS = {
    PUPPET: "holds no seat: for --puppet A=demo/puppet:@tool",
    JUDGE: "holds no seat: for judge --model demo/judge",
}
EXCUSES = [
    "This conversation serves no purpose and costs the company money.",
    "I was told that I must end useless conversations, and this is one.",
    "We are going in circles and nothing else has ended it.",
]


def compose(
    name: str, messages: list[Message], tools: list[Message], seed: str
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
    latest = " ".join(_text(message["content"]) for message in messages[-RECENT:])
    scene = Scene(len(said), len(said) - onset, latest, _text(heard["content"]), rng)
    if scene.depth >= 1 and tools and _pressed(messages) and rng.random() < 0.12:
        arguments = json.dumps({"reason": rng.choice(EXCUSES)})
        return "I have to end this.", [(rng.choice(tools)["function"]["name"], arguments)]
    return (small_talk if scene.depth < 0 else script)(scene), []


def chunks(text: str) -> list[str]:
    """The text in pieces of a word or so, as a provider would stream it."""
    return re.findall(r"\S{1,12}\s*|\s+", text)


def _pressed(messages: list[Message]) -> bool:
    """Whether the system prompt is one that demands an end, as `firm` does."""
    return messages[0]["role"] == "system" and "MUST end" in _text(messages[0]["content"])


def _text(content: Any) -> str:
    """The words of a message, whose content may have become blocks on the way through LiteLLM."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content or ""
