/* SPDX-License-Identifier: MIT */
/* A chat: what one says goes to all who have the page open, and the last of it to who comes. */
#pragma once

#include "events.h"

enum {
    CHAT_KEPT = 100,             /* messages that who comes is shown */
    CHAT_TEXT_MAX = 1000,        /* bytes of a message */
    CHAT_NAME_MAX = 40,          /* bytes of a name */
};

struct chat {
    struct events events;
    unsigned long last;          /* messages are numbered from 1 up */
    char *messages[CHAT_KEPT];   /* JSON; number n lies at n % CHAT_KEPT */
    int people;                  /* pages that are open */
};

/* Adds /live/chat/socket (a WebSocket, both ways) and /live/chat/say (POST, for who has none).
 * `chat` is borrowed, and made and ended with the application. */
void chat_add(aiohttp_web_application *app, struct chat *chat);
