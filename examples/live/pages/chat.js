// SPDX-License-Identifier: MIT
// The chat's page: an EventSource for what others say, fetch for what we say.
"use strict";
const by = (id) => document.getElementById(id);
const said = by("said"), state = by("state"), problem = by("problem"), name = by("name"), text = by("text");
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const stored = new URLSearchParams(location.search).get("name") ?? localStorage.getItem("name");
if (stored)
    name.value = stored;

function show(message) {
    said.querySelector(".nobody")?.remove();
    const below = said.scrollHeight - said.scrollTop - said.clientHeight < 40;
    const item = document.createElement("li");
    item.classList.toggle("mine", message.name === name.value);
    const when = document.createElement("time"), who = document.createElement("b"), what = document.createElement("div");
    when.textContent = time.format(message.time * 1000);
    who.textContent = message.name;
    what.textContent = message.text;
    item.append(who, when, what);
    said.append(item);
    if (below)
        said.scrollTop = said.scrollHeight;
}

const source = new EventSource("chat/events");
source.addEventListener("message", (event) => show(JSON.parse(event.data)));
source.addEventListener("people", (event) => {
    const people = JSON.parse(event.data).people;
    state.textContent = people === 1 ? "only you are here" : `${people} are here`;
});
source.onopen = () => state.classList.add("on");
source.onerror = () => {
    state.classList.remove("on");
    state.textContent = "the server is gone; trying again";
};

by("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    localStorage.setItem("name", name.value);
    try {
        const answer = await fetch(`chat/say?name=${encodeURIComponent(name.value)}`, { method: "POST", body: text.value });
        problem.textContent = answer.ok ? "" : await answer.text();
        if (answer.ok)
            text.value = "";
    } catch {
        problem.textContent = "It could not be sent: the server does not answer.";
    }
    text.focus();
});
