/* SPDX-License-Identifier: MIT */
/* Bodies of requests: all kinds, compressed, watched, refused, answered early. */
#include "client/client_test.h"

#include <aiohttp/form.h>
#include <fcntl.h>

/* Tells the size and sum of what came, and how it was said. */
static int sum(aiohttp_web_request *request, void *data)
{
    const char *length = aiohttp_web_request_header(request, "Content-Length");
    const char *coding = aiohttp_web_request_header(request, "Transfer-Encoding");
    const char *type = aiohttp_web_request_header(request, "Content-Type");
    char buffer[4096], head[256];
    unsigned long total = 0, all = 0;
    int n;
    (void)data;
    snprintf(head, sizeof head, "length=%s coding=%s type=%.20s", length ? length : "-",
             coding ? coding : "-", type ? type : "-");
    while ((n = aiohttp_web_request_content_read(request, buffer, sizeof buffer)) > 0) {
        total += (unsigned long)n;
        for (int i = 0; i < n; i++)
            all += (unsigned char)buffer[i];
    }
    return n < 0 ? n : aiohttp_web_respondf(request, "%s size=%lu sum=%lu", head, total, all);
}

static int answer_is(int r, aiohttp_client_response **where, const char *expected)
{
    const char *text;
    if (r < 0)
        return r;
    aiohttp_client_response *response = *where;
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        CHECK_HAS(text, expected);
    if (r >= 0)
        CHECK(aiohttp_client_response_upload_complete(response));
    aiohttp_client_response_unref(response);
    return r;
}

static int ticks(aiohttp_payload_writer *writer, void *data)
{
    int *count = data, r = 0;
    for (int i = 0; i < *count && r >= 0; i++)
        if ((r = asyncio_sleep(0)) >= 0)
            r = aiohttp_payload_writer_write(writer, "tick\n", 5);
    return r;
}

static char large[70000];

static int kinds_on(struct both *both)
{
    aiohttp_client_response *response = NULL;
    aiohttp_client_session *session = both->session;
    const char *url = at(both, "/");
    int count = 20;
    memset(large, 'a', sizeof large);
    int r = aiohttp_client_session_post(session, url, &response, .body = large,
                                        .body_size = sizeof large);
    r = answer_is(r, &response, "length=70000 coding=- type=application/octet-st size=70000 "
                               "sum=6790000");
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(session, url, &response, .text = "abc",
                                                  .chunked = 1),
                      &response, "length=- coding=chunked type=text/plain; charset= size=3");
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(session, url, &response, .generator = ticks,
                                                  .data = &count),
                      &response, "length=- coding=chunked type=application/octet-st size=100");
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(session, url, &response, .text = "abc",
                                                  .expect100 = 1),
                      &response, "length=3 coding=- type=text/plain; charset= size=3");
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(session, url, &response, .body = large,
                                                  .body_size = sizeof large, .expect100 = 1,
                                                  .compress = "gzip"),
                      &response, "length=- coding=chunked type=application/octet-st size=");
    json_t *json = json_pack("{s:i}", "a", 1);
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(session, url, &response, .json = json), &response,
                      "length=7 coding=- type=application/json; ch size=7");
    json_decref(json);
    return r;
}

static int forms_on(struct both *both)
{
    aiohttp_client_response *response = NULL;
    aiohttp_form_data *form = aiohttp_form_data_new();
    if (!form)
        return -ENOMEM;
    int r = aiohttp_form_data_add_field(form, "a", "b c");
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(both->session, at(both, "/"), &response,
                                                  .form = form),
                      &response, "length=5 coding=- type=application/x-www-fo size=5");
    if (r >= 0) /* borrowed, not used up */
        r = answer_is(aiohttp_client_session_post(both->session, at(both, "/"), &response,
                                                  .form = form),
                      &response, "length=5 coding=- type=application/x-www-fo size=5");
    aiohttp_form_data_unref(form);
    if (r < 0)
        return r;
    if (!(form = aiohttp_form_data_new()))
        return -ENOMEM;
    r = aiohttp_form_data_add_field(form, "a", "b c", .filename = "x");
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(both->session, at(both, "/"), &response,
                                                  .form = form),
                      &response, "coding=- type=multipart/form-data; size=");
    aiohttp_form_data_unref(form);
    return r;
}

