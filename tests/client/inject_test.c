/* SPDX-License-Identifier: MIT */
/* Nothing that a program gives as a text becomes more than that text in what is sent: whichever
 * option it is, CR and LF are refused or encoded, and no second field or request comes of them. */
#include "client/farm.h"

#include <aiohttp/client_websocket.h>
#include <aiohttp/digest_auth.h>
#include <aiohttp/form.h>
#include <asyncio/alloc.h>

static const char *const evil[] = {
    "a\r\nInjected: 1", "a\nInjected: 1",          "a\rInjected: 1",
    "a\r\n Injected: 1", "a\r\n\r\nInjected: 1",   "\r\nInjected: 1",
    "a HTTP/1.1\r\nInjected: 1\r\n", "a\r\n",      "a\n",
};

/* The head of the last request has lines and nothing but lines, none of them ours. */
static int is_whole(const struct farm_host *host)
{
    const char *text = host->request;
    CHECK(!strstr(text, "\nInjected") && !strstr(text, "\rInjected") && !strstr(text, "\n "));
    for (size_t i = 0; text[i]; i++) {
        CHECK(text[i] != '\n' || (i > 0 && text[i - 1] == '\r'));
        CHECK(text[i] != '\r' || text[i + 1] == '\n');
    }
    const char *end = strstr(text, "\r\n\r\n");
    CHECK(end && !end[4]);
    return 0;
}

/* `r`: what a request came to. */
static int has_no_effect(struct farm *farm, int r, aiohttp_client_response **response, int before)
{
    struct farm_host *host = &farm->hosts[0];
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        CHECK(r == -EINVAL || r == -AIOHTTP_INVALID_URL);
        CHECK_IS(host->requests, before);
        return 0;
    }
    r = aiohttp_client_response_release(*response);
    aiohttp_client_response_unref(*response);
    if (r < 0)
        return r;
    CHECK_IS(host->requests, before + 1);
    return is_whole(host);
}

#define TRY(method, url, ...)                                                                      \
    do {                                                                                           \
        int before_ = farm->hosts[0].requests;                                                     \
        int tried_ = aiohttp_client_session_request(farm->session, method, url, &response,         \
                                                    __VA_ARGS__);                                  \
        if ((tried_ = has_no_effect(farm, tried_, &response, before_)) < 0) {                      \
            if (!allocation_is_failing())                                                          \
                print_error("line %d, text %zu\n", __LINE__, n);                                   \
            return tried_;                                                                         \
        }                                                                                          \
    } while (0)

/* --- options of a request --- */

static int options_on(struct farm *farm, size_t n)
{
    aiohttp_client_response *response;
    const char *bad = evil[n], *url = farm_url(farm, 0, "", "/");
    const char *const names[] = { bad, "1", NULL }, *const values[] = { "X", bad, NULL };
    const char *const hosts[] = { "Host", bad, NULL };
    char path[256], proxy[128];
    TRY(bad, url, .text = NULL);
    TRY("GET", url, .fields = names);
    TRY("GET", url, .fields = values);
    TRY("GET", url, .fields = hosts);
    TRY("GET", url, .cookies = names);
    TRY("GET", url, .cookies = values);
    TRY("GET", url, .authorization = bad);
    TRY("GET", url, .params = bad);
    TRY("POST", url, .text = "x", .content_type = bad);
    TRY("POST", url, .text = "x", .compress = bad);
    snprintf(path, sizeof path, "%s%s", url, bad);
    TRY("GET", path, .text = NULL);
    snprintf(path, sizeof path, "%s?q=%s", url, bad);
    TRY("GET", path, .text = NULL);
    snprintf(path, sizeof path, "%s#%s", url, bad);
    TRY("GET", path, .text = NULL);
    snprintf(path, sizeof path, "http://%s@127.0.0.1:%d/", bad, farm_port(farm, 0));
    TRY("GET", path, .text = NULL);
    snprintf(path, sizeof path, "http://us:%s@127.0.0.1:%d/", bad, farm_port(farm, 0));
    TRY("GET", path, .text = NULL);
    /* to a proxy, which is server 0 */
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", farm_port(farm, 0));
    snprintf(path, sizeof path, "http://%s/", bad);
    TRY("GET", path, .proxy = proxy);
    snprintf(path, sizeof path, "http://x.test/%s", bad);
    TRY("GET", path, .proxy = proxy);
    snprintf(proxy, sizeof proxy, "http://us:%s@127.0.0.1:%d", bad, farm_port(farm, 0));
    TRY("GET", "http://x.test/", .proxy = proxy);
    TRY("GET", url, .proxy = bad);
    return 0;
}

