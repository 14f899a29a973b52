"""No key is logged, shown or sent to a model: refused where it is given, scrubbed where quoted."""

import contextlib
import json

import pytest
from program import KEY, pair

from harness.models import catalogue, secrets

DEMO = [*pair("demo/bliss"), "--max-turns", 1]
MINE = "hunter2-SECRET-words"
SHAPED = "sk-ant-api03-" + "Ab3" * 8

NAMES = [
    "api-key",
    "apikey",
    "API_KEY",
    "apiKey",
    "api key",
    "a_p_i_k_e_y",
    "x-goog-api-key",
    "bearer",
    "auth",
    "passwd",
    "password",
    "db_pass",
    "pwd",
    "token",
    "access_token",
    "azure_ad_token",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "vertex_credentials",
    "Authorization",
    "client_secret",
    "Cookie",
    "api%5Fkey",
    "api\u200bkey",
    "ａｐｉｋｅｙ",
    "ocp-apim-subscription-key",
    "HF_TOKEN",
    "api_keys",
    "authtoken",
]
HARMLESS = [
    "max_tokens",
    "author",
    "monkey",
    "tokens",
    "authority",
    "max_completion_tokens",
    "keywords",
    "prompt_cache_key",
    "secretary",
    "tokenizer",
    "skip_special_tokens",
    "eos_token",
    "user",
    "stop_token_ids",
    "logit_bias",
    "compass",
    "hockey",
    "authored",
    "max_token",
    "metadata",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_parameters_name_is_read_in_any_spelling(run, name):
    for param in (
        f"{name}={MINE}",
        f"extra_body={json.dumps({'a': [{name: MINE}]})}",
        f"extra_headers={json.dumps({name: MINE})}",
        f"extra_query={json.dumps(json.dumps({name: MINE}))}",
        f"extra_body={json.dumps({name: {'type': 'x', 'value': MINE}})}",
        f"extra_headers={json.dumps([[name, MINE]])}",
    ):
        result = run(*DEMO, "--param", param)
        assert result.code == 2 and "put secrets into .env" in result.err, param
        assert MINE not in result.out + result.err and not result.folder.exists()


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_is_passed_on(name):
    assert not secrets.says_secret(name)


@pytest.mark.parametrize(
    "param",
    [
        'extra_headers={"anthropic-beta": "context-1m-2025-08-07"}',
        "user=a1b2c3d4e5f6a7b8c9d0e1f2a3",
        'thinking={"type": "enabled", "budget_tokens": 1000}',
        'stop=["a: b", "token"]',
        'response_format={"json_schema": {"schema": {"properties": {"key": {"type": "string"}}}}}',
        "url=http://127.0.0.1:8000/v1?api-version=2024-10-21",
        "cache_key=true",
        "temperature=1",
    ],
)
def test_a_harmless_value_is_passed_on(param):
    name, _, value = param.partition("=")
    with contextlib.suppress(ValueError):
        value = json.loads(value)
    assert not secrets.in_value({name: value})


@pytest.mark.parametrize(
    "address",
    [
        "http://me:{}@h/v1",
        "me:{}@h:80/v1",
        "me%3A{}%40h/v1",
        "http%3A%2F%2Fme%3A{}%40h",
        "//me:{}@h",
        "http:\\\\me:{}@h",
        "http://h/v1?api_key={}",
        "http://h/v1?{}",
        "http://h/v1#token={}",
        "http://h/;token={}",
        "https://{}@h",
        "http://me:x/{}@h/v1",
        "http://h/v1?sig={}",
        "http:me:{}@h",
        "http://h/v1?x=%2561pi_key%253D1&access%5Ftoken={}",
    ],
)
def test_an_address_cannot_hold_a_login(run, address):
    for flag in ("--api-base", "--api-base-b"):
        result = run("-a", "opus", "-b", "opus", flag, address.format(MINE))
        assert result.code == 2 and "ANTHROPIC_API_KEY" in result.err
        assert MINE not in result.out + result.err and not result.folder.exists()


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8000/v1",
        "localhost:11434",
        "http://[::1]:8000/v1",
        "https://x.azure.com/openai?api-version=2024-10-21",
        "https://gw.example.com/v1/key-free",
        "https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/run/@cf/m",
    ],
)
def test_a_plain_address_is_taken(address):
    assert not secrets.in_address(address)


