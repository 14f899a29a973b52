"""Completion for bash and zsh, made from the parsers of all verbs.

    source <(python attractor.py completion bash)      in ~/.bashrc; zsh: the same with zsh

Verbs, options and their values complete after `attractor`, `attractor.py` and `./attractor.py`,
not after `python attractor.py`: there the shell completes what belongs to python.
"""

import argparse
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import tools
from harness import prompts
from harness.models import catalogue, demo
from harness.parser import DESCRIBE, Described, Parser
from harness.states.names import SHORT

COMMANDS = ("attractor", "attractor.py", "./attractor.py")
FILES = "files"  # a value that is a file or a folder
SETTINGS = (  # what --by and --compare take of what runs differ in
    *("model", "system", "tools", "seed", "interject", "puppet", "temperature", "max_tokens"),
    *("reasoning_effort", "on_exit", "on_empty", "on_full", "stop_on", "max_turns", "max_cost"),
)
Values = str | tuple[str, ...]


def command(arguments: list[str], verbs: tuple[str, ...], act: Callable[[str], Callable]) -> int:
    """Print the completion of a shell."""
    parser = Parser(prog="attractor.py completion", description=__doc__)
    parser.add_argument("shell", metavar="{bash,zsh}", choices=("bash", "zsh"))
    args = parser.parse_args(arguments)
    known = {verb: options(parser_of(act(verb))) for verb in verbs if verb != "completion"}
    known["completion"] = {"": ("bash", "zsh")}
    print({"bash": bash, "zsh": zsh}[args.shell](known))
    return 0


def parser_of(verb: Callable[[list[str]], int]) -> argparse.ArgumentParser:
    """The parser that a verb would read its arguments with."""
    try:
        verb(DESCRIBE)
    except Described as described:
        return described.parser
    raise AssertionError("a verb has read no arguments")


def options(parser: argparse.ArgumentParser) -> dict[str, Values]:
    """The values that each option takes: words, FILES, or none; under "" those of no option."""
    found: dict[str, Values] = {}
    for action in parser._actions:
        for flag in action.option_strings or [""]:
            found[flag] = () if action.nargs == 0 else values(action)
    return found


def values(action: argparse.Action) -> Values:
    """What may stand behind an option, as far as it is known."""
    if action.choices:
        return tuple(map(str, action.choices))
    models = (*catalogue.aliases(), *(f"demo/{name}" for name in demo.SCRIPTS))
    named: dict[str, Values] = {
        "model_a": (*models, "human"),
        "model_b": (*models, "human"),
        "model": (*catalogue.aliases(), f"demo/{demo.JUDGE}"),
        "system": (*prompts.names("system"), "none"),
        "tools": ("all", "none", *tools.EXIT_TOOLS),
        "stop_on": tuple(SHORT.values()),
        "recipe": tuple(prompts.names("recipes")),
        "by": SETTINGS,
        "compare": SETTINGS,
        "interject": tuple(f"@{name}" for name in prompts.names("interjections")),
        "puppet": (
            *(f"={name}" for name in (*catalogue.aliases(), f"demo/{demo.PUPPET}")),
            *(f"@{name}" for name in prompts.names("puppets")),
        ),
    }
    for name in (action.dest, re.sub("_[ab]$", "", action.dest)):
        if name in named:
            return named[name]
    wanted = str(action.metavar or "")
    return FILES if action.type is Path or re.search("FILE|LOG|DIR|FOLDER", wanted) else ()


def bash(known: dict[str, dict[str, Values]]) -> str:
    """A function that offers the verb's options, or the values of the option before."""
    cases = []
    for verb, takes in known.items():
        for flag, words in takes.items():
            if flag in ("--interject", "--puppet"):
                cases.append(f"    {verb}:{flag}) {_bash_part(words)} ;;")
            elif flag and words:
                cases.append(f"    {verb}:{flag}) {_bash_offer(words)} ;;")
        flags = " ".join(flag for flag in takes if flag)
        cases.append(f"    {verb}:*) {_bash_offer(takes.get('', ()), flags)} ;;")
    return f"""_attractor() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb=run
  COMPREPLY=()
  case " {" ".join(known)} " in *" ${{COMP_WORDS[1]}} "*) verb=${{COMP_WORDS[1]}} ;; esac
  if [ "$COMP_CWORD" = 1 ] && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -W {shlex.quote(" ".join(known))} -- "$word"))
    return
  fi
  local at=$((COMP_CWORD - 1)) said=
  while [ $at -gt 1 ] && [[ ${{COMP_WORDS[at]}} != -* ]]; do at=$((at - 1)); done
  case "$verb:${{COMP_WORDS[at]}}" in  # of several values, or of one that bash takes apart
    sweep:*|*:--interject|*:--puppet) before=${{COMP_WORDS[at]}} ;;
  esac
  [[ $word == -* ]] && before=
  case "$verb:$before" in
{chr(10).join(cases)}
  esac
}}
complete -F _attractor {" ".join(COMMANDS)}"""


def _bash_part(words: Values) -> str:
    """Offers words for what stands behind the last = or @ of a value; bash breaks words there."""
    return f"""said=${{COMP_WORDS[*]:at+1:COMP_CWORD-at}}; said=${{said// /}}
      local part=${{said##*[=@]}}
      local mark=${{said%"$part"}} kept=${{word%"$part"}}
      mark=${{mark: -1}}
      [ "$mark" = @ ] && [[ $kept != *@ ]] && kept+=@  # readline counts an @ before it in
      [ -n "$mark" ] && COMPREPLY=($(compgen -W {shlex.quote(" ".join(words))} -- "$mark$part"))
      COMPREPLY=("${{COMPREPLY[@]#[=@]}}")
      COMPREPLY=("${{COMPREPLY[@]/#/$kept}}")"""


def _bash_offer(words: Values, flags: str = "") -> str:
    plain = flags if words == FILES else " ".join((*words, flags)).strip()
    files = 'compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$word"))'
    offer = f'COMPREPLY=($(compgen -W {shlex.quote(plain)} -- "$word"))'
    if words != FILES:
        return offer
    return f"{offer}; {files}" if plain else files


def zsh(known: dict[str, dict[str, Values]]) -> str:
    """The same for zsh, through its own reading of bash's completions."""
    return f"autoload -Uz compinit bashcompinit && compinit && bashcompinit\n{bash(known)}"
