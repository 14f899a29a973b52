"""The command line: verbs, `run`, and what an error costs (one line, an exit code)."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attractor
from attractor import Conversation
from harness import VERSION, defects, files
from harness.models import call, catalogue, demo, secrets
from harness.parser import Parser
from harness.talk import estimate, imported, transcript
from harness.talk.controls import Controls, hear_signals
from harness.talk.log import Log
from harness.talk.options import RESUMABLE, add_options, changing, given, make_settings
from harness.talk.settings import Settings
from harness.talk.show import how_it_ended
from harness.talk.transcript import Transcript
from harness.text import UserError, money, visible

if TYPE_CHECKING:
    from harness.screen.console import Console
    from harness.screen.keys import Keys
    from harness.screen.silent import Silent

# Exit codes; see also defects; 128 + the signal's number where one ended the run.
FAILED, USAGE = 1, 2
VERBS = (
    "run",
    "sweep",
    "report",
    "states",
    "replay",
    "export",
    "judge",
    "import",
    "models",
    "completion",
)


def main(arguments: list[str]) -> int:
    """Run the verb that the arguments begin with (`run` where none is named); what is printed is
    out when it returns, or it has been said that it can't be."""
    try:
        return _flushed(_main(arguments))
    except SystemExit as stopped:  # argparse's way to end
        raise SystemExit(_flushed(int(stopped.code or 0))) from None


