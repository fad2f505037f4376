/* SPDX-License-Identifier: MIT */
/* What is asked for beyond a request and its answer: to be told of a download, or to end it; fields
 * that are not sent by themselves; trailers in both directions; what a file is called; the charset
 * of texts that say none. */
#include "client/client_test.h"

#include "support/sweep.h"

#include <zlib.h>

/* --- downloads that are told of --- */

enum { SIZE = 50000 };

static char content[SIZE];

struct told {
    int calls, stop_behind, result;
    int64_t last, total;
    bool is_wrong;
};

static int on_download(int64_t received, int64_t total, void *data)
{
    struct told *told = data;
    told->calls++;
    told->is_wrong |= received <= told->last || (total >= 0 && received > total);
    told->last = received;
    told->total = total;
    return told->stop_behind && received >= told->stop_behind ? told->result : 0;
}

/* /plain, /chunks, /gzip, /none, and /move, whose own body is nobody's. */
static int give(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    if (strcmp(path, "/move") == 0)
        return aiohttp_web_respond(request, "over there", .status = 302,
                                   .headers = (const char *[]){ "Location", "/plain", NULL });
    if (strcmp(path, "/none") == 0)
        return aiohttp_web_respond(request, "");
    int r = strcmp(path, "/chunks") == 0 ? aiohttp_web_response_enable_chunked_encoding(response)
            : strcmp(path, "/gzip") == 0
                ? aiohttp_web_response_enable_compression(response, .force = "gzip")
                : 0;
    return r < 0 ? r : aiohttp_web_respond_bytes(request, content, sizeof content, .is_lent = 1);
}

static int get_told(struct both *both, const char *path, struct told *told, bool is_told,
                    size_t *ret_size)
{
    aiohttp_client_response *response;
    const char *body;
    int r = aiohttp_client_session_get(both->session, at(both, path), &response,
                                       .download_progress = is_told ? on_download : NULL,
                                       .data = told);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &body, ret_size);
    if (r < 0 && r != -ENOMEM) /* it has ended for good */
        CHECK_IS(aiohttp_client_response_read(response, &body, ret_size), r);
    if (r >= 0 && told->stop_behind == 0 && *ret_size)
        CHECK(*ret_size == SIZE && memcmp(body, content, SIZE) == 0);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static int all_of_it_on(struct both *both)
{
    size_t size;
    struct told plain = { 0 }, chunks = { 0 }, gzip = { 0 }, none = { 0 }, move = { 0 };
    int r = get_told(both, "/plain", &plain, true, &size);
    if (r >= 0)
        r = get_told(both, "/chunks", &chunks, true, &size);
    if (r >= 0)
        r = get_told(both, "/gzip", &gzip, true, &size);
    if (r >= 0)
        r = get_told(both, "/none", &none, true, &size);
    if (r >= 0)
        r = get_told(both, "/move", &move, true, &size);
    if (r < 0)
        return r;
    CHECK(!plain.is_wrong && plain.calls > 0 && plain.last == SIZE && plain.total == SIZE);
    CHECK(!chunks.is_wrong && chunks.calls > 0 && chunks.last == SIZE && chunks.total == -1);
    CHECK(!gzip.is_wrong && gzip.calls > 0 && gzip.last < SIZE && gzip.last == gzip.total);
    CHECK_IS(none.calls, 0);
    CHECK(!move.is_wrong && move.last == SIZE && move.total == SIZE);
    return 0;
}

static int all_of_it(void *data)
{
    struct both both;
    (void)data;
    memset(content, 'd', sizeof content);
    int r = both_start(&both, give);
    return both_end(&both, r < 0 ? r : all_of_it_on(&both));
}

/* Whatever it says, what was reading ends with that, and the connection is not used again. */
static int ended_on(struct both *both, const char *path, int result)
{
    size_t size;
    struct told told = { .stop_behind = 1, .result = result }, after = { 0 };
    int r = get_told(both, path, &told, true, &size);
    if (r == -ENOMEM && result != -ENOMEM)
        return r;
    CHECK_IS(r, result);
    CHECK_IS(told.calls, 1);
    aiohttp_connector_stats stats;
    aiohttp_connector_get_stats(aiohttp_client_session_connector(both->session), &stats);
    CHECK(stats.in_use == 0 && stats.idle == 0);
    return get_told(both, path, &after, false, &size);
}

static int ended(void *data)
{
    static const int results[] = { -EPERM, -ECANCELED, -ENOMEM, -ETIMEDOUT, -ECONNRESET };
    struct both both;
    (void)data;
    memset(content, 'd', sizeof content);
    int r = both_start(&both, give);
    for (size_t i = 0; r >= 0 && i < sizeof results / sizeof *results; i++)
        r = ended_on(&both, i % 2 ? "/gzip" : "/plain", results[i]);
    return both_end(&both, r);
}