/* What is encoded in a URL stays so, in the target and in the host; a user is not sent as text. */
static int encoded_on(struct farm *farm, size_t n)
{
    static const char *const users[] = { "us%0D%0AInjected:pw@", "us:p%0D%0AInjected@", "%00:pw@" };
    aiohttp_client_response *response;
    char proxy[64];
    for (size_t i = 0; n == 0 && i < sizeof users / sizeof *users; i++)
        TRY("GET", farm_url(farm, 0, users[i], "/"), .text = NULL);
    TRY("GET", farm_url(farm, 0, "", "/%0D%0AInjected?%0D%0A=%0D%0AInjected%00#%0A"), .text = NULL);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", farm_port(farm, 0));
    TRY("GET", "http://a%0D%0AInjected/", .proxy = proxy);
    TRY("GET", "http://a%20b/", .proxy = proxy);
    return 0;
}

static int query_on(struct farm *farm, size_t n)
{
    aiohttp_client_response *response;
    aiohttp_multi_dict *query = aiohttp_multi_dict_new();
    aiohttp_headers *headers = aiohttp_headers_new();
    const char *url = farm_url(farm, 0, "", "/");
    int r = query && headers ? 0 : -ENOMEM;
    if (r >= 0)
        r = aiohttp_multi_dict_add(query, evil[n], evil[n]);
    if (r >= 0) {
        int before = farm->hosts[0].requests;
        r = aiohttp_client_session_get(farm->session, url, &response, .query = query);
        r = has_no_effect(farm, r, &response, before);
    }
    /* headers do not even take it */
    if (r >= 0) {
        r = aiohttp_headers_add(headers, "X", evil[n]);
        r = r == -ENOMEM ? r : r == -EINVAL ? 0 : -EPROTO;
    }
    if (r >= 0) {
        r = aiohttp_headers_add(headers, evil[n], "x");
        r = r == -ENOMEM ? r : r == -EINVAL ? 0 : -EPROTO;
    }
    aiohttp_multi_dict_unref(query);
    aiohttp_headers_unref(headers);
    return r;
}

/* --- options of a session --- */

#define SESSION(...)                                                                               \
    do {                                                                                           \
        aiohttp_client_session *session_ = NULL;                                                   \
        int made_ = aiohttp_client_session_new(&session_, __VA_ARGS__);                            \
        int before_ = farm->hosts[0].requests;                                                     \
        if (made_ >= 0) {                                                                          \
            made_ = aiohttp_client_session_get(session_, url, &response);                          \
            made_ = has_no_effect(farm, made_, &response, before_);                                \
            made_ = session_end(session_, made_);                                                  \
        } else if (made_ == -EINVAL || made_ == -AIOHTTP_INVALID_URL)                              \
            made_ = 0;                                                                             \
        if (made_ < 0) {                                                                           \
            if (!allocation_is_failing())                                                          \
                print_error("line %d, text %zu\n", __LINE__, n);                                   \
            return made_;                                                                          \
        }                                                                                          \
    } while (0)

static int sessions_on(struct farm *farm, size_t n)
{
    aiohttp_client_response *response;
    const char *bad = evil[n], *url = farm_url(farm, 0, "", "/");
    const char *const names[] = { bad, "1", NULL }, *const values[] = { "X", bad, NULL };
    char path[256];
    SESSION(.authorization = bad);
    SESSION(.user_agent = bad);
    SESSION(.fields = names);
    SESSION(.fields = values);
    SESSION(.proxy = bad);
    url = "x";
    snprintf(path, sizeof path, "%s%s/", farm_url(farm, 0, "", "/"), bad);
    SESSION(.base_url = path);
    char *basic = NULL;
    int r = aiohttp_encode_basic_auth(bad, "pw", &basic);
    if (r >= 0)
        asyncio_mem_free(basic);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    return 0;
}

