"""What long work leaves behind, and what it shows while it goes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import made_logs as logs
import pytest
from program import PROGRAM, pair
from terminal import Terminal

from harness.files import replacing
from harness.screen.progress import Progress
from harness.text import UserError


def test_a_file_is_replaced_whole_or_not_at_all():
    path = Path("out.txt")
    with replacing(path) as file:
        file.write("first\n")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write("sec")
        raise KeyboardInterrupt
    assert path.read_text() == "first\n"
    assert [p.name for p in Path().iterdir()] == ["out.txt"]


def test_what_cannot_be_written_is_one_line_for_the_user():
    Path("folder").mkdir()
    for path in ("no/such/folder.txt", "folder", "x" * 300):
        with pytest.raises(UserError, match="cannot write"), replacing(Path(path)) as file:
            file.write("x")
    assert [p.name for p in Path().iterdir()] == ["folder"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_failure_and_no_fault_of_the_command_line(run):
    made = run(*pair("demo/bliss"), "--max-turns", 1, "--quiet")
    for words in (
        ["report", made.log, "--html", "/dev/full"],
        ["export", made.log, "--format", "md", "-o", "/dev/full"],
    ):
        result = run(*words)
        assert result.code == 1 and "/dev/full: No space left on device" in result.err


def test_a_link_stays_a_link():
    Path("real.txt").write_text("old")
    Path("link.txt").symlink_to("real.txt")
    with replacing(Path("link.txt")) as file:
        file.write("new")
    assert Path("link.txt").is_symlink()
    assert Path("real.txt").read_text() == "new"


def test_the_progress_line_says_what_is_left():
    progress = Progress("reading", 1002, "log")
    progress.step()
    progress.step()
    assert progress.line(1.0) == "reading: 2 of 1,002 logs"
    assert progress.line(10.0) == "reading: 2 of 1,002 logs, about 83 min left"


def test_a_pipe_sees_no_progress_line(capfd, monkeypatch):
    monkeypatch.setattr("harness.screen.progress.SOON", 0)
    with Progress("reading", 3, "log") as progress:
        assert list(progress.over(range(3))) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


def long_work(folder: Path) -> None:
    """Logs that take a report some seconds."""
    for number in range(60):
        about = logs.config(seed=f"Hello {number}")  # else what is kept of one serves for all
        logs.write(folder / f"{number:03}.jsonl", about, *logs.talk(600, bye=9))


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_report_that_is_killed_leaves_no_process(start, number):
    long_work(Path("logs"))
    process = start("report", "logs", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (workers := children.read_text().split()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    process.wait()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        time.sleep(0.02)  # for ever, where one stays


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows ends a process at once")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_report_that_is_told_to_end_leaves_no_half_page(start, name):
    number = getattr(signal, name)
    long_work(Path("logs"))
    process = start("report", "logs", "--html", "page.html", "--no-cache")
    while process.poll() is None and not list(Path().glob(".page*")):
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == -number and not out + err
    assert not list(Path().glob("*page*"))


def test_a_terminal_sees_the_line_while_the_work_goes_and_ctrl_c_leaves_nothing(tmp_path):
    long_work(tmp_path / "logs")
    command = [*PROGRAM, "report", "logs", "--html", "page.html"]
    with Terminal(command, tmp_path) as terminal:
        terminal.wait_for(" of 60 logs")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait_end() == 128 + signal.SIGINT
        assert "Traceback" not in terminal.text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs"]
