/* SPDX-License-Identifier: MIT */
/* Each open page is a WebSocket with two tasks: `visit` hears what it says, `tell` sends what is
 * new and waits for a pulse. Nobody waits for anybody: who reads slowly skips what has become too
 * old. */
#include "chat.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct visitor {
    struct chat *chat;
    aiohttp_websocket *ws;
    unsigned long seen;
};

static int send_new(struct visitor *visitor)
{
    struct chat *chat = visitor->chat;
    int r = 0;
    while (r >= 0 && visitor->seen < chat->last) {
        if (chat->last - visitor->seen > CHAT_KEPT)
            visitor->seen = chat->last - CHAT_KEPT;
        ++visitor->seen;
        /* It is copied before this suspends. */
        r = aiohttp_websocket_send_str(visitor->ws, chat->messages[visitor->seen % CHAT_KEPT]);
    }
    return r;
}

static int tell(struct visitor *visitor)
{
    struct chat *chat = visitor->chat;
    int told = 0, r = 0;
    while (r >= 0 && !chat->events.is_stopping) {
        r = send_new(visitor);
        if (r >= 0 && told != chat->people) {
            char json[64];
            told = chat->people;
            snprintf(json, sizeof json, "{\"people\": %d}", told);
            r = aiohttp_websocket_send_str(visitor->ws, json);
        }
        /* What came while it was sending: no pulse tells of it again. */
        if (r >= 0 && visitor->seen == chat->last && told == chat->people &&
            !chat->events.is_stopping)
            r = events_wait(&chat->events, 3600.0);
    }
    return r;
}

static int add_message(struct chat *chat, const char *name, const char *text)
{
    char *json = NULL;
    size_t size;
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    FILE *out = open_memstream(&json, &size);
    if (!out)
        return -ENOMEM;
    fprintf(out, "{\"id\": %lu, \"time\": %lld, \"name\": ", chat->last + 1, (long long)now.tv_sec);
    json_write(out, name);
    fputs(", \"text\": ", out);
    json_write(out, text);
    fputc('}', out);
    if (fclose(out) != 0) {
        free(json);
        return -ENOMEM;
    }
    char **place = &chat->messages[++chat->last % CHAT_KEPT];
    free(*place);
    *place = json;
    events_pulse(&chat->events);
    return 0;
}

static bool is_good(const char *name, const char *text)
{
    return name && *name && strlen(name) <= CHAT_NAME_MAX && text[strspn(text, " \t\r\n")] &&
           strlen(text) <= CHAT_TEXT_MAX;
}

/* What a page says, until it goes. */
static int hear(struct visitor *visitor)
{
    const char *message;
    size_t size;
    int r;
    while ((r = aiohttp_websocket_receive_str(visitor->ws, &message, &size)) > 0) {
        const char *name = NULL, *text = NULL;
        json_t *json = json_loadb(message, size, 0, NULL);
        if (json && json_unpack(json, "{s:s, s:s}", "name", &name, "text", &text) == 0 &&
            is_good(name, text))
            r = add_message(visitor->chat, name, text);
        else
            r = aiohttp_websocket_send_str(visitor->ws,
                                           "{\"problem\": \"a name and a text are wanted\"}");
        json_decref(json);
        if (r < 0)
            break;
    }
    return r;
}

/* A browser says whose page wants the connection: another site's may not talk here. */
static bool is_own_page(aiohttp_web_request *request)
{
    const char *origin = aiohttp_web_request_header(request, "Origin");
    const char *host = aiohttp_web_request_host(request);
    const char *from = origin ? strstr(origin, "://") : NULL;
    return !origin || (host && from && strcmp(from + 3, host) == 0);
}

static int visit(aiohttp_web_request *request, void *data)
{
    struct chat *chat = data;
    struct visitor visitor = { .chat = chat };
    const char *last = aiohttp_web_request_query(request, "last");
    unsigned long seen = last ? strtoul(last, NULL, 10) : 0;
    visitor.seen = seen <= chat->last ? seen : 0;
    if (!is_own_page(request))
        return aiohttp_web_http_forbidden(request);
    int r = aiohttp_web_websocket_prepare(request, &visitor.ws, .heartbeat = 15,
                                          .max_msg_size = 8192);
    if (r < 0)
        return r;
    asyncio_task *teller;
    if ((r = asyncio_create_task(asyncio_coro(tell, &visitor), &teller)) < 0)
        return r;
    chat->people++;
    events_pulse(&chat->events);
    r = hear(&visitor);
    chat->people--;                  /* also when it was cancelled */
    events_pulse(&chat->events);
    asyncio_task_cancel(teller);     /* it borrows what is here */
    int told = asyncio_await(teller);
    asyncio_task_unref(teller);
    return r < 0 || told == -ECANCELED ? r : 0;
}

static int say(aiohttp_web_request *request, void *data)
{
    const char *text, *name = aiohttp_web_request_query(request, "name");
    const char *from = aiohttp_web_request_header(request, "Sec-Fetch-Site");
    if (from && strcmp(from, "same-origin") != 0)    /* another site's page, in a browser here */
        return aiohttp_web_http_forbidden(request);
    int r = aiohttp_web_request_set_client_max_size(request, CHAT_TEXT_MAX);
    if (r >= 0)
        r = aiohttp_web_request_text(request, &text);
    if (r < 0)
        return r;                                    /* 413 and its kin answer for themselves */
    if (!is_good(name, text))
        return aiohttp_web_http_bad_request(request, .text = "a name and a text are wanted\n");
    r = add_message(data, name, text);
    return r < 0 ? r : aiohttp_web_respond(request, NULL, .status = 204);
}

static int begin(aiohttp_web_application *app, void *data)
{
    struct chat *chat = data;
    (void)app;
    asyncio_event_init(&chat->events.changed);
    return 0;
}

static int stop(aiohttp_web_application *app, void *data)
{
    struct chat *chat = data;
    (void)app;
    chat->events.is_stopping = true;
    events_pulse(&chat->events);
    return 0;
}

static int end(aiohttp_web_application *app, void *data)
{
    struct chat *chat = data;
    (void)app;
    for (int i = 0; i < CHAT_KEPT; i++)
        free(chat->messages[i]);
    return asyncio_event_fini(&chat->events.changed);
}

void chat_add(aiohttp_web_application *app, struct chat *chat)
{
    aiohttp_web_application_cleanup_ctx(app, begin, end, .data = chat);
    aiohttp_web_application_on_shutdown(app, stop, .data = chat);
    aiohttp_web_application_add_get(app, "/live/chat/socket", visit, .data = chat, .no_head = 1);
    aiohttp_web_application_add_post(app, "/live/chat/say", say, .data = chat);
}
