/* SPDX-License-Identifier: MIT */
/* Requests and their answers, from the inside.
 *
 * MODEL      A request is a struct in the arena of its exchange: its own memory, and gone with it.
 *            What is worked out once is kept in it: texts, headers, the body.
 * ANSWER     Lies in its request. `status` is 0 until one is set. Sent once, by
 *            aiohttp__web_request_send, or by the handler itself from prepare on.
 * BODY       `piece` is what was read of the exchange and not yet given out. */
#pragma once

#include "conn/exchange.h"
#include "web/dispatch.h"

#include <aiohttp/web_request.h>
#include <aiohttp/web_response.h>

/* Names with values, in the arena. */
struct web_pairs {
    struct web_pair {
        const char *name, *value;
    } *at;
    size_t count, capacity;
};

struct web_cookie {
    struct web_cookie *next;
    const char *name;
    struct span line;
};

struct web_form;
struct web_part;
struct decoder;
struct encoder;

struct aiohttp_web_response {
    struct aiohttp_web_request *request;
    int status;
    /* bits, so that those of a usual answer are looked at together */
    bool is_prepared : 1;   /* its head is fixed */
    bool is_preparing : 1;  /* on_response_prepare is called: the body is fixed */
    bool is_ended : 1;
    bool forces_close : 1;
    bool compresses : 1;
    bool chunks : 1;        /* whatever is known of its length */
    bool forces_coding : 1; /* `coding`, whatever the peer accepts */
    bool has_body : 1;
    bool has_static_type : 1; /* content_type lies in static memory */
    const char *reason;
    const char *content_type;
    const char *body;
    size_t body_size;
    int64_t length;               /* that was said; -1 */
    aiohttp_headers *headers;     /* in the arena; NULL: none were asked for */
    aiohttp_headers *trailers;    /* likewise */
    struct web_cookie *cookies;
    int file;                     /* a piece of it is the body; -1: none */
    int64_t file_offset, file_size;
    struct web_part *parts;       /* of the file, in place of one */
    const struct web_described *described; /* what headers say of the file; NULL: nothing */
    struct encoder *encoder;      /* of a stream that is compressed */
    struct aiohttp_payload *payload; /* the body; a reference. NULL: none */
    uint8_t coding;               /* enum coding, of a body as a whole, or that is forced */
    uint8_t level;                /* of compression, and 1; 0: the usual one */
};

struct aiohttp_web_request {
    struct exchange *exchange;
    struct aiohttp_web_response response;
    struct web_match *match;
    size_t max_size;
    const char *method, *path, *raw_path, *path_qs, *query_string, *host, *remote, *scheme,
        *content_type, *charset;
    aiohttp_headers *headers, *trailers;
    struct web_pairs query, cookies;
    bool has_query, has_cookies;
    bool is_read;                 /* `body` is all of it */
    bool is_in_pieces;            /* some of it was given out in pieces */
    int error;                    /* what reading the body has failed with */
    const char *piece;
    size_t piece_size;
    struct decoder *decoder;      /* of Content-Encoding; NULL: there is none */
    bool has_decoder;             /* it has been looked for */
    struct span encoded;          /* what it has not taken yet */
    char *decoded;                /* where it writes to */
    char *body;
    size_t body_size, body_capacity;
    const char *text;
    struct json_t *json;
    struct aiohttp_websocket *websocket; /* it has become one */
    struct web_form *form;        /* NULL: nobody has asked */
};

/* Makes the request of an exchange, in its arena; NULL without memory. */
aiohttp_web_request *aiohttp__web_request_new(struct exchange *exchange, size_t max_size);

/* form.c: gives back what post and multipart have made. */
void aiohttp__web_form_end(struct web_form *form);

/* content.c: text in a charset, as UTF-8 without NUL: *ret_text is `text`, or a copy in the arena.
 * 0; -(AIOHTTP_HTTP + 400) for what is none, + 415 for a charset that is not known; -ENOMEM. */
