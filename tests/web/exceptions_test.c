/* SPDX-License-Identifier: MIT */
/* The whole family of HTTP statuses as errors: what each answers, what a middleware sees, and that
 * the connection is in order behind it. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>
#include <aiohttp/web_exceptions.h>

typedef int plain(aiohttp_web_request *request, const aiohttp_web_http_options *options);
typedef int move(aiohttp_web_request *request, const char *location,
                 const aiohttp_web_http_options *options);

/* aiohttp's classes, with the reasons of Python's http.HTTPStatus. */
static const struct row {
    int status;
    const char *reason;
    plain *plain;
    move *move;
} rows[] = {
    { 200, "OK", (aiohttp_web_http_ok), NULL },
    { 201, "Created", (aiohttp_web_http_created), NULL },
    { 202, "Accepted", (aiohttp_web_http_accepted), NULL },
    { 203, "Non-Authoritative Information", (aiohttp_web_http_non_authoritative_information),
      NULL },
    { 204, "No Content", (aiohttp_web_http_no_content), NULL },
    { 205, "Reset Content", (aiohttp_web_http_reset_content), NULL },
    { 206, "Partial Content", (aiohttp_web_http_partial_content), NULL },
    { 300, "Multiple Choices", NULL, (aiohttp_web_http_multiple_choices) },
    { 301, "Moved Permanently", NULL, (aiohttp_web_http_moved_permanently) },
    { 302, "Found", NULL, (aiohttp_web_http_found) },
    { 303, "See Other", NULL, (aiohttp_web_http_see_other) },
    { 304, "Not Modified", (aiohttp_web_http_not_modified), NULL },
    { 305, "Use Proxy", NULL, (aiohttp_web_http_use_proxy) },
    { 307, "Temporary Redirect", NULL, (aiohttp_web_http_temporary_redirect) },
    { 308, "Permanent Redirect", NULL, (aiohttp_web_http_permanent_redirect) },
    { 400, "Bad Request", (aiohttp_web_http_bad_request), NULL },
    { 401, "Unauthorized", (aiohttp_web_http_unauthorized), NULL },
    { 402, "Payment Required", (aiohttp_web_http_payment_required), NULL },
    { 403, "Forbidden", (aiohttp_web_http_forbidden), NULL },
    { 404, "Not Found", (aiohttp_web_http_not_found), NULL },
    { 406, "Not Acceptable", (aiohttp_web_http_not_acceptable), NULL },
    { 407, "Proxy Authentication Required", (aiohttp_web_http_proxy_authentication_required),
      NULL },
    { 408, "Request Timeout", (aiohttp_web_http_request_timeout), NULL },
    { 409, "Conflict", (aiohttp_web_http_conflict), NULL },
    { 410, "Gone", (aiohttp_web_http_gone), NULL },
    { 411, "Length Required", (aiohttp_web_http_length_required), NULL },
    { 412, "Precondition Failed", (aiohttp_web_http_precondition_failed), NULL },
    { 414, "URI Too Long", (aiohttp_web_http_request_uri_too_long), NULL },
    { 415, "Unsupported Media Type", (aiohttp_web_http_unsupported_media_type), NULL },
    { 416, "Range Not Satisfiable", (aiohttp_web_http_request_range_not_satisfiable), NULL },
    { 417, "Expectation Failed", (aiohttp_web_http_expectation_failed), NULL },
    { 421, "Misdirected Request", (aiohttp_web_http_misdirected_request), NULL },
    { 422, "Unprocessable Content", (aiohttp_web_http_unprocessable_entity), NULL },
    { 424, "Failed Dependency", (aiohttp_web_http_failed_dependency), NULL },
    { 426, "Upgrade Required", (aiohttp_web_http_upgrade_required), NULL },
    { 428, "Precondition Required", (aiohttp_web_http_precondition_required), NULL },
    { 429, "Too Many Requests", (aiohttp_web_http_too_many_requests), NULL },
    { 431, "Request Header Fields Too Large",
      (aiohttp_web_http_request_header_fields_too_large), NULL },
    { 500, "Internal Server Error", (aiohttp_web_http_internal_server_error), NULL },
    { 501, "Not Implemented", (aiohttp_web_http_not_implemented), NULL },
    { 502, "Bad Gateway", (aiohttp_web_http_bad_gateway), NULL },
    { 503, "Service Unavailable", (aiohttp_web_http_service_unavailable), NULL },
    { 504, "Gateway Timeout", (aiohttp_web_http_gateway_timeout), NULL },
    { 505, "HTTP Version Not Supported", (aiohttp_web_http_version_not_supported), NULL },
    { 506, "Variant Also Negotiates", (aiohttp_web_http_variant_also_negotiates), NULL },
    { 507, "Insufficient Storage", (aiohttp_web_http_insufficient_storage), NULL },
    { 510, "Not Extended", (aiohttp_web_http_not_extended), NULL },
    { 511, "Network Authentication Required",
      (aiohttp_web_http_network_authentication_required), NULL },
};

