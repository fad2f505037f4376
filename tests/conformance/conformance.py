#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what CPython does in each scenario to traces/<topic>.txt, and checks what is written.

    python3.13 conformance.py           write the traces (3.13) or the differing ones (3.14)
    python3.13 conformance.py --check   play all again, three times over, and compare
    python3.13 conformance.py --once    the same, once: for the test suite
    python3.13 conformance.py NAME...   play only these and print their traces
    conformance.py --self-test          proves that the check can fail

PYTHON= in the environment names the interpreter to run under: a name or a path. Without it, and
when started by one older than 3.13, it looks for a newer one in PATH and among those of pyenv.

A trace file holds, for each scenario, the line "== name" and its lines. A scenario in which
Python 3.14 differs is there a second time as "== name @3.14"; the C bodies follow that one. A
scenario that a CPython with a known bug plays otherwise is left out there, and named. The tool
exits with 77 (skipped) where there is no interpreter that will do, and says so.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from find_python import OLDEST, find_python

if "PYTHON" in os.environ or sys.version_info < OLDEST:
    found, named = find_python(), os.environ.pop("PYTHON", None)
    if not found:
        print("skipped: CPython's side of the conformance tests: no Python from 3.13 on "
              f"({named + ' is none' if named else 'PYTHON= names one'})")
        sys.exit(77)
    os.execvp(found, [found, *sys.argv])

import difflib
import gc
import glob
import importlib
import logging
import signal
import warnings

NEWER = sys.version_info >= (3, 14)
ROUNDS = 3                              # --check plays each scenario so often


def load_scenarios():
    for path in sorted(glob.glob(os.path.join(HERE, "scenarios_*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])
    import support
    return support


def read_traces(topic):
    """The committed traces of a topic: {"name" or "name @3.14": [line, ...]}, in order."""
    traces = {}
    try:
        with open(os.path.join(HERE, "traces", topic + ".txt")) as file:
            for line in file.read().splitlines():
                if line.startswith("== "):
                    traces[line[3:]] = []
                elif line and not line.startswith("#"):
                    traces[next(reversed(traces))].append(line)
    except FileNotFoundError:
        pass
    return traces


def write_traces(topic, scenarios, traces):
    with open(os.path.join(HERE, "traces", topic + ".txt"), "w") as file:
        file.write(f"# What CPython does in scenarios_{topic}.py: "
                   "written by conformance.py, not by hand.\n")
        for scenario in scenarios.values():
            for key in (scenario.name, scenario.name + " @3.14"):
                if key in traces:
                    file.write(f"\n== {key}\n")
                    file.writelines(line + "\n" for line in traces[key])


def key_of(scenario):
    """The name under which this interpreter's trace of a scenario is kept."""
    return scenario.name + (" @3.14" if NEWER and scenario.python314 else "")


def write(support):
    count = 0
    for topic, scenarios in support.SCENARIOS.items():
        traces = read_traces(topic)
        for scenario in scenarios.values():
            if (not NEWER or scenario.python314) and not scenario.bug_here():
                traces[key_of(scenario)] = support.play(scenario)
                count += 1
            if not scenario.python314:
                traces.pop(scenario.name + " @3.14", None)
        write_traces(topic, scenarios, traces)
    print(f"{count} traces written")
    return 0


def check(support, rounds=ROUNDS):
    passed = failed = skipped = 0
    for topic, scenarios in support.SCENARIOS.items():
        traces = read_traces(topic)
        for scenario in scenarios.values():
            wanted = traces.get(key_of(scenario))
            traces.pop(scenario.name, None)
            if scenario.python314 and not traces.pop(scenario.name + " @3.14", None):
                failed += 1
                print(f"{topic}: {scenario.name} has no trace of 3.14: run this under a 3.14")
            if scenario.bug_here():
                skipped += 1
                print(f"skipped: {topic}: {scenario.name}: {scenario.bug_here()}")
                continue
            for _ in range(rounds):
                got = support.play(scenario)
                if got != wanted:
                    failed += 1
                    print(f"{topic}: {key_of(scenario)}")
                    print("\n".join(difflib.unified_diff(wanted or [], got, "committed", "played",
                                                         lineterm="")))
                    break
            else:
                passed += 1
        for name in traces:
            failed += 1
            print(f"{topic}: a trace without a scenario: {name}")
    print(f"CPython {sys.version.split()[0]}: {passed} passed, {failed} failed"
          + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


def self_test(support):
    """A line that is missing, and a trace that nobody plays, are found."""
    import contextlib
    import io
    name, scenario = next((n, s) for n, s in support.SCENARIOS["futures"].items()
                          if not s.python314 and not s.bug_here())
    support.SCENARIOS.clear()
    support.SCENARIOS["futures"] = {name: scenario}
    good = support.play(scenario)
    for traces, is_wrong in (({name: good}, False), ({name: good[1:]}, True),
                             ({name: good + ["more"]}, True), ({}, True),
                             ({name: good, "nobody": ["plays it"]}, True)):
        globals()["read_traces"] = lambda topic, traces=traces: dict(traces)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            found = check(support, 1)
        assert bool(found) == is_wrong, f"{traces}\n{said.getvalue()}"
    print("conformance: the check can fail")
    return 0


def play_named(support, names):
    for scenarios in support.SCENARIOS.values():
        for scenario in scenarios.values():
            if scenario.name in names:
                print(f"== {scenario.name}")
                print("\n".join(support.play(scenario)))
    return 0


def main(arguments):
    support = load_scenarios()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()                        # what is dropped in a circle goes when a scenario says so
    if arguments == ["--self-test"]:
        return self_test(support)
    if arguments in (["--check"], ["--once"]):
        return check(support, ROUNDS if arguments == ["--check"] else 1)
    return play_named(support, set(arguments)) if arguments else write(support)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