/* --- fields that are not sent by themselves --- */

static int tell_fields(aiohttp_web_request *request, void *data)
{
    static const char *const names[] = { "Host",         "Accept",         "Accept-Encoding",
                                         "User-Agent",   "Content-Type",   "Content-Length" };
    char text[64] = "";
    (void)data;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        text[i] = aiohttp_web_request_header(request, names[i]) ? '1' : '0';
    return aiohttp_web_respondf(request, "%s", text);
}

static int skipped_on(struct both *both, aiohttp_client_session *agentless)
{
    static const char *const one[] = { "accept", NULL };
    static const char *const usual[] = { "Accept", "Accept-Encoding", "user-agent", NULL };
    static const char *const all[] = { "Accept",       "Accept-Encoding", "User-Agent", "Host",
                                       "Content-Type", "Content-Length",  "X-Other",    NULL };
    static const char *const own[] = { "User-Agent", "mine", NULL };
    aiohttp_client_response *response;
    aiohttp_client_session *session = both->session;
    const char *url = at(both, "/");
    int r = text_is(aiohttp_client_session_post(session, url, &response, .text = "x"),
                    &response, "111111");
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(session, url, &response, .text = "x",
                                                .skip_auto_headers = one),
                    &response, "101111");
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(session, url, &response, .text = "x",
                                                .skip_auto_headers = usual),
                    &response, "100011");
    if (r >= 0)
        r = text_is(aiohttp_client_session_post(session, url, &response, .text = "x",
                                                .skip_auto_headers = all),
                    &response, "100001");
    if (r >= 0) /* one's own is not an automatic one */
        r = text_is(aiohttp_client_session_post(session, url, &response, .text = "x",
                                                .skip_auto_headers = all, .fields = own),
                    &response, "100101");
    if (r >= 0)
        r = text_is(aiohttp_client_session_get(agentless, url, &response), &response, "111000");
    if (r >= 0)
        r = text_is(aiohttp_client_session_get(agentless, url, &response,
                                               .skip_auto_headers = one),
                    &response, "101000");
    return r;
}

static int skipped(void *data)
{
    static const char *const agent[] = { "User-Agent", NULL };
    aiohttp_client_session *agentless = NULL;
    struct both both;
    (void)data;
    int r = both_start(&both, tell_fields);
    if (r >= 0)
        r = aiohttp_client_session_new(&agentless, .skip_auto_headers = agent);
    if (r >= 0)
        r = skipped_on(&both, agentless);
    return both_end(&both, session_end(agentless, r));
}

/* --- trailers --- */

static int sum_up(aiohttp_web_request *request, void *data)
{
    char sum[16];
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    int r = aiohttp_web_request_read(request, NULL, NULL);
    if (r < 0)
        return r;
    const aiohttp_headers *trailers = aiohttp_web_request_trailers(request);
    const char *signature = trailers ? aiohttp_headers_get(trailers, "X-Signature") : NULL;
    bool is_set = strcmp(aiohttp_web_request_path(request), "/set") == 0;
    if ((r = aiohttp_web_response_set_trailer(response, "X-Sum", "-")) >= 0)
        r = aiohttp_web_response_set_trailer(response, "X-Signature", signature ? signature : "-");
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_web_response_set_trailer(response, "Content-Length", "1"), -EINVAL);
    CHECK_IS(aiohttp_web_response_set_trailer(response, "set-cookie", "a=b"), -EINVAL);
    CHECK_IS(aiohttp_web_response_set_trailer(response, "X-A", "a\r\nb"), -EINVAL);
    CHECK_IS(aiohttp_web_response_set_trailer(response, "X A", "a"), -EINVAL);
    if (is_set)
        return aiohttp_web_respond(request, "answer");
    unsigned all = 0;
    r = aiohttp_web_response_prepare(response);
    for (int i = 0; i < 4 && r >= 0; i++) {
        all += 'a' + 'b';
        r = aiohttp_web_response_write(response, "ab", 2);
    }
    snprintf(sum, sizeof sum, "%u", all);
    if (r >= 0)
        r = aiohttp_web_response_set_trailer(response, "X-Sum", sum);
    if (r >= 0)
        r = aiohttp_web_response_write_eof(response);
    if (r >= 0)
        CHECK_IS(aiohttp_web_response_set_trailer(response, "X-Sum", "2"),
                 -ASYNCIO_INVALID_STATE);
    return r;
}

static int signs(aiohttp_payload_writer *writer, void *data)
{
    int r = aiohttp_payload_writer_write(writer, "body", 4);
    return r < 0 ? r : aiohttp_headers_set(data, "X-Signature", "signed");
}

