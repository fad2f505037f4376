# SPDX-License-Identifier: MIT
"""Targets, the table, and the results file."""
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import statistics
import subprocess

from . import measure

HERE = pathlib.Path(__file__).resolve().parent.parent
KEYS = ("work", "backend", "ours", "unit", "peer", "peer_value", "ratio")


def targets():
    return json.loads((HERE / "targets.json").read_text())


def applying(row, all_targets):
    """The targets for a row, the most exact pattern only."""
    found = [t for t in all_targets if fnmatch.fnmatchcase(row["work"], t["work"]) and
             t.get("backend", row["backend"]) == row["backend"] and
             ("peer" not in t or row["kind"] != "alone") and
             ("peer" not in t or fnmatch.fnmatchcase(row["peer"], t["peer"])) and
             ("peer" in t or row["kind"] == "alone")]
    return sorted(found, key=lambda t: t.get("peer", "").count("*") + 10 * (t.get("peer", "") == "*"))[:1]


def judge(row, all_targets):
    """Fills in row['target'] and row['verdict']."""
    row["target"] = row["verdict"] = row["against"] = ""
    for target in applying(row, all_targets):
        row["against"] = target.get("peer", "")
        if "at_most" in target:
            row["target"] = f"<= {target['at_most']}"
            row["verdict"] = "hit" if row["ours"] <= target["at_most"] else "MISSED"
        elif "at_most_more" in target:
            row["target"] = f"<= +{target['at_most_more']}"
            more = row["ours"] - row["peer_value"]
            row["verdict"] = ("hit" if more <= target["at_most_more"] else "MISSED") + f" ({more:+.0f})"
        elif target.get("peer") == "*" and "backend" not in target and not row.get("is_default"):
            continue
        else:
            row["target"] = f"{target['ratio']:g}"
            low, high = row["interval"] or (row["ratio"], row["ratio"])
            if "pairs" in target:                       # the interval has to reach it
                row["verdict"] = "hit" if high >= target["ratio"] else "MISSED"
            elif row["ratio"] >= target["ratio"]:
                row["verdict"] = "hit"
            else:
                row["verdict"] = "missed, within noise" if high >= target["ratio"] else "MISSED"
    return row


def make_row(work, unit, backend, ours, peer, others, kind, **more):
    """A row from two equally long lists of values, None where a run failed. Returns None without a common round."""
    ratios = measure.paired_ratios(ours, others) if others is not None else []
    mine = [v for v in ours if v is not None]
    theirs = [v for v in others or [] if v is not None]
    if not mine or (others is not None and not ratios):
        return None
    return dict(work=work, backend=backend, ours=statistics.median(mine), unit=unit, peer=peer, kind=kind,
                peer_value=statistics.median(theirs) if theirs else None,
                ratio=statistics.median(ratios) if ratios else None,
                interval=measure.interval(ratios) if len(ratios) > 2 else None,
                ours_all=ours, peer_all=others, rounds=len(ratios), **more)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def spread(values):
    values = [v for v in values or [] if v is not None]
    return f"[{number(min(values))}-{number(max(values))}]" if len(values) > 1 else ""


LINE = "{:<28} {:<9} {:>9} {:<17} {:<17} {:>10} {:<19} {:>6} {:<13} {:>7} {}"


def heading():
    return LINE.format("work", "backend", "ours", "[min-max]", "peer or limit", "its value", "[min-max]", "ratio",
                       "[95%]", "target", "")


def line(row):
    interval = "[{:.2f}-{:.2f}]".format(*row["interval"]) if row.get("interval") else ""
    text = LINE.format(row["work"], row["backend"], number(row["ours"]), spread(row["ours_all"]), row["peer"],
                       number(row["peer_value"]), spread(row["peer_all"]),
                       f"{row['ratio']:.2f}" if row["ratio"] else "-", interval, row["target"], row["verdict"])
    return text.rstrip()


