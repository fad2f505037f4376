/* SPDX-License-Identifier: MIT */
/* Where an application meets requests and runners.
 *
 * MODEL      An application is one handler of a server: aiohttp__web_application_handle, with the
 *            application as `data`. It finds the route, then calls middlewares and handler.
 * SEAM       What it needs of a request (web/request.h has to define these):
 *            aiohttp__web_request_match     the place where it keeps its struct web_match, NULL at
 *                                           first; lent, valid as long as the request
 *            aiohttp__web_request_target    the path as it was sent, without its query; no copy
 *            aiohttp__web_request_arena     memory of the request
 *            aiohttp__web_refuse_expectation  417 for an Expect that is not 100-continue, else 0
 *            aiohttp__web_answer_refused    sets the answer to what is no request
 *            What a request has to call: aiohttp__web_match_prepare before a head is fixed, and
 *            aiohttp__web_match_end when the request ends; both only when there is a match. */
#pragma once

#include "base/arena.h"

#include <aiohttp/web_application.h>

struct web_match;
struct router_match;

struct web_match **aiohttp__web_request_match(const aiohttp_web_request *request);
struct span aiohttp__web_request_target(const aiohttp_web_request *request);
struct arena *aiohttp__web_request_arena(aiohttp_web_request *request);
int aiohttp__web_refuse_expectation(aiohttp_web_request *request);
int aiohttp__web_answer_refused(aiohttp_web_request *request);

/* Answers a request: an aiohttp_web_handler. Suspends. */
int aiohttp__web_application_handle(aiohttp_web_request *request, void *app);

/* Answers what is no request (exchange->refused): the middlewares see it, and 400 and so on in
 * place of a handler's result. An aiohttp_web_handler. Suspends. */
int aiohttp__web_application_refuse(aiohttp_web_request *request, void *app);

/* on_response_prepare, of all applications the request came through. Suspends. */
int aiohttp__web_match_prepare(aiohttp_web_request *request, struct web_match *match);

/* Whether there is anything for that to call. */
bool aiohttp__web_match_prepares(const struct web_match *match);

/* Ends what aiohttp_web_request_set has stored. */
void aiohttp__web_match_end(struct web_match *match);

/* Freezes it and runs on_startup: what a runner's setup calls. What was remembered as wrong is
 * raised here. When it fails, contexts that were entered have been left again, and cleanup does
 * nothing. NULL: -ENOMEM. -ASYNCIO_INVALID_STATE when it is started already. Suspends. */
int aiohttp__web_application_startup(aiohttp_web_application *app);

/* on_shutdown, each up to `deadline`; nothing unless it was started. All are called; the first
 * error. Suspends. */
int aiohttp__web_application_shutdown(aiohttp_web_application *app, double deadline);

/* Cleanup contexts, then on_cleanup; nothing unless it was started. It may then be started again.
 * All are called; the first error. Suspends. */
int aiohttp__web_application_cleanup(aiohttp_web_application *app);

/* The route that a request for `path` (as it would be sent) has: between dispatch.c and
 * normalize.c. */
int aiohttp__web_resolve(aiohttp_web_request *request, aiohttp_web_application *app,
                         struct span path, struct router_match *ret_match);
bool aiohttp__web_has_route(const aiohttp_web_request *request);
