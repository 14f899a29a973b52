"""What the real providers refuse, with their own words where they are known."""

import base64
import hashlib
import json
import re

from fake.cache import blocks_of, prefix_blocks
from fake.script import require

OPENAI_KEYS = {  # of a message; the last is DeepSeek's
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "refusal",
    "reasoning_content",
}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NO_TEMPERATURE = re.compile(r"opus-(4-[78]|5)")  # models that choose their own sampling
NO_PREFILL = re.compile(r"-(4-[678]|5)")  # models that want the last word to be the user's


def check_anthropic(body: dict) -> None:
    """Everything that the Messages API refuses, with its own words where they are known."""
    for name in ("model", "max_tokens", "messages"):
        require(name in body, f"{name}: Field required")
    require(body["max_tokens"] >= 1, "max_tokens: Input should be greater than or equal to 1")
    tools = [tool["name"] for tool in body.get("tools") or []]
    require(
        all(map(NAME.fullmatch, tools)),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    )
    require(len(set(tools)) == len(tools), "tools: Tool names must be unique.")
    for block in blocks_of(body.get("system")):
        check_text(block, "system")
    check_roles(body["messages"])
    check_turns(body["messages"], set(tools))
    check_model(body)
    check_thinking(body)
    check_cache_marks(body)


def check_text(block: dict, where: str) -> None:
    """No text block may be empty or blank."""
    if block["type"] == "text":
        require(block["text"], f"{where}: text content blocks must be non-empty")
        require(
            not block["text"].isspace(),
            f"{where}: text content blocks must contain non-whitespace text",
        )


def check_roles(messages: list[dict]) -> None:
    """The user first, then in turns. (Today's API merges a doubled role; LiteLLM does too,
    before it sends, so that one which arrives here is a defect.)"""
    require(messages, "messages: at least one message is required")
    roles = [message["role"] for message in messages]
    for before, role in zip(["", *roles], roles, strict=False):
        require(role in ("user", "assistant"), f'messages: Unexpected role "{role}".')
        require(
            role != before,
            f'messages: roles must alternate, but found multiple "{role}" roles in a row',
        )
    require(roles[0] == "user", 'messages: first message must use the "user" role')


def check_turns(messages: list[dict], tools: set[str]) -> None:
    """Nothing empty, and each tool call answered in the very next message, and there only."""
    asked: list[str] = []  # the calls in the message before
    seen: set[str] = set()
    for i, message in enumerate(messages):
        blocks, where = blocks_of(message["content"]), f"messages.{i}"
        optional = i == len(messages) - 1 and message["role"] == "assistant"
        require(
            message["content"] or optional,
            f"{where}: all messages must have non-empty "
            "content except for the optional final assistant message",
        )
        check_results(blocks, asked, i)
        for j, block in enumerate(blocks):
            check_block(block, message["role"], f"{where}.content.{j}", tools)
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
        require(len({*asked} - seen) == len(asked), f"{where}: `tool_use` ids must be unique")
        seen.update(asked)
    check_results([], asked, len(messages))


def check_results(blocks: list[dict], asked: list[str], i: int) -> None:
    """A message starts with the results that the one before it asked for."""
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for name in results:
        require(
            name in asked,
            f"messages.{i}.content: unexpected `tool_use_id` found in `tool_result` blocks: {name}",
        )
        require(
            results.count(name) == 1,
            "each tool_use must have a single result. Found "
            f"multiple `tool_result` blocks with id: {name}",
        )
    first = all(block["type"] == "tool_result" for block in blocks[: len(results)])
    missing = [name for name in asked if name not in results or not first]
    require(
        not missing,
        f"messages.{i - 1}: `tool_use` ids were found without `tool_result` "
        f"blocks immediately after: {', '.join(missing)}",
    )


def check_block(block: dict, role: str, where: str, tools: set[str]) -> None:
    """One content block by itself."""
    kind = block["type"]
    check_text(block, "messages")
    foreign = ("tool_result",) if role == "assistant" else ("tool_use", "thinking")
    require(kind not in foreign, f"{where}: `{kind}` blocks are not allowed for role `{role}`")
    if kind == "tool_use":
        require(
            NAME.fullmatch(block["id"]),
            f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        )
        require(
            isinstance(block["input"], dict),
            f"{where}.tool_use.input: Input should be a valid dictionary",
        )
        # a name that is not among them is taken, as the real API does: models invent tools
        require(tools, f"{where}: unknown tool: {block['name']}: no tools are defined")
    if kind == "thinking":
        require(
            block["signature"] == signature(block["thinking"]),
            f"{where}: Invalid `signature` in `thinking` block",
        )