GROUPS = (("http_", "The HTTP server"), ("client_", "The HTTP client"), ("ws_", "WebSockets"),
          ("instructions_ws", "WebSockets"), ("protocol_", "Protocols, UDP, TLS, idle connections"),
          ("buffered_", "Protocols, UDP, TLS, idle connections"), ("udp_", "Protocols, UDP, TLS, idle connections"),
          ("tls_", "Protocols, UDP, TLS, idle connections"), ("idle_", "Protocols, UDP, TLS, idle connections"),
          ("echo_", "TCP echo by streams"), ("instructions_", "Instructions"))
SUMMARY = "{:<28} {:<9} {:>11} {:<21} {:>11} {:>7} {:>8}  {:<21} {}"


def group_of(work):
    return next((title for begin, title in GROUPS if work.startswith(begin)), "Tasks, timers, threads, processes, files")


def worse(row):
    """Smaller is worse, among rows of one target."""
    if row["target"].startswith("<= +"):
        return row["peer_value"] - row["ours"]
    return row["ratio"] if row["ratio"] is not None else -row["ours"]


def summary_line(row):
    verdict = row["verdict"].split(" (")[0]
    target = row["target"] if row["target"].startswith("<=") else ">= " + row["target"]
    ratio = f"{row['ours'] - row['peer_value']:+,.0f}" if row["target"].startswith("<= +") else \
        f"{row['ratio']:.2f}" if row["ratio"] else ""
    return SUMMARY.format(row["work"], row["backend"], number(row["ours"]), row["peer"] or "(itself)",
                          number(row["peer_value"]) if row["peer"] else "", ratio, target, verdict,
                          row["unit"]).rstrip()


def summary(rows):
    """Each target once, for each backend, by the peer that is hardest to reach of those it speaks of: lines to print."""
    hardest = {}
    for row in rows:
        key = (row["work"], row["backend"], row["against"])
        if row["verdict"] and (key not in hardest or worse(row) < worse(hardest[key])):
            hardest[key] = row
    lines = []
    for title in dict.fromkeys(group_of(row["work"]) for row in hardest.values()):
        lines += ["", title, SUMMARY.format("  row", "backend", "ours", "beside", "its value", "ratio", "target", "",
                                     "values are").rstrip()]
        lines += ["  " + summary_line(row) for row in hardest.values() if group_of(row["work"]) == title]
    return lines, list(hardest.values())


def unmeasured(rows, all_targets):
    """Targets that no row was held against: [(work, more words)]."""
    return [(t["work"], (f" on {t['backend']}" if "backend" in t else "") + (f" beside {t['peer']}" if "peer" in t else ""))
            for t in all_targets if not any(t in applying(row, all_targets) for row in rows)]


def beside_line(beside):
    """What is printed beside an echo cell: rate, p99, how busy the server's core was."""
    parts = [f"{name} {values['rate'] / 1000:,.0f}k/s p99 {values['p99_us']:,.0f}us busy {values['busy']:.0%}"
             for name, values in beside.items()]
    return "    " + "; ".join(parts)


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo") as info:
            model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "")
    except OSError:
        pass
    git = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    return {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "processor": model, "cores": len(measure.CORES), "kernel": platform.release(),
            "load_before": os.getloadavg()[0], "commit": git.stdout.strip()}


def write(rows, beside, about, path, keep):
    """latest.json: the list asked for. details.json beside it: every value of every round. With `keep`, rows of works that were
    not measured this time stay."""
    results = [row for row in rows if row["kind"] in ("peer", "limit")]
    measured = {row["work"] for row in results}
    old = json.loads(path.read_text()) if keep and path.exists() else []
    kept = [entry for entry in old if entry["work"] not in measured]
    path.parent.mkdir(exist_ok=True)
    path.write_text("[\n" + ",\n".join("  " + json.dumps(entry) for entry in
                                       kept + [{k: row[k] for k in KEYS} for row in results]) + "\n]\n")
    path = path.parent / ("details-" + path.name)
    old = json.loads(path.read_text()) if keep and path.exists() else {"rows": [], "beside": {}}
    judged = {row["work"] for row in rows}
    details = {"machine": about, "beside": {**old["beside"], **beside},
               "rows": [row for row in old["rows"] if row["work"] not in judged] + rows}
    path.write_text(json.dumps(details, indent=1) + "\n")
