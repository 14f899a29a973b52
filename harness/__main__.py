"""The program from its start to its exit code: `python attractor.py`, and the command that pip
installs, `attractor`."""

import signal


def main() -> int:
    """Do what the command line asks for. Ctrl+C while it imports ends it without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    import os
    import sys

    from harness import cli, files
    from harness.models import engine

    signal.signal(signal.SIGINT, signal.default_int_handler)
    files.clean_up()
    code = cli.main(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is on the disk: there is nothing to stop
    if engine.loading():  # no need to wait for an import that nobody wants any more
        sys.stdout.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
