/* SPDX-License-Identifier: MIT */
/* The public server: one below, and a handler that gets requests. */
#pragma once

#include "server/server.h"
#include "web/request.h"

#include <aiohttp/web_server.h>

struct aiohttp_web_server {
    struct server server;
    aiohttp_web_handler *handler;
    void *data;
    void (*destroy)(void *data);
    size_t max_size;
    size_t stack_size;
    bool cancels;               /* handlers when their peer goes */
    bool keeps_alive;           /* SO_KEEPALIVE */
};