int aiohttp__web_text(struct arena *arena, struct span label, struct span text,
                      struct span *ret_text);

/* content.c: gives back what is not in the arena. */
void aiohttp__web_request_give_back(aiohttp_web_request *request);

/* json.c */
void aiohttp__web_json_end(aiohttp_web_request *request);

/* send.c: sends the answer that a handler has left behind, with its result. 0, or an error that
 * ends the connection. Suspends. */
int aiohttp__web_request_send(aiohttp_web_request *request, int result);

/* Tells the loop's exception handler what has happened (`what`), and to which request. */
void aiohttp__web_report(const aiohttp_web_request *request, int result, const char *what);

/* As aiohttp_web_response_prepare, for a body of `length` bytes. Suspends. */
int aiohttp__web_response_begin(struct aiohttp_web_response *response, int64_t length);

/* The first value of a known header; .data is NULL without one. Valid until the body is read. */
static inline struct span web_request_field(const aiohttp_web_request *request, enum header_id id)
{
    return exchange_field(request->exchange, id);
}

/* request_fields.c: what all fields of a known name say, as one list: they are one (RFC 9110, 5.3).
 * .data is NULL without any. For what may be left out: without memory it is the first of them. */
struct span aiohttp__web_request_list(const aiohttp_web_request *request, enum header_id id);

/* request_fields.c: what the request's conditions say of a resource with that tag and that date of
 * change (NULL: without). RFC 9110, 13.2.2. */
struct etag;
enum web_condition { WEB_GOES_ON, WEB_NOT_MODIFIED, WEB_FAILED };
enum web_condition aiohttp__web_condition(const aiohttp_web_request *request,
                                          const struct etag *tag, const int64_t *modified);

/* response_fields.c: adds a name to Vary, unless it is there already. 0, -ENOMEM. */
int aiohttp__web_response_vary(struct aiohttp_web_response *response, const char *name);

/* payload.c: sends a payload as the body. 0, or an error that ends the connection. Suspends. */
int aiohttp__web_send_payload(struct aiohttp_web_response *response);

/* Gives back the file or the payload that would have been sent, and what headers say of the file:
 * they would say it of what takes its place. */
void aiohttp__web_response_drop_file(struct aiohttp_web_response *response);
static inline void web_response_drop_file(struct aiohttp_web_response *response)
{
    if (response->file >= 0 || response->described || response->parts || response->payload)
        aiohttp__web_response_drop_file(response);
}

/* The same, inline for the usual request, which has nothing of that. */
static inline void web_request_end(aiohttp_web_request *request)
{
    const struct aiohttp_web_response *response = &request->response;
    uintptr_t held = (uintptr_t)request->websocket | (uintptr_t)request->json |
                     (uintptr_t)request->form | (uintptr_t)request->decoder |
                     (uintptr_t)request->decoded | (uintptr_t)request->body |
                     (uintptr_t)response->described | (uintptr_t)response->parts |
                     (uintptr_t)response->payload | (uintptr_t)response->encoder;
    if (__builtin_expect(held || response->file >= 0, 0))
        aiohttp__web_request_give_back(request);
}

/* response.c: sets all but the body; `usual_type` is static, or NULL. As aiohttp_web_respond. */
int aiohttp__web_response_set_head(struct aiohttp_web_response *response,
                                   const aiohttp_web_response_options *options,
                                   const char *usual_type);

/* response.c: as aiohttp_web_respond_bytes; `usual_type` (static) where the options say nothing. */
int aiohttp__web_respond_as(aiohttp_web_request *request, const void *data, size_t size,
                            const aiohttp_web_response_options *options, const char *usual_type);

/* response.c: sets headers out of name, value, ..., NULL. */
int aiohttp__web_response_add_headers(struct aiohttp_web_response *response,
                                      const char *const *headers);