static int trailers_are(struct both *both, const char *path, const aiohttp_headers *own,
                        const char *sum, const char *signature)
{
    aiohttp_client_response *response;
    const char *body;
    int r = aiohttp_client_session_post(both->session, at(both, path), &response,
                                        .generator = signs, .trailers = own,
                                        .data = (void *)(uintptr_t)own);
    if (r < 0)
        return r;
    const char *announced = aiohttp_client_response_header(response, "Trailer");
    CHECK(announced || allocation_is_failing());
    if (announced)
        CHECK_TEXT(announced, "X-Sum, X-Signature");
    CHECK(aiohttp_client_response_trailers(response) == NULL);
    r = aiohttp_client_response_read(response, &body, NULL);
    const aiohttp_headers *trailers = r >= 0 ? aiohttp_client_response_trailers(response) : NULL;
    if (r >= 0 && !trailers)
        r = -ENOMEM;
    if (r >= 0) {
        CHECK_TEXT(aiohttp_headers_get(trailers, "x-sum"), sum);
        CHECK_TEXT(aiohttp_headers_get(trailers, "X-Signature"), signature);
        CHECK(aiohttp_client_response_trailers(response) == trailers);
        CHECK(!aiohttp_client_response_header(response, "X-Sum"));
    }
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static int trailers_on(struct both *both, aiohttp_headers *own)
{
    char answer[1024];
    int r = trailers_are(both, "/stream", own, "780", "signed");
    if (r >= 0)
        r = trailers_are(both, "/set", own, "-", "signed");
    if (r >= 0) /* HTTP/1.0 has no chunks, HEAD no body: nothing behind them */
        r = live_ask(&both->live, "GET /stream HTTP/1.0\r\nHost: a\r\n\r\n", answer,
                     sizeof answer);
    if (r >= 0)
        CHECK_TEXT(body_of(answer), "abababab");
    if (r >= 0)
        r = live_ask(&both->live, "HEAD /set HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if (r >= 0)
        CHECK_TEXT(body_of(answer), "");
    return r;
}

/* What may not stand there is not sent: the request fails, as the server gets no end of the
 * body. */
static int bad_trailer_on(struct both *both, aiohttp_headers *own)
{
    aiohttp_client_response *response;
    int r = aiohttp_headers_set(own, "Transfer-Encoding", "chunked");
    if (r < 0)
        return r;
    r = aiohttp_client_session_post(both->session, at(both, "/set"), &response, .text = "x",
                                    .trailers = own);
    if (r >= 0)
        aiohttp_client_response_unref(response);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    return 0;
}

static int trailers(void *data)
{
    struct both both;
    aiohttp_headers *own = aiohttp_headers_new();
    (void)data;
    int r = both_start(&both, sum_up);
    if (r >= 0)
        r = own ? trailers_on(&both, own) : -ENOMEM;
    if (r >= 0)
        r = bad_trailer_on(&both, own);
    aiohttp_headers_unref(own);
    return both_end(&both, r);
}

static int trailers_swept(void)
{
    struct both both;
    aiohttp_client_response *response;
    const char *body;
    struct told told = { 0 };
    int r = both_start(&both, sum_up);
    if (r >= 0)
        r = aiohttp_client_session_post(both.session, at(&both, "/stream"), &response,
                                        .text = "text", .download_progress = on_download,
                                        .data = &told);
    if (r >= 0) {
        bool is_ok = aiohttp_client_response_status(response) == 200;
        r = aiohttp_client_response_read(response, &body, NULL);
        if (r >= 0 && is_ok && strcmp(body, "abababab") != 0)
            r = -EPROTO;
        aiohttp_client_response_close(response);
        aiohttp_client_response_unref(response);
    }
    return both_end(&both, r);
}

static void cancelled_test(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    if (!allocation_is_failing())
        sweep_suspensions("trailers", trailers_swept);
}

/* --- what it would be called, and how it is written --- */

#define SAYS(field, value)                                                                         \
    "HTTP/1.1 200 OK\r\n" field ": " value "\r\nContent-Length: 2\r\n\r\n\xe9!"

static int disposition_is(const char *answer, const aiohttp_content_disposition *expected)
{
    struct raw raw = { .answer = answer };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r < 0)
        return raw_end(&raw, session_end(session, r));
    const aiohttp_content_disposition *found =
        aiohttp_client_response_content_disposition(response);
    if (!found && expected && allocation_is_failing())
        r = -ENOMEM;
    else {
        CHECK(!found == !expected);
        CHECK(found == aiohttp_client_response_content_disposition(response));
    }
    if (found && expected) {
        CHECK_TEXT(found->type, expected->type);
        CHECK(!found->filename == !expected->filename && !found->name == !expected->name);
        if (found->filename)
            CHECK_TEXT(found->filename, expected->filename);
        if (found->name)
            CHECK_TEXT(found->name, expected->name);
    }
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return raw_end(&raw, session_end(session, r));
}

static int dispositions(void *data)
{
    static const struct {
        const char *answer;
        aiohttp_content_disposition expected;
    } rows[] = {
        { SAYS("Content-Disposition", "Attachment; filename=\"a b.txt\""),
          { "attachment", "a b.txt", NULL } },
        { SAYS("Content-Disposition", "attachment; filename=x; filename*=UTF-8''%e2%82%ac.txt"),
          { "attachment", "\xe2\x82\xac.txt", NULL } },
        { SAYS("Content-Disposition", "attachment; filename=\"../../etc/passwd\""),
          { "attachment", "passwd", NULL } },
        { SAYS("Content-Disposition", "form-data; name=\"field\""),
          { "form-data", NULL, "field" } },
        { SAYS("Content-Disposition", "inline"), { "inline", NULL, NULL } },
    };
    (void)data;
    int r = disposition_is(SAYS("X", "y"), NULL);
    if (r >= 0)
        r = disposition_is(SAYS("Content-Disposition", "; ="), NULL);
    for (size_t i = 0; r >= 0 && i < sizeof rows / sizeof *rows; i++)
        r = disposition_is(rows[i].answer, &rows[i].expected);
    return r;
}

static int text_of(const char *answer, const char *fallback, const char **expected)
{
    struct raw raw = { .answer = answer };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    const char *text;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .fallback_charset = fallback);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r >= 0) {
        r = aiohttp_client_response_text(response, &text);
        if (r >= 0 && *expected)
            CHECK_TEXT(text, *expected);
        aiohttp_client_response_close(response);
        aiohttp_client_response_unref(response);
    }
    return raw_end(&raw, session_end(session, r));
}

