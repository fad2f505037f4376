/* SPDX-License-Identifier: MIT */
/* A JSON API: notes that can be added, read and deleted.
 *
 *     ./web_api [PORT]             then: curl -d '{"text": "milk"}' http://127.0.0.1:8080/notes
 *
 * Two middlewares are around all handlers: one makes every error JSON, one wants a token from who
 * changes something. The notes lie in the application's storage. A cleanup context makes them and
 * starts a task in the background, which forgets what is too old; it is cancelled at the end. */
#include <aiohttp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_KEPT 600.0

struct notes {
    json_t *by_id;               /* {"1": {"id": 1, "text": "milk"}} */
    long long last;
    asyncio_task *forgetting;
};

static AIOHTTP_WEB_APP_KEY(notes_key, struct notes);

static struct notes *notes_of(const aiohttp_web_request *request)
{
    return aiohttp_web_application_get(aiohttp_web_request_app(request), &notes_key);
}

/* ---- handlers ---- */

static int list(aiohttp_web_request *request)
{
    return aiohttp_web_respond_json(request, notes_of(request)->by_id);
}

static int get(aiohttp_web_request *request)
{
    const char *id = aiohttp_web_request_match_info(request, "id");
    const json_t *note = json_object_get(notes_of(request)->by_id, id);
    return note ? aiohttp_web_respond_json(request, note)
                : aiohttp_web_http_not_found(request, .text = "there is no such note");
}

static int add(aiohttp_web_request *request)
{
    struct notes *notes = notes_of(request);
    json_t *body;                                    /* lent, as long as the request */
    int r = aiohttp_web_request_json(request, &body);
    if (r < 0)
        return r;                                    /* 400 for what is no JSON, 413, ... */
    const char *text = json_string_value(json_object_get(body, "text"));
    if (!text)
        return aiohttp_web_http_unprocessable_entity(request, .text = "\"text\" is missing");
    double now = asyncio_loop_time(asyncio_get_running_loop());
    json_t *note =
        json_pack("{sI ss sf}", "id", (json_int_t)++notes->last, "text", text, "at", now);
    char *id = asyncio_printf("%lld", notes->last);  /* the request's, too */
    if (!id || json_object_set_new(notes->by_id, id, note) < 0)
        return -ENOMEM;
    const char *url;
    const char *const parts[] = { "id", id, NULL };
    r = aiohttp_web_application_url_for(aiohttp_web_request_app(request), "note", &url,
                                        .match_info = parts);
    if (r < 0)
        return r;
    const char *const headers[] = { "Location", url, NULL };
    return aiohttp_web_respond_json(request, note, .status = 201, .headers = headers);
}

static int delete_note(aiohttp_web_request *request)
{
    const char *id = aiohttp_web_request_match_info(request, "id");
    if (json_object_del(notes_of(request)->by_id, id) < 0)
        return aiohttp_web_http_not_found(request, .text = "there is no such note");
    return aiohttp_web_respond(request, NULL, .status = 204);
}

/* ---- middlewares ---- */

/* Errors travel through here as codes, those of HTTP with their answer set; what went wrong
 * otherwise (a -ENOMEM) goes on, and is 500. */
static int errors_are_json(aiohttp_web_request *request, aiohttp_web_next *next)
{
    int r = next(request);
    if (r > -(AIOHTTP_HTTP + 400) || r < -(AIOHTTP_HTTP + 599))
        return r;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int status = -r - AIOHTTP_HTTP;
    size_t size = 0;
    const char *text = aiohttp_web_response_body(response, &size);
    if (!text) {                                     /* a bare code, which aiohttp has given */
        text = aiohttp_web_http_reason(status);
        size = strlen(text);
    }
    return aiohttp_web_respond_json_pack_with(request, AIOHTTP_WEB_RESPONSE(.status = status),
                                              "{si ss%}", "status", status, "error", text, size);
}

static int changes_want_a_token(aiohttp_web_request *request, aiohttp_web_next *next)
{
    const char *method = aiohttp_web_request_method(request);
    const char *token = aiohttp_web_request_header(request, "Authorization");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
        (!token || strcmp(token, "Bearer secret") != 0))
        return aiohttp_web_http_unauthorized(request, .text = "who are you?");
    return next(request);
}

/* ---- what runs beside the handlers ---- */

static int forget(struct notes *notes)
{
    for (;;) {
        int r = asyncio_sleep(1.0);
        if (r < 0)
            return r;                                /* cancelled: the application ends */
        double now = asyncio_loop_time(asyncio_get_running_loop());
        const char *id;
        json_t *note;
        void *behind;
        json_object_foreach_safe(notes->by_id, behind, id, note)
            if (now - json_real_value(json_object_get(note, "at")) > SECONDS_KEPT)
                json_object_del(notes->by_id, id);
    }
}

static void free_notes(void *data)
{
    struct notes *notes = data;
    json_decref(notes->by_id);
    free(notes);
}

static int open_notes(aiohttp_web_application *app)
{
    struct notes *notes = calloc(1, sizeof *notes);
    if (!notes || !(notes->by_id = json_object())) {
        free(notes);
        return -ENOMEM;
    }
    int r = aiohttp_web_application_set(app, &notes_key, notes, free_notes);
    if (r < 0)
        return r;
    return asyncio_create_task(asyncio_coro(forget, notes), &notes->forgetting,
                               .name = "forgetting");
}

static int close_notes(aiohttp_web_application *app)
{
    struct notes *notes = aiohttp_web_application_get(app, &notes_key);
    asyncio_task_cancel(notes->forgetting);
    int r = asyncio_await(notes->forgetting);
    asyncio_task_unref(notes->forgetting);
    return r == -ECANCELED ? 0 : r;
}

static void listening(const char *site, void *data)
{
    (void)data;
    printf("serving on %s\n", site);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8080;
    aiohttp_web_application *app = aiohttp_web_application_new(.client_max_size = 64 * 1024);
    aiohttp_web_application_cleanup_ctx(app, open_notes, close_notes);
    aiohttp_web_application_add_middleware(app, errors_are_json);
    aiohttp_web_application_add_middleware(app, changes_want_a_token);
    aiohttp_web_application_add_get(app, "/notes", list);
    aiohttp_web_application_add_post(app, "/notes", add);
    aiohttp_web_application_add_get(app, "/notes/{id:\\d+}", get, .name = "note");
    aiohttp_web_application_add_delete(app, "/notes/{id:\\d+}", delete_note);
    /* What was wrong with any of these is told now. */
    return asyncio_print_exception(
        aiohttp_web_run_app(app, .host = "127.0.0.1", .port = port, .print = listening));
}