static int begins_anew(void *source)
{
    *(int *)source = 3;
    return 0;
}

static int used_up(void *source, void *buffer, size_t size)
{
    int *left = source;
    if (*left == 0 || size == 0)
        return 0;
    --*left;
    *(char *)buffer = 'x';
    return 1;
}

/* What cannot be begun anew is refused before a byte of the request is sent. */
static int forms_again_on(struct both *both)
{
    aiohttp_client_response *response = NULL;
    aiohttp_multipart_writer *writer = NULL;
    aiohttp_form_data *form = NULL;
    aiohttp_payload *payload = NULL;
    int left = 3, again = 3;
    const char *url = at(both, "/");
    int r = aiohttp_multipart_writer_new("mixed", &writer);
    if (r >= 0)
        r = aiohttp_multipart_writer_append(writer, "abc", 3, NULL);
    if (r >= 0)
        r = aiohttp_multipart_writer_append_stream(writer, used_up, &again, NULL, .length = 3,
                                                   .rewind = begins_anew);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = answer_is(aiohttp_client_session_post(both->session, url, &response,
                                                  .multipart = writer),
                      &response, "coding=- type=multipart/mixed; bou");
    aiohttp_multipart_writer_unref(writer);
    if (r >= 0 && !(form = aiohttp_form_data_new()))
        r = -ENOMEM;
    if (r >= 0)
        r = aiohttp_form_data_add_field(form, "a", NULL, .filename = "x", .read = used_up,
                                        .source = &left);
    if (r >= 0)
        r = answer_is(aiohttp_client_session_post(both->session, url, &response, .form = form),
                      &response, "type=multipart/form-data");
    aiohttp_connector_stats before, after;
    aiohttp_connector_get_stats(aiohttp_client_session_connector(both->session), &before);
    if (r >= 0) {
        r = aiohttp_client_session_post(both->session, url, &response, .form = form);
        if (r >= 0)
            aiohttp_client_response_unref(response);
        r = r == -AIOHTTP_BODY_SENT ? 0 : r < 0 ? r : -EPROTO;
    }
    aiohttp_connector_get_stats(aiohttp_client_session_connector(both->session), &after);
    aiohttp_form_data_unref(form);
    if (r >= 0) /* no connection was taken for it */
        CHECK(after.reused == before.reused && after.created == before.created);
    if (r >= 0)
        r = aiohttp_string_payload_new("text", &payload);
    for (int i = 0; i < 2 && r >= 0; i++)
        r = answer_is(aiohttp_client_session_post(both->session, url, &response,
                                                  .payload = payload),
                      &response, "length=4 coding=- type=text/plain");
    aiohttp_payload_unref(payload);
    return r;
}

static int two_on(struct both *both)
{
    static const char *const length[] = { "Content-Length", "3", NULL };
    static const char *const bad[] = { "X", "a\r\nY: b", NULL };
    aiohttp_client_response *response;
    const char *url = at(both, "/");
    int r = aiohttp_client_session_post(both->session, url, &response, .text = "a", .body = "b",
                                        .body_size = 1);
    if (r != -ENOMEM)
        CHECK_IS(r, -EINVAL);
    r = aiohttp_client_session_post(both->session, url, &response, .text = "a", .fields = length);
    if (r != -ENOMEM)
        CHECK_IS(r, -EINVAL);
    r = aiohttp_client_session_get(both->session, url, &response, .fields = bad);
    if (r != -ENOMEM)
        CHECK_IS(r, -EINVAL);
    r = aiohttp_client_session_request(both->session, "GET /x HTTP/1.1\r\n", url, &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -EINVAL);
    r = aiohttp_client_session_get(both->session, "ftp://a/", &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_NON_HTTP_URL);
    r = aiohttp_client_session_get(both->session, "/relative", &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_INVALID_URL);
    r = aiohttp_client_session_get(both->session, "http://2130706433/", &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_INVALID_URL);
    r = aiohttp_client_session_post(both->session, url, &response, .text = "a", .compress = "lz4");
    if (r != -ENOMEM)
        CHECK_IS(r, -EINVAL);
    return 0;
}

/* --- watched, and ended --- */

struct watch {
    int64_t last, end_at;
    int calls;
};

