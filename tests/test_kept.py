"""What a report keeps of the logs that it has read: always the same as reading them again."""

import contextlib
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import hostile
import hypothesis
import made_logs as logs
import pytest
from hypothesis import strategies as st
from judging import labelled
from program import ROOT, SHARED, needs_shared

import harness.report.kept
from harness.report import page, words
from harness.report.kept import Kept, opened
from harness.report.parallel import MANY
from harness.report.summary import Source, summary_of

FORMS = (
    [],
    ["--json"],
    ["--csv"],
    ["--details", "--words", "rivers,🌀"],
    ["--compare", "tools"],
    ["--labels", "rules"],
    ["--html", "report.html"],
)


@pytest.fixture(autouse=True)
def begun(monkeypatch):
    """Whoever works on the sources while these tests run makes no difference to them."""
    monkeypatch.setattr(harness, "BEGUN", time.time())


@pytest.fixture
def kept(cache):
    """kept() -> each kept file, and what would be another if it had been written again."""

    def look() -> dict[Path, tuple[int, int]]:
        files = (cache / "attractor").glob("*.json")
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    return look


@pytest.fixture
def report(run):
    """report(arguments...) -> what `report logs` prints, and the page where one is asked for."""

    def act(*arguments: object) -> tuple[str, bytes]:
        result = run("report", "logs", *arguments)
        assert (result.code, result.err) == (0, "")
        html = Path("report.html").read_bytes() if "--html" in arguments else b""
        return result.out, html

    return act


def odd_logs(folder: Path) -> None:
    """A log of odd texts, and one with all that can be told of a run."""
    odd = ["</script>", "\ud800 lone \udfff \ud83d", "\u2028\x00\x1b[2J\r\n", "", "👩‍👩‍👧"]
    logs.write(folder / "odd.jsonl", logs.config(), *map(logs.turn, range(5), odd), logs.end())
    said = logs.talk(30, bye=20)
    tried = {"tool": "exit", "arguments": {}, "reason": "\ud83d", "outcome": "declined"}
    said[3] |= {"tool_attempts": [tried], "flags": ["truncated", "refused"], "refusal": "no"}
    said[8] |= {"interjected": True, "source": "live", "response": "Stop that now."}
    said[12] |= {"usage": {}, "cost_usd": None}
    parent = {"log": "odd.jsonl", "turn": 2}
    slide = {"type": "slide", "turn": 3, "label": "Model A", "from_message": 2}
    about = logs.config(parent=parent)
    rested(logs.write(folder / "all.jsonl", about, b"no JSON\n", *said, slide))


def rested(log: Path) -> None:
    """As if nobody had written to a log for a while, so that it is kept though it has no end."""
    os.utime(log, (time.time() - 90,) * 2)


# ---------------------------------------------------------------- the same, sooner


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_a_second_report_is_the_same_and_reads_no_log_again(report, kept, form):
    logs.sweep(Path("logs"), 3)
    odd_logs(Path("logs"))
    plain = report(*form, "--no-cache")
    assert not kept()
    assert report(*form) == plain
    before = kept()
    assert len(before) == 6  # three of the eight logs are the same to the last byte
    assert report(*form) == plain
    assert kept() == before


@hypothesis.given(st.lists(hostile.WORDS, min_size=1, max_size=8))
def test_whatever_was_said_is_found_as_it_was_made(said):
    also = {"page": page.transcript, "words": partial(words.count, asked=("you",))}
    with tempfile.TemporaryDirectory() as folder:
        log = logs.write(
            Path(folder, "a.jsonl"), logs.config(), *map(logs.turn, range(8), said), logs.end()
        )
        source = Source(log, log.read_bytes(), "rules", None)
        made = Kept(Path(folder), b"").summary_of(source, also)
        assert made == Kept(Path(folder), b"").summary_of(source, also) == summary_of(source, also)


@needs_shared
@pytest.mark.parametrize("folder", ["spans", "terminal"])
def test_a_second_report_on_recorded_conversations_is_the_same(report, kept, folder):
    shutil.copytree(SHARED / folder, "logs")
    plain = report("--html", "report.html", "--no-cache")
    assert report("--html", "report.html") == plain
    before = kept()
    assert before and report("--html", "report.html") == plain
    assert kept() == before


def test_many_logs_are_kept_by_two_reports_at_once(start, kept):
    for number in range(MANY + 5):
        logs.write(
            Path(f"logs/{number}.jsonl"), logs.config(), *logs.talk(6 + number % 9), logs.end()
        )
    both = [start("report", "logs", "--csv") for _ in range(2)]
    told = [process.communicate(timeout=100) for process in both]
    before = kept()
    again = start("report", "logs", "--csv").communicate(timeout=100)
    assert told == [again, again] and again[0].count("\n") == MANY + 6
    assert kept() == before and len(before) == 9
    assert {path.suffix for path in next(iter(before)).parent.iterdir()} == {".json", ""}