static int raise_one(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    const struct row *row = path ? rows + strtol(path + 1, NULL, 10) : NULL;
    (void)data;
    if (!row)
        return -ENOMEM;
    int r = row->plain ? row->plain(request, NULL) : row->move(request, "/there?a=b", NULL);
    return r == -ENOMEM || r == -(AIOHTTP_HTTP + row->status) ? r : -EPROTO;
}

static int each(void *data)
{
    char path[16], wanted[128];
    aiohttp_test_server *server = NULL;
    aiohttp_test_response answer;
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/{row}", raise_one);
    int r = aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows) && r >= 0; i++) {
        const struct row *row = &rows[i];
        bool has_body = row->status != 204 && row->status != 205 && row->status != 304;
        snprintf(path, sizeof path, "/%d", i);
        r = aiohttp_test_server_request(server, "GET", path, &answer);
        if (r < 0)
            break;
        snprintf(wanted, sizeof wanted, "%d: %s", row->status, row->reason);
        CHECK_IS(answer.status, row->status);
        CHECK_TEXT(answer.reason, row->reason);
        CHECK_TEXT(aiohttp_web_http_reason(row->status), row->reason);
        CHECK_TEXT(answer.body, has_body ? wanted : "");
        if (row->move)
            CHECK_TEXT(aiohttp_headers_get(answer.headers, "Location"), "/there?a=b");
        else
            CHECK(!aiohttp_headers_get(answer.headers, "Location"));
    }
    int ended = aiohttp_test_server_close(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : ended < 0 ? ended : slept;
}

/* Behind each the next request of its connection is answered. */
static int kept_alive(void *data)
{
    static char answer[65536], request[16384];
    struct live live;
    size_t size = 0;
    (void)data;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        size += (size_t)snprintf(request + size, sizeof request - size,
                                 "GET /%zu HTTP/1.1\r\nHost: a\r\n\r\n", i);
    int r = live_start(&live, raise_one);
    if (r >= 0)
        r = live_ask(&live, request, answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    const char *at = answer;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[128];
        snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", rows[i].status, rows[i].reason);
        CHECK_BEGINS(at, line);
        const char *next = strstr(at + 1, "HTTP/1.1 ");
        CHECK((next == NULL) == (i + 1 == sizeof rows / sizeof *rows));
        at = next;
    }
    return 0;
}

/* ---- what some take besides, and what is refused ---- */

static int with_options(aiohttp_web_request *request, const char *path)
{
    static const char *const headers[] = { "WWW-Authenticate", "Basic realm=\"x\"", NULL };
    if (strcmp(path, "/405") == 0)
        return aiohttp_web_http_method_not_allowed(request, "GET, PUT");
    if (strcmp(path, "/413") == 0)
        return aiohttp_web_http_request_entity_too_large(request, 10, 11);
    if (strcmp(path, "/413/own") == 0)
        return aiohttp_web_http_request_entity_too_large(request, 10, 11, .text = "smaller!");
    if (strcmp(path, "/451") == 0)
        return aiohttp_web_http_unavailable_for_legal_reasons(request, "https://a/law");
    if (strcmp(path, "/451/bare") == 0)
        return aiohttp_web_http_unavailable_for_legal_reasons(request, NULL);
    if (strcmp(path, "/418") == 0)
        return aiohttp_web_http_exception(request, 418, .reason = "I'm a teapot");
    if (strcmp(path, "/599") == 0)
        return aiohttp_web_http_exception(request, 599);
    if (strcmp(path, "/json") == 0)
        return aiohttp_web_http_conflict(request, .text = "{}",
                                         .content_type = "application/json");
    return aiohttp_web_http_unauthorized(request, .headers = headers, .reason = "Who?");
}

