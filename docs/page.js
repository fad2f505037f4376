// SPDX-License-Identifier: MIT
// Colours the C in the pages. Without it they read as well.
"use strict";
const C = /(\/\*[^]*?\*\/|\/\/[^\n]*)|("(?:\\.|[^"\\\n])*"|<[a-z/]+\.h>)|\b((?:asyncio|ASYNCIO|aiohttp|AIOHTTP)_\w+)\b|\b(int|void|char|double|long|unsigned|size_t|bool|const|static|struct|enum|return|if|else|for|while|do|switch|case|default|break|continue|sizeof|true|false|NULL)\b|(#\w+)/g;
for (const pre of document.querySelectorAll("pre.c")) {
    const text = pre.textContent;
    pre.textContent = "";
    let at = 0;
    for (const found of text.matchAll(C)) {
        pre.append(text.slice(at, found.index));
        const span = document.createElement("span");
        span.className = found[1] ? "m" : found[2] ? "s" : found[3] ? "n" : "k";
        span.textContent = found[0];
        pre.append(span);
        at = found.index + found[0].length;
    }
    pre.append(text.slice(at));
}