def test_a_report_with_less_finds_what_one_with_more_has_kept(report, kept):
    logs.sweep(Path("logs"), 2)
    whole = report("--html", "report.html")
    before = kept()
    report("--csv")
    report("--words")
    assert kept() == before
    for word in "abc":  # the page's own count of words is now the oldest of all that is kept
        report("--words", word)
    assert report("--html", "report.html") == whole
    latest = kept()
    assert latest != before
    report("--words", "c")
    report("--words")
    assert kept() == latest


def test_a_log_that_was_moved_shows_where_it_is(run, kept):
    logs.sweep(Path("logs"), 1)
    run("report", "logs")
    before = kept()
    Path("logs").rename("elsewhere")
    assert "elsewhere/none0.jsonl" in run("report", "elsewhere", "--csv").out
    assert kept() == before


# ---------------------------------------------------------------- never what was, but is no more


def test_a_log_that_grew_is_read_anew(report, kept):
    logs.sweep(Path("logs"), 2)
    report()
    before = kept()
    with open("logs/none0.jsonl", "ab") as log:
        log.write(logs.encode(logs.turn(20, logs.BYE)))
    rested(Path("logs/none0.jsonl"))
    grown = report("--json")
    assert grown == report("--json", "--no-cache")
    assert logs.figures(grown[0])["conditions"][0]["messages"] == 41
    assert kept().items() > before.items() and len(kept()) == len(before) + 1


def test_a_log_that_is_being_written_is_not_kept(report, kept):
    log = Path("logs/growing.jsonl")
    logs.write(log, logs.config(), *map(logs.turn, range(4), ["Hello.", "Hi.", "Well?", "Fine."]))
    fresh = report("--json")
    assert not kept()
    rested(log)
    assert report("--json") == fresh == report("--json") and len(kept()) == 1


