/* SPDX-License-Identifier: MIT */
/* libaiohttp: aiohttp for C, HTTP over libasyncio. */
#pragma once

#include <asyncio.h>

#include <aiohttp/client.h>
#include <aiohttp/client_websocket.h>
#include <aiohttp/connector.h>
#include <aiohttp/cookie_jar.h>
#include <aiohttp/digest_auth.h>
#include <aiohttp/error.h>
#include <aiohttp/fingerprint.h>
#include <aiohttp/form.h>
#include <aiohttp/headers.h>
#include <aiohttp/html.h>
#include <aiohttp/json.h>
#include <aiohttp/limits.h>
#include <aiohttp/macros.h>
#include <aiohttp/multi_dict.h>
#include <aiohttp/multipart.h>
#include <aiohttp/payload.h>
#include <aiohttp/tracing.h>
#include <aiohttp/url.h>
#include <aiohttp/web.h>
#include <aiohttp/websocket.h>
