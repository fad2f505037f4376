/* SPDX-License-Identifier: MIT */
/* A session that nobody closes: with its last reference the connector that it was given is closed,
 * unless it was to be kept. */
#include "client/client_test.h"

static int leave(struct raw *raw, aiohttp_connector *connector, int keeps)
{
    aiohttp_client_session *session;
    aiohttp_client_response *response = NULL;
    const char *text;
    int r = aiohttp_client_session_new(&session, .connector = connector, .keep_connector = keeps);
    if (r < 0)
        return r;
    r = aiohttp_client_session_get(session, raw_url(raw, "/"), &response);
    aiohttp_client_session_unref(session);
    if (r >= 0) {
        /* Its answer can still be read. */
        CHECK(!aiohttp_connector_closed(connector));
        r = aiohttp_client_response_text(response, &text);
    }
    if (r >= 0)
        CHECK_TEXT(text, "abc");
    aiohttp_client_response_unref(response);
    return r;
}

static int left(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", .keeps = true };
    aiohttp_connector *connectors[2] = { NULL };
    (void)data;
    int r = raw_start(&raw);
    unsigned before = reports.count;
    for (int keeps = 0; keeps < 2 && r >= 0; keeps++) {
        r = aiohttp_tcp_connector_new(&connectors[keeps]);
        if (r >= 0)
            r = leave(&raw, connectors[keeps], keeps);
        if (r < 0)
            break;
        aiohttp_connector_stats stats;
        aiohttp_connector_get_stats(connectors[keeps], &stats);
        CHECK_IS(aiohttp_connector_closed(connectors[keeps]), !keeps);
        CHECK_IS((int)stats.idle, keeps);
        CHECK_IS((int)stats.in_use, 0);
        CHECK_IS((int)(reports.count - before), keeps + 1);
    }
    for (int keeps = 0; keeps < 2; keeps++)
        aiohttp_connector_unref(connectors[keeps]);
    return raw_end(&raw, r);
}

static void left_test(void **state)
{
    (void)state;
    run_everywhere(left);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(left_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
