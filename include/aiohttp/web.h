/* SPDX-License-Identifier: MIT */
/* aiohttp.web: all of the server side. See the parts. */
#pragma once

#include <aiohttp/web_application.h>
#include <aiohttp/web_event_source.h>
#include <aiohttp/web_exceptions.h>
#include <aiohttp/web_file.h>
#include <aiohttp/web_form.h>
#include <aiohttp/web_request.h>
#include <aiohttp/web_response.h>
#include <aiohttp/web_runner.h>
#include <aiohttp/web_server.h>
#include <aiohttp/web_websocket.h>
#include <aiohttp/web_workers.h>