def check_model(body: dict) -> None:
    """What newer models no longer take: a temperature, words put in their mouth."""
    last, model = body["messages"][-1], body["model"]
    require(
        "temperature" not in body or not NO_TEMPERATURE.search(model),
        "`temperature` is deprecated for this model.",
    )
    if last["role"] == "assistant":
        require(
            not NO_PREFILL.search(model),
            "This model does not support assistant message "
            "prefill. The conversation must end with a user message.",
        )
        text = (blocks_of(last["content"]) or [{}])[-1].get("text", "")
        require(
            text == text.rstrip(),
            "messages: final assistant content cannot end with trailing whitespace",
        )


def check_thinking(body: dict) -> None:
    """With thinking on it opens the turn that it is in, and tools go on in the same turn."""
    thinking, messages = body.get("thinking") or {}, body["messages"]
    if thinking.get("type") not in ("enabled", "adaptive"):
        return
    require(
        body["max_tokens"] > thinking.get("budget_tokens", 0),
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    )
    require(
        body.get("temperature", 1) == 1,
        "`temperature` may only be set to 1 when thinking is enabled.",
    )
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            kinds = [block["type"] for block in blocks_of(message["content"])]
            needed = "thinking" in kinds or ("tool_use" in kinds and i == len(messages) - 2)
            require(
                kinds[:1] == ["thinking"] or not needed,
                f"messages.{i}.content.0.type: "
                f"Expected `thinking` or `redacted_thinking`, but found `{kinds[:1]}`.",
            )


