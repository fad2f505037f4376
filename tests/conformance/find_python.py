# SPDX-License-Identifier: MIT
"""Finds the CPython from 3.13 on that tests are to ask."""

import glob
import os
import shutil
import subprocess
import sys

OLDEST = (3, 13)


def will_do(python):
    code = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([python, "-c", code], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def find_python():
    """Its path, or None: what PYTHON= names and nothing else, this one, or the oldest in PATH or
    among those of pyenv, since the traces are 3.13's."""
    named = os.environ.get("PYTHON")
    if named:
        return named if will_do(named) else None
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in (13, 14):
        places = [shutil.which(f"python3.{minor}")]
        places += sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/python3")))
        for place in places:
            if place and will_do(place):
                return place
    return None