def _flushed(code: int) -> int:
    """The exit code, once standard output has taken all that was printed."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it is not tried again at the exit
        if isinstance(error, BrokenPipeError):
            return 128 + getattr(signal, "SIGPIPE", 13)
        return complain(f"standard output: {error.strerror}", FAILED)
    return code


def _main(arguments: list[str]) -> int:
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("run", [])
    if verb.startswith("-"):
        verb, rest = "run", arguments
    if verb not in VERBS:
        return complain(f"no verb {verb}; there are {', '.join(VERBS)} (see --help)", USAGE)
    try:
        _refuse_keys(arguments)
        _check_surroundings()
        return _act(verb)(rest)
    except UserError as error:
        return complain(str(error), error.code)
    except BrokenPipeError:  # the reader has enough, as with `| head`
        return 128 + getattr(signal, "SIGPIPE", 13)
    except OSError as error:  # a full disk behind standard output, a name that is too long
        return complain(f"{error.filename or 'output'}: {error.strerror or error}", FAILED)
    except ModuleNotFoundError as error:
        return complain(f"{error.name} is missing: pip install -r requirements.txt", FAILED)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:  # a defect of ours: said as one, with all that mending it needs
        return complain(defects.told(error), defects.DEFECT)


def _act(verb: str) -> Callable[[list[str]], int]:
    """What a verb does, imported when it is asked for."""
    if verb == "run":
        return run
    if verb == "models":
        return list_models
    if verb == "completion":
        from harness import completion

        return lambda arguments: completion.command(arguments, VERBS, _act)
    if verb == "sweep":
        from harness.sweep.verb import command
    elif verb == "report":
        from harness.report.report import command
    elif verb == "states":
        from harness.report.listing import command
    elif verb == "replay":
        from harness.report.replay import command
    elif verb == "export":
        from harness.report.export import command
    elif verb == "judge":
        from harness.judge.verb import command
    else:
        from harness.report.importing.command import command
    return command


def _refuse_keys(arguments: list[str]) -> None:
    """No key on the command line: whatever stands there is shown, logged or sent to a model."""
    if found := secrets.in_arguments(arguments):
        flag, variable = found
        raise UserError(f"{flag}: this looks like a key; put it into .env as {variable}")


def _check_surroundings() -> None:
    """What a program takes for granted: somewhere to print, and a folder to work in. Raises
    UserError."""
    for number in (0, 1, 2):  # else the first file that is opened takes the place of what is closed
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        raise UserError("standard output is closed: use >/dev/null where nobody is to see it")
    try:
        os.getcwd()
    except OSError:
        raise UserError("the working folder was deleted: cd into one that is there") from None


def complain(text: str, code: int) -> int:
    """Say in one line what is wrong, without secrets; returns the exit code."""
    if sys.stderr is None:  # it was closed: the exit code has to do
        return code
    print("attractor:", *visible(secrets.scrub(text)).split(), file=sys.stderr, flush=True)
    return code


def run(arguments: list[str]) -> int:
    """One conversation, watched."""
    args = _run_parser().parse_args(arguments)
    catalogue.load_keys()
    from harness.screen.console import HUMAN_KEYS, KEYS_LINE, Console
    from harness.screen.keys import Keys
    from harness.screen.silent import Silent

    show = Silent() if args.quiet else Console(args.plain)
    on = not show.plain and sys.stdin is not None and sys.stdin.isatty()
    settings, past = settings_and_past(args)
    human = settings.a.human or settings.b.human
    if human and not on:
        raise UserError("a human seat needs a terminal to type in")
    call.check_installed(*settings.everybody)
    goes_on = past is not None and args.at is None
    if goes_on and args.log_dir:
        raise UserError("--log-dir: a log that goes on stays where it is")
    log = Log.reopen(args.resume) if goes_on else Log.create(args.log_dir or Path("logs"))
    with contextlib.closing(log):
        show.header(settings, log.path, (HUMAN_KEYS if human else KEYS_LINE) if on else "")
        controls = Controls(show)
        said = typed_in(past) if past else []
        keys = Keys(controls.on_key, show.control, on, ahead=human, said=said)
        talk = Conversation(settings, log, show, controls, keys)
        talk.open(past, args.at)
        code = asyncio.run(watch(talk, keys, show))
    if args.quiet:
        print(visible(str(log.path)) if sys.stdout.isatty() else log.path)
    return code


def typed_in(past: Transcript) -> list[str]:
    """What a person has typed in a log, sent or not."""
    live = (event for event in past.events if event.get("source") == "live")
    typed = (files.text_of(event.get("response") or event.get("partial")) for event in live)
    return [words for words in typed if words]


def _run_parser() -> Parser:
    parser = Parser(prog="attractor.py", description=attractor.__doc__)
    add_options(parser)
    add = parser.add_argument
    add("--version", action="version", version=f"attractor {VERSION}")
    add("--resume", metavar="LOG", type=Path, help="go on with this log")
    before = "branch off, in a new log, before TURN (before message 2 x TURN)"
    add("--at", type=int, metavar="TURN", help=f"with --resume: {before}")
    where = "where the log goes (default: logs)"
    add("--log-dir", metavar="DIR", type=Path, help=where)
    add("--plain", action="store_true", help="no colours, no keys: for pipes")
    add("--quiet", action="store_true", help="print the log's path and no more")
    return parser


def settings_and_past(args: Any) -> tuple[Settings, Transcript | None]:
    """The settings that the arguments ask for, and the transcript to go on with, if any. Raises
    UserError."""
    options = given(args)
    if args.resume is None:
        if args.at is not None:
            raise UserError("--at needs --resume LOG: it says where to branch off")
        return payable(make_settings(options)), None
    try:
        past = transcript.follow(args.resume)
    except OSError as error:
        raise UserError(f"--resume: cannot read {args.resume}: {error.strerror}") from None
    if not past.config:
        raise UserError(f"--resume {args.resume}: it holds no config: is it a log?")
    imported.refuse(past.config, args.at, options)
    before = Settings.from_config(past.settings())
    if args.at is not None:
        return _branched(options, before, past, args.at), past
    if other := changing(options, before):
        flag = "--" + other[0].replace("_", "-")
        raise UserError(f"{flag} would make it another conversation: branch it off with --at TURN")
    options = {name: value for name, value in options.items() if name in RESUMABLE}
    return make_settings(options, before), past


def _branched(options: dict[str, Any], before: Settings, past: Transcript, at: int) -> Settings:
    """The settings of a branch before turn `at`. Raises UserError where there can be none."""
    if at - 1 not in (turns := past.turns()):
        raise UserError(
            f"--at {at}: branch between turn 1 and {(turns or [0])[-1] + 1} of this log"
        )
    made = make_settings(options, before)
    if made.max_turns is not None and made.max_turns <= at:
        raise UserError(
            f"--at {at}: with --max-turns {made.max_turns} nothing would be said in this "
            f"branch; give at least --max-turns {at + 1}"
        )
    return made


def payable(settings: Settings) -> Settings:
    """The settings, unless their budget is too small for even the first message."""
    if settings.a.human or any(r.seat == "A" and r.comes(0) for r in settings.interject):
        return settings  # nobody is asked for it
    first = estimate.next_message(settings, settings.a, 0.0, len(settings.seed))
    if settings.max_cost is not None and first > settings.max_cost:
        raise UserError(
            f"--max-cost {settings.max_cost:g}: the first message alone should cost {money(first)}"
        )
    return settings


async def watch(talk: Conversation, keys: "Keys", show: "Console | Silent") -> int:
    """Let the conversation run under a person's eyes until it ends; returns the exit code."""
    code, task = 0, asyncio.current_task()
    assert task is not None

    def stop(number: int) -> None:
        nonlocal code
        code = 128 + number
        task.cancel()

    hear_signals(stop)
    call.warm(*talk.settings.everybody)
    with keys:
        end = await talk.finish()
    if end["reason"] == "stopped" and not talk.controls.ending:
        code = code or 128 + signal.SIGINT
    show.closing(
        how_it_ended(end, talk.settings), talk.state.totals, talk.state.detector, talk.log.path
    )
    return complain(end["message"], FAILED) if "error" in end else code


def list_models(arguments: list[str]) -> int:
    """Aliases, what they stand for, whether the key is there, and what LiteLLM knows of them.

    python attractor.py models
    python attractor.py models | grep -E ' (found|–) '        aliases that can be asked
    """
    Parser(prog="attractor.py models", description=list_models.__doc__).parse_args(arguments)
    catalogue.load_keys()
    from harness.screen.tables import Tables

    Tables().models(catalogue.known(), demo.ABOUT | demo.HELPERS)
    return 0
