"""Chromium, for the tests that need a browser: where it is, how it is started so that it keeps to itself, and
a stretch of cable between it and a server."""

import shutil
import socket
import sys


def find():
    """Its program."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        sys.exit("error: there is no Chromium\nhint: on Debian and Ubuntu, apt-get install chromium")
    return found


def command(program, profile, *flags):
    """What starts it without a window, in a profile of its own, calling nobody by itself."""
    return [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", f"--user-data-dir={profile}", *flags]


def copy(source, to):
    """Passes on what comes, until an end is gone."""
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass
