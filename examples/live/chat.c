/* SPDX-License-Identifier: MIT */
/* Each open page is a task in `listen`, which sends what is new and waits for a pulse. Nobody waits
 * for anybody: who reads slowly skips what has become too old. */
#include "chat.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int send_new(aiohttp_web_response *page, struct chat *chat, unsigned long *seen)
{
    int r = 0;
    while (r >= 0 && *seen < chat->last) {
        if (chat->last - *seen > CHAT_KEPT)
            *seen = chat->last - CHAT_KEPT;
        ++*seen;
        char id[24];
        snprintf(id, sizeof id, "%lu", *seen);
        /* It is copied before this suspends. */
        r = aiohttp_web_event_source_send(page, chat->messages[*seen % CHAT_KEPT], .id = id);
    }
    return r;
}

static int listen_to(aiohttp_web_response *page, struct chat *chat, unsigned long seen)
{
    int told = 0, r = 0;
    while (r >= 0 && !chat->events.is_stopping) {
        r = send_new(page, chat, &seen);
        if (r >= 0 && told != chat->people) {
            char json[64];
            told = chat->people;
            snprintf(json, sizeof json, "{\"people\": %d}", told);
            r = aiohttp_web_event_source_send(page, json, .event = "people");
        }
        /* What came while it was sending: no pulse tells of it again. */
        if (r >= 0 && seen == chat->last && told == chat->people && !chat->events.is_stopping)
            r = events_wait(&chat->events, 15.0);
        else
            continue;
        if (r == 0)                  /* a quiet line may look dead to what is in between */
            r = aiohttp_web_event_source_ping(page);
    }
    return r;
}

static int listen_in(aiohttp_web_request *request, void *data)
{
    struct chat *chat = data;
    const char *last = aiohttp_web_request_header(request, "Last-Event-ID");
    unsigned long seen = last ? strtoul(last, NULL, 10) : 0;
    aiohttp_web_response *page = aiohttp_web_request_response(request);
    int r = aiohttp_web_event_source_prepare(page);
    if (r < 0)
        return r;
    chat->people++;
    events_pulse(&chat->events);
    r = listen_to(page, chat, seen <= chat->last ? seen : 0);
    chat->people--;                  /* also when it was cancelled, since its peer has gone */
    events_pulse(&chat->events);
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
    fprintf(out, "{\"time\": %lld, \"name\": ", (long long)now.tv_sec);
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
    if (!name || !*name || strlen(name) > CHAT_NAME_MAX || !text[strspn(text, " \t\r\n")])
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
    aiohttp_web_application_add_get(app, "/live/chat/events", listen_in, .data = chat,
                                    .handler_cancellation = 1, .no_head = 1);
    aiohttp_web_application_add_post(app, "/live/chat/say", say, .data = chat);
}