def test_what_another_version_of_the_program_has_kept_is_not_found(kept, tmp_path, cache):
    copy = tmp_path / "copy"
    for name in ("harness", "prompts"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("attractor.py", "tools.py"):
        shutil.copy(ROOT / name, copy)
    logs.sweep(Path("logs"), 2)

    def told(*more: str) -> str:
        command = [sys.executable, copy / "attractor.py", "report", "logs", "--csv", *more]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    first = told()
    before = kept()
    assert told() == first and kept() == before
    table = copy / "harness/states/themes.txt"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    bias = next(number for number, row in enumerate(rows) if row.startswith("chain\tbias"))
    rows[bias] = "chain\tbias" + 6 * "\t-99" + "\n"  # no theme ever
    table.write_text("".join(rows), encoding="utf-8")
    changed = told()
    assert changed == told("--no-cache") != first
    assert len(kept()) == 2 * len(before)
    prompt = copy / "prompts/system/mine.txt"
    prompt.write_text("You help.\n", encoding="utf-8")
    assert told() == told("--no-cache") != changed


def test_nothing_is_kept_by_a_program_that_is_changed_while_it_runs(report, kept, monkeypatch):
    logs.sweep(Path("logs"), 1)
    monkeypatch.setattr(harness, "BEGUN", 0.0)
    report()
    assert not kept()


def test_verdicts_of_the_rules_and_of_a_judge_are_kept_apart(run, kept):
    paths = sorted(logs.sweep(Path("logs"), 1).glob("*.jsonl"))

    def told(*more: str) -> str:
        result = run("report", "logs", "--json", *more)
        plain = run("report", "logs", "--json", *more, "--no-cache")
        assert (result.code, result.out, result.err) == (plain.code, plain.out, plain.err)
        return result.out + result.err

    rules = told()
    assert "no labels by a judge" in told("--labels", "judge")  # and no verdicts of the rules
    for path in paths:
        labelled(path, 20)
    judged = told()
    assert '"of": "judge"' in judged and '"of": "rules"' in rules
    labelled(paths[0], 20, "creative_escape")
    assert told() not in (judged, rules)
    labelled(paths[0], 12)
    assert "older" in told()
    assert json.loads(told("--labels", "rules"))["conditions"] == json.loads(rules)["conditions"]


# ---------------------------------------------------------------- what can be wrong with the files


def torn(files: list[Path]) -> None:
    for file in files:
        os.truncate(file, file.stat().st_size - 9)


def empty(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(b"")


def flipped(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(file.read_bytes().replace(b'"demo": false', b'"demo": true '))


def without_a_sum(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(file.read_bytes().partition(b"\n")[2])


def pickled(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(b"cposix\nsystem\n(S'touch hacked'\ntR.")


def exchanged(files: list[Path]) -> None:
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents[1:] + contents[:1], strict=True):
        file.write_bytes(content)


@pytest.mark.parametrize("damage", [torn, empty, flipped, without_a_sum, pickled, exchanged])
def test_what_is_damaged_is_read_anew_and_kept_again(report, kept, damage):
    logs.sweep(Path("logs"), 2)
    plain = report("--csv")
    whole = {file: file.read_bytes() for file in kept()}
    damage([*whole])
    assert {file: file.read_bytes() for file in kept()} != whole
    assert report("--csv") == plain
    assert {file: file.read_bytes() for file in kept()} == whole
    assert not Path("hacked").exists()


@contextlib.contextmanager
def a_file_in_its_place(cache):
    cache.write_text("")
    yield
    assert cache.read_text() == ""


@contextlib.contextmanager
def a_link_to_elsewhere(cache):
    Path("mine").mkdir()
    cache.mkdir()
    (cache / "attractor").symlink_to(Path("mine").absolute())
    yield
    assert not [*Path("mine").iterdir()]


@contextlib.contextmanager
def folders_in_the_place_of_files(cache):
    (cache / "attractor" / "looked-through").mkdir(parents=True)
    yield


@contextlib.contextmanager
def no_home(cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", "not/absolute")
        patch.setenv("HOME", str(Path("neither").absolute()))
        yield
    assert not Path("not").exists() and not Path("neither").exists()


@pytest.mark.parametrize(
    "trouble", [a_file_in_its_place, a_link_to_elsewhere, folders_in_the_place_of_files, no_home]
)
def test_a_folder_that_cannot_be_had_is_no_error(report, cache, trouble):
    logs.sweep(Path("logs"), 1)
    plain = report("--csv", "--no-cache")
    with trouble(cache):
        assert report("--csv") == plain
        assert report("--csv") == plain


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_full_disk_is_no_error_and_leaves_no_halves(start, report, cache):
    logs.sweep(Path("logs"), 1)
    plain, _ = report("--csv", "--no-cache")
    process = start(
        "report",
        "logs",
        "--csv",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # else it would cut that and use it
    )
    assert process.communicate(timeout=100) == (plain, "") and process.returncode == 0
    assert [file.name for file in (cache / "attractor").iterdir()] == ["looked-through"]


# ---------------------------------------------------------------- whose it is, and for how long


@pytest.mark.skipif(sys.platform == "win32", reason="a home has another name there")
@pytest.mark.parametrize(
    ("system", "place"), [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData")]
)
def test_the_folder_is_where_each_system_has_its_caches(tmp_path, monkeypatch, system, place):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData"))
    monkeypatch.setattr(sys, "platform", system)
    (tmp_path / place).mkdir(parents=True)
    assert opened().folder == tmp_path / place / "attractor"


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_nobody_else_can_look_into_the_folder(report, cache):
    logs.sweep(Path("logs"), 1)
    report()
    assert (cache / "attractor").stat().st_mode & 0o777 == 0o700
    (cache / "attractor").chmod(0o755)
    report()
    assert (cache / "attractor").stat().st_mode & 0o777 == 0o700


def test_what_nobody_asks_for_any_more_is_removed(report, kept, cache):
    logs.sweep(Path("logs"), 2)
    report()
    used, forgotten = [*kept()][:2], [*kept()][2:]
    half = cache / "attractor" / f".{used[0].stem}.123.part"
    half.write_text("half a summary, whose writer was killed")
    yours = cache / "attractor" / "package.json"  # there by chance
    yours.write_text("{}")
    old = time.time() - 40 * 86_400
    for path in (*kept(), half, yours):
        os.utime(path, (old, old))
    report()  # each is asked for, and today has been looked through before
    assert all(path.stat().st_mtime > time.time() - 100 for path in kept() if path != yours)
    for path in forgotten:
        os.utime(path, (old, old))
    yesterday = time.time() - 2 * 86_400
    os.utime(cache / "attractor" / "looked-through", (yesterday, yesterday))
    shutil.rmtree("logs")
    logs.write(Path("logs/other.jsonl"), logs.config(), *logs.talk(4), logs.end())
    report()
    assert {*used, yours} < {*kept()} and not {*forgotten} & {*kept()} and not half.exists()


def test_what_can_only_be_read_still_serves(report, kept, monkeypatch):
    logs.sweep(Path("logs"), 2)
    plain = report("--csv")
    old = time.time() - 2 * 86_400
    for path in kept():
        os.utime(path, (old, old))

    def refused(*_: object, **more: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr(harness.report.kept, "summary_of", None)  # no log is read again
    assert report("--csv") == plain


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_full_folder_for_temporary_files_is_named(start):
    logs.sweep(Path("logs"), 1)
    process = start(
        *("report", "logs", "--html", "r.html", "--no-cache"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.count("\n") == 1
    assert f"{tempfile.gettempdir()}: File too large; TMPDIR" in err