static int charsets(void *data)
{
    static const char silent[] = SAYS("Content-Type", "text/plain");
    static const char strange[] = SAYS("Content-Type", "text/plain; charset=x-nobody-knows");
    static const char greek[] = SAYS("Content-Type", "text/plain; charset=iso-8859-7");
    const char *latin_text = "\xc3\xa9!", *greek_text = "\xce\xb9!", *none = NULL;
    (void)data;
    int r = text_of(silent, NULL, &none);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EILSEQ); /* UTF-8 it is not */
    r = text_of(silent, "iso-8859-1", &latin_text);
    if (r >= 0)
        r = text_of(strange, "iso-8859-1", &latin_text);
    if (r >= 0)
        r = text_of(greek, "iso-8859-1", &greek_text);
    return r;
}

/* --- as it came --- */

/* What a session says of decoding, a request may say otherwise. */
static int coded_text(struct both *both, int decodes, const char **ret_coding, size_t *ret_size)
{
    aiohttp_client_response *response;
    const char *body;
    int r = aiohttp_client_session_get(both->session, at(both, "/gzip"), &response,
                                       .auto_decompress = decodes);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &body, ret_size);
    if (r >= 0) {
        CHECK_TEXT(aiohttp_headers_get(aiohttp_client_response_headers(response),
                                       "Content-Encoding"), "gzip");
        *ret_coding = memcmp(body, "\x1f\x8b", 2) == 0 ? "gzip" : "none";
        CHECK_TEXT(aiohttp_client_response_get_encoding(response), "utf-8");
        CHECK_IS(aiohttp_client_response_raise_for_status(response), 0);
    }
    aiohttp_client_response_unref(response);
    return r;
}

static int as_it_came(void *data)
{
    static const int said[] = { AIOHTTP__AS_SESSION, 0, 1 };
    (void)data;
    for (int no = 0; no < 2; no++) {
        struct both both = { .session = NULL };
        int r = live_start(&both.live, give);
        if (r >= 0)
            r = aiohttp_client_session_new(&both.session, .no_auto_decompress = no);
        for (size_t i = 0; i < 3 && r >= 0; i++) {
            const char *coding = "";
            size_t size;
            bool decodes = i == 0 ? !no : said[i];
            if ((r = coded_text(&both, said[i], &coding, &size)) >= 0 &&
                (strcmp(coding, decodes ? "none" : "gzip") != 0 || (size == SIZE) != decodes))
                r = -EPROTO;
        }
        if ((r = both_end(&both, r)) < 0)
            return r;
    }
    return 0;
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(all_of_it)
CASE(ended)
CASE(skipped)
CASE(trailers)
CASE(dispositions)
CASE(charsets)
CASE(as_it_came)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_test),    cmocka_unit_test(ended_test),
        cmocka_unit_test(skipped_test),      cmocka_unit_test(trailers_test),
        cmocka_unit_test(cancelled_test),    cmocka_unit_test(dispositions_test),
        cmocka_unit_test(charsets_test),     cmocka_unit_test(as_it_came_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