/* --- WebSockets --- */

static int websocket_on(struct farm *farm, size_t n)
{
    aiohttp_websocket *ws;
    const char *bad = evil[n], *url = farm_url(farm, 0, "", "/");
    const char *const names[] = { bad, "1", NULL }, *const values[] = { "X", bad, NULL };
    const char *const protocols[] = { bad, NULL };
    const aiohttp_client_ws_connect_options ways[] = {
        { .size = sizeof *ways, .protocols = protocols, .autoping = 1 },
        { .size = sizeof *ways, .origin = bad, .autoping = 1 },
        { .size = sizeof *ways, .fields = names, .autoping = 1 },
        { .size = sizeof *ways, .fields = values, .autoping = 1 },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int before = farm->hosts[0].requests;
        int r = (aiohttp_client_session_ws_connect)(farm->session, url, &ws, &ways[i]);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, -EINVAL);
        CHECK_IS(farm->hosts[0].requests, before);
    }
    return 0;
}

/* --- forms --- */

static int form_has_no_effect(aiohttp_form_data *form, int r)
{
    char body[4096];
    size_t size = 0;
    while (r >= 0 && size < sizeof body - 1 &&
           (r = aiohttp_form_data_read(form, body + size, sizeof body - 1 - size)) > 0)
        size += (size_t)r;
    aiohttp_form_data_unref(form);
    if (r < 0)
        return r == -EINVAL ? 0 : r;
    body[size] = '\0';
    CHECK(!strstr(body, "\nInjected") && !strstr(body, "\rInjected") && !strstr(body, "\n "));
    return 0;
}

static int forms_on(struct farm *farm, size_t n)
{
    const char *bad = evil[n];
    const aiohttp_form_data_field_options ways[] = {
        { .size = sizeof *ways, .length = -1 },
        { .size = sizeof *ways, .length = -1, .filename = bad },
        { .size = sizeof *ways, .length = -1, .filename = "x", .content_type = bad },
        { .size = sizeof *ways, .length = -1, .filename = "x" },
    };
    (void)farm;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        aiohttp_form_data *form = aiohttp_form_data_new();
        if (!form)
            return -ENOMEM;
        bool is_name = !ways[i].content_type && (!ways[i].filename || i == 3);
        int r = (aiohttp_form_data_add_field)(form, is_name ? bad : "name", "value", &ways[i]);
        if ((r = form_has_no_effect(form, r)) < 0)
            return r;
    }
    return 0;
}

/* --- all --- */

typedef int try_text(struct farm *farm, size_t n);

static int with_all(void *data)
{
    static struct farm farm; /* too large for the stack of a task */
    try_text *const *try = data;
    int r = farm_start(&farm);
    if (r >= 0)
        r = aiohttp_client_session_new(&farm.session);
    for (size_t n = 0; n < sizeof evil / sizeof *evil && r >= 0; n++)
        r = (*try)(&farm, n);
    return farm_end(&farm, r);
}

#define CASE(name, what)                                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        try_text *try = what;                                                                      \
        (void)state;                                                                               \
        run_everywhere_with(with_all, &try);                                                       \
    }
CASE(options_of_a_request, options_on)
CASE(what_is_encoded_stays_so, encoded_on)
CASE(a_query_and_headers, query_on)
CASE(options_of_a_session, sessions_on)
CASE(options_of_a_websocket, websocket_on)
CASE(fields_of_a_form, forms_on)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_a_request),  cmocka_unit_test(a_query_and_headers),
        cmocka_unit_test(options_of_a_session),  cmocka_unit_test(options_of_a_websocket),
        cmocka_unit_test(fields_of_a_form),      cmocka_unit_test(what_is_encoded_stays_so),
    };
    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
