/* SPDX-License-Identifier: MIT */
/* A test client: JSON, forms, files, cookies, redirects and WebSockets, as a user's own tests would
 * ask for them. */
#include "client/client_test.h"

#include <aiohttp/client_websocket.h>
#include <aiohttp/cookie_jar.h>
#include <aiohttp/form.h>
#include <aiohttp/test_utils.h>

/* --- what is tested --- */

static int name_of(aiohttp_web_request *request)
{
    json_t *json;
    int r = aiohttp_web_request_json(request, &json);
    if (r < 0)
        return r;
    const char *name = json_string_value(json_object_get(json, "name"));
    return aiohttp_web_respondf(request, "%s", name ? name : "nobody");
}

static int count_form(aiohttp_web_request *request)
{
    const aiohttp_multi_dict *form;
    int r = aiohttp_web_request_post(request, &form);
    if (r < 0)
        return r;
    const aiohttp_web_file_field *file = aiohttp_web_request_file(request, "file");
    const char *title = aiohttp_multi_dict_get(form, "title");
    return aiohttp_web_respondf(request, "%s %d", title ? title : "-",
                                file ? (int)file->length : -1);
}

static int log_in(aiohttp_web_request *request)
{
    int r = aiohttp_web_response_set_cookie(aiohttp_web_request_response(request), "who", "me");
    return r < 0 ? r : aiohttp_web_http_see_other(request, "/who");
}

static int who(aiohttp_web_request *request)
{
    const char *cookie = aiohttp_web_request_cookie(request, "who");
    return aiohttp_web_respondf(request, "%s", cookie ? cookie : "nobody");
}

static int echoes(aiohttp_web_request *request)
{
    aiohttp_websocket *ws;
    const char *text;
    size_t size;
    int r = aiohttp_web_websocket_prepare(request, &ws);
    while (r >= 0 && (r = aiohttp_websocket_receive_str(ws, &text, &size)) > 0)
        r = aiohttp_websocket_send_str(ws, text);
    return r;
}

static aiohttp_web_application *application(void)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_post(app, "/name", name_of);
    aiohttp_web_application_add_post(app, "/form", count_form);
    aiohttp_web_application_add_post(app, "/login", log_in);
    aiohttp_web_application_add_get(app, "/who", who);
    aiohttp_web_application_add_get(app, "/ws", echoes);
    return app;
}

/* --- the tests --- */

static int bodies_on(aiohttp_client_session *client)
{
    aiohttp_client_response *response;
    json_t *json = json_pack("{s:s}", "name", "Ann");
    aiohttp_form_data *form = aiohttp_form_data_new(), *files = aiohttp_form_data_new();
    int r = json && form && files ? 0 : -ENOMEM;
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(client, "/name", &response, .json = json),
                    &response, "Ann");
    if (r >= 0)
        r = aiohttp_form_data_add_field(form, "title", "a title");
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(client, "form", &response, .form = form),
                    &response, "a title -1");
    if (r >= 0)
        r = aiohttp_form_data_add_field(files, "file", "content", .filename = "a.txt");
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(client, "/form", &response, .form = files),
                    &response, "- 7");
    json_decref(json);
    aiohttp_form_data_unref(form);
    aiohttp_form_data_unref(files);
    return r;
}

static int cookies_on(aiohttp_client_session *client)
{
    aiohttp_client_response *response;
    int r = text_is(aiohttp_client_session_get(client, "/who", &response), &response, "nobody");
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(client, "/login", &response), &response, "me");
    if (r >= 0)
        r = text_is(aiohttp_client_session_get(client, "/who", &response), &response, "me");
    return r;
}

static int echoed_on(aiohttp_client_session *client)
{
    aiohttp_websocket *ws;
    const char *text;
    size_t size;
    int r = aiohttp_client_session_ws_connect(client, "/ws", &ws);
    if (r < 0)
        return r;
    r = aiohttp_websocket_send_str(ws, "hello");
    if (r >= 0)
        r = aiohttp_websocket_receive_str(ws, &text, &size);
    if (r > 0)
        CHECK_TEXT(text, "hello");
    int closed = aiohttp_websocket_close(ws);
    aiohttp_websocket_unref(ws);
    return r < 0 ? r : closed;
}

typedef int asking(aiohttp_client_session *client);

static int with_client(asking *ask)
{
    aiohttp_test_server *server = NULL;
    aiohttp_client_session *client = NULL;
    aiohttp_web_application *app = application();
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    if (r >= 0)
        r = aiohttp_test_client_new(server, &client);
    if (r >= 0)
        r = ask(client);
    r = session_end(client, r);
    int closed = aiohttp_test_server_close(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : closed < 0 ? closed : slept;
}

static int bodies(void *data)
{
    (void)data;
    return with_client(bodies_on);
}

static int cookies(void *data)
{
    (void)data;
    return with_client(cookies_on);
}

static int echoed(void *data)
{
    (void)data;
    return with_client(echoed_on);
}

/* What is said counts: another base, a jar that keeps nothing, a session's own options. */
static int said(void *data)
{
    static const char *const fields[] = { "Cookie", "who=another", NULL };
    aiohttp_test_server *server = NULL;
    aiohttp_client_session *client = NULL;
    aiohttp_client_response *response;
    aiohttp_cookie_jar *none = NULL;
    aiohttp_web_application *app = application();
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    if (r >= 0)
        r = (none = aiohttp_dummy_cookie_jar_new()) ? 0 : -ENOMEM;
    if (r >= 0)
        r = aiohttp_test_client_new(server, &client, .cookie_jar = none, .fields = fields,
                                    .raise_for_status = 1);
    aiohttp_cookie_jar_unref(none);
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(client, "/login", &response), &response,
                    "another");
    if (r >= 0) {
        r = aiohttp_client_session_get(client, "/nowhere", &response);
        if (r >= 0)
            aiohttp_client_response_unref(response);
        if (r != -ENOMEM)
            CHECK_IS(r, -(AIOHTTP_HTTP + 404));
        r = r == -ENOMEM ? r : 0;
    }
    r = session_end(client, r);
    int closed = aiohttp_test_server_close(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : closed < 0 ? closed : slept;
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(bodies)
CASE(cookies)
CASE(echoed)
CASE(said)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_test),
        cmocka_unit_test(cookies_test),
        cmocka_unit_test(echoed_test),
        cmocka_unit_test(said_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
