"""`sweep --judge`: each run is labelled as it ends, on the sweep's money."""

import json

import pytest
from judging import answer, span
from program import KEY, real
from provider import Provider, Reply, status

from harness.judge import labels

SWEEP = ["--max-turns", 2, "--tools", "none", "--concurrency", 1, "--plain"]
TALK = ["Hello there.", "Hello to you.", "Goodbye!", "Goodbye, take care!"]


def is_judge(body):
    return "You label transcripts" in json.dumps(body.get("system", ""))


def voice(verdict=None, **reply):
    """Both models' words, and a judge's answers."""

    def say(body, i):
        if is_judge(body):
            good = span(quote="Goodbye!", at=2, first=2, last=3)
            return verdict(body) if verdict else answer(good)
        return Reply(TALK[len(body["messages"]) - 1], **reply)

    return say


def sweep(run, provider, *words, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_BASE", provider.url)
    return run("sweep", *real(provider)[:4], *SWEEP, "--judge", "opus", *words)


def judged(provider):
    return sum(is_judge(request.body) for request in provider.requests)


def logs_of(tmp_path):
    return sorted((tmp_path / "logs").rglob("*.jsonl"))


def test_each_run_is_labelled_as_it_ends(run, tmp_path, monkeypatch):
    with Provider(voice()) as provider:
        result = sweep(run, provider, "--runs", 2, monkeypatch=monkeypatch)
        kinds = [is_judge(request.body) for request in provider.requests]
        assert result.code == 0 and kinds == [*[False] * 4, True] * 2
        again = sweep(run, provider, "--runs", 2, monkeypatch=monkeypatch)
        assert again.code == 0 and len(provider.requests) == 10
    assert "labels by opus: 2 of 2 runs; $" in again.out
    for log in logs_of(tmp_path):
        known = labels.labels_of(log)
        assert known["states"] and known["cost_usd"] > 0 and known["n_messages"] == 4
    assert "states are the labels of anthropic/claude-opus-5-5" in " ".join(
        run("report", "logs").out.split()
    )


def test_a_run_that_ended_before_is_labelled_by_the_same_command_with_a_judge(run, monkeypatch):
    with Provider(voice()) as provider:
        monkeypatch.setenv("ANTHROPIC_API_BASE", provider.url)
        assert run("sweep", *real(provider)[:4], *SWEEP, "--runs", 2).code == 0
        assert sweep(run, provider, "--runs", 2, monkeypatch=monkeypatch).code == 0
        assert judged(provider) == 2 and len(provider.requests) == 10


def test_a_judge_that_fails_is_no_failed_run_and_is_asked_again_by_the_same_command(
    run, monkeypatch
):
    down = [True]

    def verdict(body):
        return Reply(fault=status(401)) if down[0] else answer()

    with Provider(voice(verdict)) as provider:
        result = sweep(run, provider, "--runs", 2, monkeypatch=monkeypatch)
        assert result.code == 1 and judged(provider) == 1 and "2 done" in result.out
        assert "labels by opus: 0 of 2 runs (missing: 2: " in result.out
        assert "refuses the key" in result.out and "go on with what is missing" in result.out
        down[0] = False
        again = sweep(run, provider, "--runs", 2, monkeypatch=monkeypatch)
        assert again.code == 0 and judged(provider) == 3 and len(provider.requests) == 11
    assert KEY not in result.out + again.out


def test_a_defect_in_labelling_is_told_and_is_no_failed_run(run, monkeypatch):
    def broken(file, found):
        raise ZeroDivisionError

    monkeypatch.setattr(labels, "save", broken)
    with Provider(voice()) as provider:
        result = sweep(run, provider, monkeypatch=monkeypatch)
    assert result.code == 70 and "1 done" in result.out
    assert "missing: 1: a defect of attractor: ZeroDivisionError" in result.out


@pytest.mark.parametrize("budget, done", [(1.0, 1), (100.0, 2)])
def test_the_judges_money_is_the_sweeps(run, tmp_path, monkeypatch, budget, done):
    def verdict(body):  # 500,000 tokens of opus: $2
        return Reply(answer(), input_tokens=500_000, output_tokens=10)

    with Provider(voice(verdict, input_tokens=10, output_tokens=5)) as provider:
        result = sweep(run, provider, "--runs", 2, "--max-cost", budget, monkeypatch=monkeypatch)
    made = [log for log in logs_of(tmp_path) if labels.labels_of(log)]
    assert len(made) == judged(provider) == done
    assert ("--max-cost reached" in result.out) == (done == 1)


def test_a_run_that_ended_before_its_first_message_lacks_no_labels(run, monkeypatch):
    with Provider(voice()) as provider:
        result = sweep(run, provider, "--max-cost-per-run", 1e-7, monkeypatch=monkeypatch)
        assert not provider.requests
    assert result.code == 0 and "1 done" in result.out and "labels by opus: 0 of 0" in result.out
    assert "go on with what is missing" not in result.out


MORE = ["--name", "s", "--runs", 2, "--extend", "--max-cost", 1]


def test_what_the_judge_costs_counts_where_its_price_is_unknown_too(run, tmp_path, monkeypatch):
    with Provider(voice(input_tokens=10, output_tokens=5)) as provider:
        sweep(run, provider, "--name", "s", monkeypatch=monkeypatch)
        (file,) = (tmp_path / "logs").rglob("*.labels.json")
        file.write_text(json.dumps(json.loads(file.read_text()) | {"cost_usd": None}))
        before = len(provider.requests)
        result = sweep(run, provider, *MORE, monkeypatch=monkeypatch)
        assert len(provider.requests) == before and "--max-cost cannot be kept" in result.out


def test_what_the_judge_has_cost_before_counts_against_the_budget(run, monkeypatch):
    def verdict(body):
        return Reply(answer(), input_tokens=500_000, output_tokens=10)

    with Provider(voice(verdict, input_tokens=10, output_tokens=5)) as provider:
        sweep(run, provider, "--name", "s", monkeypatch=monkeypatch)
        before = len(provider.requests)
        result = sweep(run, provider, *MORE, monkeypatch=monkeypatch)
        assert len(provider.requests) == before and "--max-cost reached" in result.out


def test_what_a_judge_was_paid_within_a_run_counts_against_the_budget_and_is_not_paid_twice(
    run, monkeypatch
):
    answers = iter([Reply(answer(), input_tokens=500_000), Reply(fault=status(401)), answer()])

    def say(body, i):  # 66 messages: the judge reads them in two windows
        return next(answers) if is_judge(body) else Reply(f"Words {i} " * 3, input_tokens=10)

    long = ["--name", "s", "--max-turns", 33]
    with Provider(say) as provider:
        assert sweep(run, provider, *long, monkeypatch=monkeypatch).code == 1
        assert judged(provider) == 2
        poor = sweep(run, provider, *long, "--max-cost", 1, monkeypatch=monkeypatch)
        assert judged(provider) == 2 and "--max-cost" in poor.out
        rich = sweep(run, provider, *long, "--max-cost", 9, monkeypatch=monkeypatch)
        assert rich.code == 0 and judged(provider) == 3
    assert "labels by opus: 1 of 1 run; $2." in rich.out


@pytest.mark.parametrize(
    "model, why",
    [
        ("demo/goodbye", "--judge demo/goodbye cannot judge"),
        ("human", "--judge human cannot judge"),
        ("nonsense", "no model nonsense"),
    ],
)
def test_who_cannot_judge_is_refused_before_anything_is_asked(run, tmp_path, model, why):
    result = run("sweep", "-a", "demo/bliss", "-b", "same", *SWEEP, "--judge", model)
    assert result.code == 2 and why in result.err and not logs_of(tmp_path)


def test_a_judge_without_a_key_is_refused_before_anything_is_asked(run, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    result = run("sweep", "-a", "demo/bliss", "-b", "same", *SWEEP, "--judge", "gpt")
    assert result.code == 2 and "--judge: gpt needs OPENAI_API_KEY" in result.err