def check_cache_marks(body: dict) -> None:
    """At most four, none on thinking, the longer-lived ones first."""
    marked = [block for _, block in prefix_blocks(body) if block.get("cache_control")]
    count = len(marked) + bool(body.get("cache_control"))
    require(count <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {count}.")
    require(
        all(block.get("type") != "thinking" for block in marked),
        "messages: cache_control cannot be set for thinking blocks",
    )
    short = [block["cache_control"].get("ttl") != "1h" for block in marked]
    require(
        short == sorted(short),
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
    )


def check_openai(body: dict) -> None:
    """What chat completions refuse."""
    require(body.get("model"), "you must provide a model parameter")
    require(body.get("messages"), "Invalid 'messages': empty array.")
    tools = {tool["function"]["name"] for tool in body.get("tools") or []}
    require(all(map(NAME.fullmatch, tools)), "Invalid 'tools[0].function.name'")
    asked: list[str] = []
    for i, message in enumerate([*body["messages"], {"role": "user", "content": ""}]):
        role, calls = message["role"], message.get("tool_calls") or []
        require(
            role in ("system", "developer", "user", "assistant", "tool"),
            f"Invalid value: '{role}'.",
        )
        foreign = sorted(message.keys() - OPENAI_KEYS)
        require(not foreign, f"Unknown parameter: 'messages[{i}].{'.'.join(foreign)}'.")
        if role == "tool":
            require(
                message.get("tool_call_id") in asked,
                "Invalid parameter: messages with role "
                "'tool' must be a response to a preceding message with 'tool_calls'.",
            )
            asked.remove(message["tool_call_id"])
            continue
        require(
            not asked,
            "An assistant message with 'tool_calls' must be followed by tool "
            f"messages responding to each 'tool_call_id'. Without one: {', '.join(asked)}",
        )
        require(
            isinstance(message.get("content"), str | list) or calls,
            f"Invalid value for 'content' of messages[{i}]: expected a string, got null.",
        )
        for call in calls:
            check_call(call, f"messages[{i}].tool_calls", tools)
        asked = [call["id"] for call in calls]
        require(len(set(asked)) == len(asked), f"Duplicate id in messages[{i}].tool_calls")


def check_call(call: dict, where: str, tools: set[str]) -> None:
    """One tool call in the history."""
    require(call.get("id"), f"Missing required parameter: '{where}.id'.")
    require(
        isinstance(call["function"]["arguments"], str),
        f"Invalid type for '{where}.function.arguments': expected a string.",
    )
    require(tools, f"unknown tool: {call['function']['name']}: no tools are defined")


def check_gemini(body: dict) -> None:
    """What Gemini's generateContent refuses."""
    contents = body.get("contents")
    require(contents, "* GenerateContentRequest.contents: contents is not specified")
    asked: list[str] = []
    for i, content in enumerate([*contents, {"role": "user", "parts": [{"text": "x"}]}]):
        parts, where = content.get("parts"), f"contents[{i}]"
        require(content.get("role") in ("user", "model"), "Please use a valid role: user, model.")
        require(parts, f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.")
        answers = [one["name"] for part in parts if (one := field_of(part, "function_response"))]
        require(
            sorted(answers) == sorted(asked),
            "Please ensure that the number of function response parts is equal to the number of "
            "function call parts of the function call turn.",
        )
        for j, part in enumerate(parts):
            check_part(part, f"{where}.parts[{j}]", body["model"])
        asked = [one["name"] for part in parts if (one := field_of(part, "function_call"))]
        require(content["role"] == "model" or not asked, "function calls are the model's")


def check_part(part: dict, where: str, model: str) -> None:
    """One part: something in it, and what the model signed as it was signed."""
    require(len({*part} - {"thought", "thoughtSignature"}) == 1, f"{where}.data: required oneof")
    require("text" not in part or part["text"].strip(), f"{where}.text: must not be empty")
    signed, call = part.get("thoughtSignature"), field_of(part, "function_call")
    if call and model.startswith("gemini-3"):
        require(signed, "Function call is missing a thought_signature in functionCall parts.")
    if signed:
        what = f"{call['name']} {json.dumps(call['args'])}" if call else part["text"]
        require(signed == signature(what), f"{where}: Thought signature is not valid.")


def field_of(part: dict, name: str) -> dict | None:
    """A field by either of protobuf's names, snake_case or camelCase."""
    head, _, tail = name.partition("_")
    return part.get(name) or part.get(head + tail.title())


def check_ollama(body: dict) -> None:
    """What Ollama's /api/chat refuses: it is easy to please."""
    require(body.get("model"), "model is required")
    for message in body.get("messages") or []:
        require(isinstance(message.get("content", ""), str), "json: cannot unmarshal content")
        for call in message.get("tool_calls") or []:
            arguments = call["function"]["arguments"]
            require(isinstance(arguments, dict), "json: cannot unmarshal string into arguments")


def check_cohere(body: dict) -> None:
    """What Cohere's v2/chat refuses."""
    require(body.get("model"), "model is required")
    messages = body.get("messages")
    require(messages, "messages must be at least one message")
    asked: list[str] = []
    for message in messages:
        role, content = message["role"], message.get("content")
        require(role in ("system", "user", "assistant", "tool"), f"invalid role {role}")
        if role == "tool":
            require(
                message["tool_call_id"] in asked, "tool call id not found in previous tool calls"
            )
        else:
            calls = message.get("tool_calls") or []
            require(content or calls, "all messages must have content or tool calls")
            asked = [call["id"] for call in calls]
    require(messages[-1]["role"] in ("user", "tool"), "the last message must be the user's")


def check_bedrock(body: dict) -> None:
    """What Bedrock's Converse API refuses."""
    messages = body.get("messages")
    require(messages, "A conversation must start with a user message.")
    roles, asked = [message["role"] for message in messages], []
    require(roles == [("user", "assistant")[i % 2] for i in range(len(roles))], "roles alternate")
    for i, message in enumerate(messages):
        where = f"The content field in the Message object at messages.{i}"
        require(message.get("content"), f"{where} is empty.")
        answers = [b["toolResult"]["toolUseId"] for b in message["content"] if "toolResult" in b]
        require(answers == asked, f"{where}: toolResult blocks must match the toolUse blocks")
        asked = [b["toolUse"]["toolUseId"] for b in message["content"] if "toolUse" in b]
        require(not asked or body.get("toolConfig"), "The toolConfig field must be defined")
        for block in message["content"]:
            require("text" not in block or block["text"].strip(), "The text field is blank.")
            if thought := block.get("reasoningContent", {}).get("reasoningText"):
                signed = thought.get("signature") == signature(thought["text"])
                require(signed, "Invalid `signature` in `thinking` block")


def signature(thinking: str) -> str:
    """The same text has the same signature, in every server: a resumed run can go on."""
    return base64.b64encode(hashlib.sha256(b"fake" + thinking.encode()).digest()).decode()


CHECKS = {
    "anthropic": check_anthropic,
    "openai": check_openai,
    "gemini": check_gemini,
    "ollama": check_ollama,
    "cohere": check_cohere,
    "bedrock": check_bedrock,
}