static int watch(int64_t sent, int64_t total, void *data)
{
    struct watch *seen = data;
    seen->calls++;
    if (sent < seen->last || total != (int64_t)sizeof large)
        return -EPROTO;
    seen->last = sent;
    return seen->end_at && sent >= seen->end_at ? -EINTR : 0;
}

static int progress_on(struct both *both)
{
    aiohttp_client_response *response = NULL;
    struct watch seen = { .last = 0 };
    int r = answer_is(aiohttp_client_session_post(both->session, at(both, "/"), &response,
                                                  .body = large, .body_size = sizeof large,
                                                  .progress = watch, .data = &seen),
                      &response, "length=70000");
    if (r < 0)
        return r;
    CHECK_IS(seen.last, (int)sizeof large);
    CHECK(seen.calls >= 2);
    seen = (struct watch){ .end_at = 60000 };
    r = aiohttp_client_session_post(both->session, at(both, "/"), &response, .body = large,
                                    .body_size = sizeof large, .progress = watch, .data = &seen);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINTR);
    CHECK(seen.last < (int64_t)sizeof large);
    return 0;
}

static int with_sum(int (*body)(struct both *))
{
    struct both both;
    int r = both_start(&both, sum);
    if (r >= 0)
        r = body(&both);
    return both_end(&both, r);
}

static int kinds(void *data)
{
    (void)data;
    return with_sum(kinds_on);
}

static int forms(void *data)
{
    (void)data;
    return with_sum(forms_on);
}

static int forms_again(void *data)
{
    (void)data;
    return with_sum(forms_again_on);
}

static int two(void *data)
{
    (void)data;
    return with_sum(two_on);
}

static int progress(void *data)
{
    (void)data;
    return with_sum(progress_on);
}

/* --- early answers --- */

static int endless(aiohttp_payload_writer *writer, void *data)
{
    int r = 0;
    (void)data;
    while (r >= 0)
        r = aiohttp_payload_writer_write(writer, large, 1000);
    return r;
}

/* Answers at once, and reads what still comes: a server that closes instead takes its answer away
 * by the reset that follows. */
static int answer_early(asyncio_stream *stream, void *data)
{
    struct raw *raw = data;
    char text[4096];
    int r = read_request(stream, raw->request, sizeof raw->request);
    if (r > 0)
        r = asyncio_stream_write(stream, raw->answer, strlen(raw->answer));
    while (r >= 0 && (r = asyncio_stream_read(stream, text, sizeof text)) > 0)
        ;
    return 0;
}

static int early(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    const char *text;
    (void)data;
    int r = asyncio_start_server(answer_early, "127.0.0.1", 0, &raw.server, .data = &raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = aiohttp_client_session_post(session, raw_url(&raw, "/"), &response,
                                        .generator = endless);
    if (r >= 0) {
        CHECK_IS(aiohttp_client_response_status(response), 413);
        CHECK(!aiohttp_client_response_upload_complete(response));
        r = aiohttp_client_response_text(response, &text);
        if (r >= 0)
            CHECK_TEXT(text, "no");
        aiohttp_client_response_unref(response);
    }
    aiohttp_connector_stats stats = { .idle = 0 };
    if (session)
        aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    r = raw_end(&raw, session_end(session, r));
    CHECK_IS((int)stats.idle, 0);
    return r;
}

/* What is expected is not sent when the answer is another. */
static int refused(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    (void)data;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = aiohttp_client_session_post(session, raw_url(&raw, "/"), &response,
                                        .body = large, .body_size = sizeof large, .expect100 = 1);
    if (r >= 0) {
        CHECK_IS(aiohttp_client_response_status(response), 417);
        CHECK_IS(aiohttp_client_response_output_size(response), 0);
        CHECK_HAS(raw.request, "\r\nExpect: 100-continue\r\n");
        aiohttp_client_response_unref(response);
    }
    return raw_end(&raw, session_end(session, r));
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(kinds)
CASE(forms)
CASE(forms_again)
CASE(two)
CASE(progress)
CASE(early)
CASE(refused)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_test),    cmocka_unit_test(forms_test), cmocka_unit_test(two_test),
        cmocka_unit_test(progress_test), cmocka_unit_test(early_test),
        cmocka_unit_test(refused_test),  cmocka_unit_test(forms_again_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