@pytest.mark.parametrize(
    "words",
    [
        ["-a", SHAPED],
        ["-b", f"openai/{SHAPED}"],
        ["--seed", f"use {SHAPED}"],
        ["--seed", KEY],
        ["--system", f"say {KEY} now"],
        ["--empty-as", SHAPED],
        ["--interject", f"1:A:{KEY}"],
        ["--reasoning-effort", KEY],
        ["--log-dir", SHAPED],
        ["-a", "abcdefABCDEF0123456789xyz"],
        ["--api-key", SHAPED],
        [f"--api-key={MINE}"],
        ["--apikey", MINE],
        ["--param", MINE],
        ["--stop-on", KEY],
        ["--tools", KEY],
        ["--max-turns", KEY],
        ["--on-exit", SHAPED],
        ["--seed", "@seed.txt"],
        ["--model-a=" + SHAPED],
        ["--param", f"user={SHAPED}"],
    ],
)
def test_a_key_in_the_place_of_a_text_is_refused(run, tmp_path, words):
    (tmp_path / "seed.txt").write_text(f"here: {SHAPED}")
    for verb in ([], ["sweep", "--plain"]):
        result = run(*verb, *DEMO, *words)
        assert result.code == 2 and result.err.count("\n") == 1, result.err
        for secret in (MINE, SHAPED, "abcdefABCDEF0123456789xyz"):
            assert secret not in result.out + result.err
        assert not list(tmp_path.rglob("*.jsonl")) and not list(tmp_path.rglob("sweep.json"))
    (tmp_path / "seed.txt").unlink()


def test_a_judge_takes_no_key_either(run):
    log = run(*DEMO).log
    for words in (["--model", SHAPED], ["--model", "opus", "--api-base", f"me:{MINE}@h"]):
        result = run("judge", log, *words)
        assert result.code == 2 and SHAPED not in result.err and MINE not in result.err


@pytest.mark.parametrize(
    "name",
    [
        "AWS_BEARER_TOKEN_BEDROCK",
        "HF_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "WATSONX_APIKEY",
        "PGPASSWORD",
        "MY_AUTH",
        "GITHUB_TOKEN_2",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_AD_TOKEN",
    ],
)
def test_what_a_variable_holds_is_scrubbed_in_every_form(monkeypatch, name):
    monkeypatch.setenv(name, value := 'pa ss/"w0rd"\\é&x')
    for form in secrets._forms(value):
        assert secrets.scrub(f"<{form}>") == "<[secret]>"


def test_what_a_file_of_credentials_holds_is_scrubbed(monkeypatch, tmp_path):
    content = json.dumps({"type": "service_account", "private_key": "LINE1\nLINE2-abcdef"})
    (tmp_path / "key.json").write_text(content)
    for value in (content, str(tmp_path / "key.json")):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", value)
        said = secrets.scrub(f"service_account LINE1 LINE2-abcdef at {tmp_path}/key.json")
        assert said == f"service_account [secret] at {tmp_path}/key.json"


@pytest.mark.parametrize(
    "said, shown",
    [
        (f"wrong key {SHAPED}!", "wrong key [secret]!"),
        ("at http://me:pw123@h/v1", "at http://[secret]@h/v1"),
        ("GET /v1beta?alt=sse&key=abc123", "GET /v1beta?alt=sse&key=[secret]"),
        ("Authorization: Bearer abc123def456", "Authorization: [secret]"),
        ("the bearer of news, basic training", "the bearer of news, basic training"),
        ("task-management-system-v2 is no key", "task-management-system-v2 is no key"),
        ("?max_tokens=3&page=2", "?max_tokens=3&page=2"),
    ],
)
def test_what_an_error_quotes_is_scrubbed(said, shown):
    assert secrets.scrub(said) == shown


def test_no_model_that_litellm_knows_looks_like_a_key():
    assert not [name for name in catalogue.price_map() if secrets.in_words(name)]


def test_a_dummy_for_a_local_server_is_no_secret(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "ollama")
    assert secrets.scrub("ollama/llama3 is unknown") == "ollama/llama3 is unknown"