static int refused(aiohttp_web_request *request, const char *path)
{
    static char law[1200];
    memset(law, 'l', sizeof law - 1);
    if (strcmp(path, "/bad/status") == 0)
        return aiohttp_web_http_exception(request, 600);
    if (strcmp(path, "/bad/1xx") == 0)
        return aiohttp_web_http_exception(request, 199);
    if (strcmp(path, "/bad/reason") == 0)
        return aiohttp_web_http_gone(request, .reason = "a\r\nX: y");
    if (strcmp(path, "/bad/location") == 0)
        return aiohttp_web_http_found(request, "/a\r\nX: y");
    if (strcmp(path, "/bad/law") == 0)
        return aiohttp_web_http_unavailable_for_legal_reasons(request, law);
    return aiohttp_web_http_found(request, NULL);
}

static int special(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (!path)
        return -ENOMEM;
    if (strncmp(path, "/bad/", 5) == 0) {
        int r = refused(request, path);
        return r == -EINVAL ? aiohttp_web_respond(request, "refused") : r;
    }
    return with_options(request, path);
}

#define PLAIN "\r\nContent-Type: text/plain; charset=utf-8\r\n"

static const struct talk {
    const char *path, *fields, *begins, *has, *body;
} talks[] = {
    { "/405", "", "HTTP/1.1 405 Method Not Allowed\r\n", "\r\nAllow: GET, PUT\r\n",
      "405: Method Not Allowed" },
    { "/413", "", "HTTP/1.1 413 ", PLAIN,
      "Maximum request body size 10 exceeded, actual body size 11" },
    { "/413/own", "", "HTTP/1.1 413 ", PLAIN, "smaller!" },
    { "/451", "", "HTTP/1.1 451 Unavailable For Legal Reasons\r\n",
      "\r\nLink: <https://a/law>; rel=\"blocked-by\"\r\n", "451: Unavailable For Legal Reasons" },
    { "/451/bare", "", "HTTP/1.1 451 ", PLAIN, "451: Unavailable For Legal Reasons" },
    { "/418", "", "HTTP/1.1 418 I'm a teapot\r\n", PLAIN, "418: I'm a teapot" },
    { "/599", "", "HTTP/1.1 599 ", PLAIN, "599: " },
    { "/json", "", "HTTP/1.1 409 ", "\r\nContent-Type: application/json\r\n", "{}" },
    { "/json", "Accept: text/html\r\n", "HTTP/1.1 409 ", "\r\n", "{}" },
    { "/401", "", "HTTP/1.1 401 Who?\r\n", "\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
      "401: Who?" },
    { "/401", "Accept: text/html\r\n", "HTTP/1.1 401 Who?\r\n",
      "\r\nContent-Type: text/html; charset=utf-8\r\n", NULL },
    { "/bad/status", "", "HTTP/1.1 200 ", "\r\n", "refused" },
    { "/bad/1xx", "", "HTTP/1.1 200 ", "\r\n", "refused" },
    { "/bad/reason", "", "HTTP/1.1 200 ", "\r\n", "refused" },
    { "/bad/location", "", "HTTP/1.1 200 ", "\r\n", "refused" },
    { "/bad/law", "", "HTTP/1.1 200 ", "\r\n", "refused" },
    { "/bad/null", "", "HTTP/1.1 200 ", "\r\n", "refused" },
};

static int specials(void *data)
{
    char answer[8192];
    struct live live;
    (void)data;
    int r = live_start(&live, special);
    for (size_t i = 0; i < sizeof talks / sizeof *talks && r >= 0; i++) {
        r = live_get(&live, talks[i].path, talks[i].fields, answer, sizeof answer);
        if (r < 0)
            break;
        CHECK_BEGINS(answer, talks[i].begins);
        CHECK_HAS(answer, talks[i].has);
        if (talks[i].body)
            CHECK_TEXT(body_of(answer), talks[i].body);
        CHECK(!strstr(answer, "\r\nX: y"));
    }
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(each)
CASE(kept_alive)
CASE(specials)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_kept_alive),
        cmocka_unit_test(test_specials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
