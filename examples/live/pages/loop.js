// SPDX-License-Identifier: MIT
// The loop's page: each event is a whole picture of it; what lies between two of them gives the rates.
"use strict";
const by = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
let before = null;

function span(seconds) {
    for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6]])
        if (seconds >= size)
            return `${number.format(seconds / size)} ${unit}`;
    return `${Math.round(seconds * 1e9)} ns`;
}

function figures(now) {
    const passed = before ? now.time - before.time : 0;
    const rate = (key) => (passed > 0 ? number.format((now[key] - before[key]) / passed) : "–");
    const share = passed > 0 ? `${number.format(Math.max(0, (now.busy - before.busy) / passed * 100))} %` : "–";
    const rows = [
        ["Tasks alive", now.tasks_alive, `of ${number.format(now.tasks_made)} made`], ["Timers", now.timers, "armed"],
        ["Connections", now.connections, "open"], ["Requests", number.format(now.requests), `${rate("requests")} a second`],
        ["Steps", rate("steps"), "a second"], ["Turns", rate("turns"), "a second"], ["Busy", share, "of the time"],
        ["Longest step", span(now.longest), "since the start"], ["Backend", now.backend.split(":")[0], ""],
    ];
    by("figures").replaceChildren(...rows.map(([title, value, more]) => {
        const box = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
        const small = document.createElement("small");
        dt.textContent = title;
        dd.textContent = value;
        small.textContent = more;
        box.append(dt, dd, small);
        return box;
    }));
}

function lag(buckets) {
    const last = buckets.reduce((found, count, i) => (count ? i : found), 0), most = Math.max(1, ...buckets);
    const shown = buckets.slice(0, Math.max(12, last + 1));
    by("lag").replaceChildren(...shown.map((count, i) => {
        const bar = document.createElement("i");
        // Lengths by the logarithm: one late turn among a million is the one to see.
        bar.style.setProperty("--h", `${count ? 4 + 96 * Math.log1p(count) / Math.log1p(most) : 0}%`);
        bar.style.setProperty("--least", count ? "3px" : "0");
        bar.dataset.label = span(2 ** (i + 10) * 1e-9).replace(/\.\d/, "");
        bar.classList.toggle("late", 2 ** (i + 10) * 1e-9 > 0.01);
        bar.title = `${number.format(count)} times, up to ${bar.dataset.label}`;
        return bar;
    }));
}

function tree(tasks) {
    const known = new Map(tasks.map((task) => [task.id, { ...task, awaits: [] }])), shown = new Set();
    const roots = [];
    for (const task of known.values()) {
        const parents = task.awaited_by.filter((id) => known.has(id));
        parents.forEach((id) => known.get(id).awaits.push(task));
        if (!parents.length)
            roots.push(task);
    }
    const item = (task) => {
        shown.add(task.id);
        const li = document.createElement("li"), box = document.createElement("div"), b = document.createElement("b");
        const at = document.createElement("span");
        box.className = task.running ? "task running" : "task";
        b.textContent = task.name;
        at.textContent = task.frames.filter(([name]) => name !== "?").slice(0, 3)
            .map(([name, file, line]) => (file ? `${name} ${file}:${line}` : name)).join(" ← ");
        box.append(b, at);
        li.append(box);
        const below = task.awaits.filter((other) => !shown.has(other.id));   // a circle is cut
        if (below.length) {
            const ul = document.createElement("ul");
            ul.append(...below.map(item));
            li.append(ul);
        }
        return li;
    };
    roots.sort((a, b) => b.awaits.length - a.awaits.length);
    by("tree").replaceChildren(...roots.map(item), ...[...known.values()].filter((task) => !shown.has(task.id)).map(item));
}

const source = new EventSource("loop/events");
source.addEventListener("picture", (event) => {
    const now = JSON.parse(event.data);
    figures(now);
    lag(now.lag);
    tree(now.tasks);
    before = now;
});
source.onopen = () => {
    by("state").classList.add("on");
    by("state").textContent = "live";
};
source.onerror = () => {
    by("state").classList.remove("on");
    by("state").textContent = "the server is gone; trying again";
};
