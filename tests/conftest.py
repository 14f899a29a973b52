"""The fixtures that the tests share: a folder of their own, fake keys, the program run."""

import contextlib
import os
import signal
import subprocess
import sys

import hypothesis
import pytest
from program import KEY, PROGRAM, Result

from harness import cli

# What the shell that starts the tests may have set, and what would show in the output.
DECORATION = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "PYTHONIOENCODING")

# How long an example takes says nothing beside other tests, and too slow a machine nothing of us.
hypothesis.settings.register_profile(
    "beside_others", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("beside_others")

with contextlib.suppress(AttributeError, ValueError):  # `nohup` may have started the tests
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one more than there are processors, as many tests wait more than they work."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_yours(tmp_path_factory):
    """What whoever starts the tests keeps of reports is neither seen nor added to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path):
    """Where a test's own processes keep things, beside its folder."""
    return tmp_path.with_name(f"{tmp_path.name}-cache")


@pytest.fixture(autouse=True)
def workplace(tmp_path, cache, monkeypatch):
    """Each test runs in an empty folder, with fake keys and no others; none may leak. Nothing of
    the terminal of whoever starts the tests is seen in there."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_BASE")) or name in DECORATION:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    yield tmp_path
    for path in (*tmp_path.rglob("*"), *cache.rglob("*")):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), f"the key leaked into {path}"


@pytest.fixture
def run(tmp_path, capfd):
    """run("-a", "opus", ...) -> Result: the program in this process, as from the command line."""

    def run_here(*arguments: object) -> Result:
        capfd.readouterr()
        words = [str(argument) for argument in arguments]
        try:
            code = cli.main(words)
        except SystemExit as stopped:  # argparse's way to end
            code = int(stopped.code or 0)
        out, err = capfd.readouterr()
        assert KEY not in out + err
        return Result(code, out, err, tmp_path / "logs")

    return run_here


@contextlib.contextmanager
def killed_after():
    """A list of processes that are killed when the test ends."""
    processes = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def start(tmp_path):
    """start("-a", "opus", ...) -> a process of its own, killed when the test ends."""

    def start_process(*arguments: object, **options: object) -> subprocess.Popen:
        words = PROGRAM + [str(argument) for argument in arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # not C's environment, in which readline puts the size of whoever's terminal
        how = {"cwd": tmp_path, "text": True, "env": dict(os.environ)} | pipes | options
        process = subprocess.Popen(words, **how)
        started.append(process)
        return process

    with killed_after() as started:
        yield start_process


@pytest.fixture(scope="session")
def loaded():
    """The process that has LiteLLM loaded for others (tests/loaded.py), where that is safe."""
    if sys.platform != "linux":
        yield None
        return
    from loaded import Loaded

    with Loaded() as process:
        yield process


@pytest.fixture
def fork(loaded, start, tmp_path):
    """fork("-a", "opus", ...) -> as `start`, in a process that has LiteLLM loaded already."""
    if not loaded:
        yield start
        return

    def fork_process(*arguments: object):
        process = loaded.start(PROGRAM + [str(argument) for argument in arguments], tmp_path)
        forked.append(process)
        return process

    with killed_after() as forked:
        yield fork_process
