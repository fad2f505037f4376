/* SPDX-License-Identifier: MIT */
/* Tracing a client: functions that are told of each step of each request. aiohttp's TraceConfig.
 *
 *     static void on_end(const aiohttp_trace *trace, void *data) { ... trace->seconds ... }
 *     static const aiohttp_trace_config tracing = { .size = sizeof tracing,
 *                                                   .on_request_end = on_end };
 *     r = aiohttp_client_session_new(&session, .trace = &tracing);
 *
 * MODEL      Called in the request's task, at the moment; they must not suspend. What `trace`
 *            points to is lent until they return. `trace->context` is the request's
 *            `.trace_context`.
 * OWNERSHIP  The table is borrowed by the session, for good.
 * THREADS    The session's.
 * SOURCE     aiohttp's tracing.py. */
#pragma once

#include <aiohttp/client_timeout.h>
#include <aiohttp/headers.h>
#include <aiohttp/url.h>

ASYNCIO__BEGIN

typedef struct aiohttp_client_response aiohttp_client_response;

/* What is known at that step; what is not, is NULL or 0. */
typedef struct aiohttp_trace {
    size_t size;
    void *context;                     /* of the request */
    const char *method;
    const aiohttp_url *url;            /* of this hop */
    const char *host;                  /* names: whose addresses are looked up */
    aiohttp_client_response *response; /* borrowed: of request_end and redirect */
    int error;                         /* of request_exception: negative */
    aiohttp_client_phase phase;        /* of request_exception */
    size_t bytes;                      /* of the piece that was sent or received */
    double seconds;                    /* since the request's start; not of what was received */
    /* what was asked for: of the session, the request and its middlewares; NULL: nothing. Not of
     * what was received */
    const aiohttp_headers *headers;
    const void *data;                  /* of the piece: `bytes` of them */
} aiohttp_trace;

typedef void aiohttp_trace_callback(const aiohttp_trace *trace, void *data);

/* NULL: not wanted. */
typedef struct aiohttp_trace_config {
    size_t size; /* sizeof(aiohttp_trace_config) */
    void *data;  /* the callbacks' second argument */
    aiohttp_trace_callback *on_request_start;
    aiohttp_trace_callback *on_request_end;       /* the head of the last answer is there */
    aiohttp_trace_callback *on_request_exception; /* there is none */
    aiohttp_trace_callback *on_request_redirect;
    aiohttp_trace_callback *on_request_headers_sent;
    /* a piece of the body, before it is compressed */
    aiohttp_trace_callback *on_request_chunk_sent;
    aiohttp_trace_callback *on_response_chunk_received; /* before it is decompressed */
    aiohttp_trace_callback *on_connection_queued_start;
    aiohttp_trace_callback *on_connection_queued_end;
    aiohttp_trace_callback *on_connection_create_start;
    aiohttp_trace_callback *on_connection_create_end;
    aiohttp_trace_callback *on_connection_reuseconn;
    aiohttp_trace_callback *on_dns_cache_hit;  /* the loop knows the name: nobody is asked */
    /* it does not; neither with a resolver of one's own */
    aiohttp_trace_callback *on_dns_cache_miss;
    aiohttp_trace_callback *on_dns_resolvehost_start;
    aiohttp_trace_callback *on_dns_resolvehost_end;
    aiohttp_trace_callback *on_connection_tls_start; /* the handshake, also with a proxy: ours */
    aiohttp_trace_callback *on_connection_tls_end;
} aiohttp_trace_config;

ASYNCIO__END
