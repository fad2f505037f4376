// SPDX-License-Identifier: MIT
// The chat's page: a WebSocket for what all say, opened again when it was lost, from where it was.
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

let socket, again, last = 0, wait = 2000;

function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}/live/chat/socket?last=${last}`);
    socket.onopen = () => {
        state.classList.add("on");
        wait = 2000;
    };
    socket.onmessage = (event) => {
        const message = JSON.parse(event.data);
        if ("people" in message)
            state.textContent = message.people === 1 ? "only you are here" : `${message.people} are here`;
        else if ("problem" in message)
            problem.textContent = message.problem;
        else {
            last = message.id;
            show(message);
        }
    };
    socket.onclose = () => {
        state.classList.remove("on");
        state.textContent = "the server is gone; trying again";
        again = setTimeout(connect, wait);
        wait = Math.min(2 * wait, 30000);
    };
}

connect();
// A page that was left may be kept by the browser, together with its connection; but nobody is here then.
addEventListener("pagehide", () => {
    clearTimeout(again);
    socket.onclose = null;
    socket.close();
});
addEventListener("pageshow", (event) => {
    if (event.persisted)
        connect();
});
by("form").addEventListener("submit", (event) => {
    event.preventDefault();
    localStorage.setItem("name", name.value);
    if (socket.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify({ name: name.value, text: text.value }));
        problem.textContent = "";
        text.value = "";
    } else
        problem.textContent = "It could not be sent: the server does not answer.";
    text.focus();
});
