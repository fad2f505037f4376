/* SPDX-License-Identifier: MIT */
/* What a request's fields mean: type and charset, cookies, conditions, ranges, what proxies have
 * said. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>
#include <inttypes.h>

static int type(aiohttp_web_request *request, char *out, size_t size)
{
    const char *type = aiohttp_web_request_content_type(request);
    const char *charset = aiohttp_web_request_charset(request);
    if (!type)
        return -ENOMEM;
    snprintf(out, size, "%s %s", type, charset ? charset : "-");
    return 0;
}

static int cookies(aiohttp_web_request *request, char *out, size_t size)
{
    const char *name, *value;
    int r;
    *out = '\0';
    for (size_t at = 0; (r = aiohttp_web_request_cookie_next(request, &at, &name, &value)) > 0;)
        snprintf(out + strlen(out), size - strlen(out), "%s=%s;", name, value);
    return r;
}

static int range(aiohttp_web_request *request, char *out, size_t size)
{
    int64_t start = 0, stop = 0;
    int r = aiohttp_web_request_http_range(request, &start, &stop);
    if (r == 1)
        snprintf(out, size, "%" PRId64 " %" PRId64, start, stop);
    else
        snprintf(out, size, "%d", r < 0 ? aiohttp_web_http_status(r) : r);
    return 0;
}

static int tags(aiohttp_web_request *request, char *out, size_t size)
{
    aiohttp_etag tag;
    int r;
    *out = '\0';
    for (size_t at = 0; (r = aiohttp_web_request_if_match_next(request, &at, &tag)) > 0;)
        snprintf(out + strlen(out), size - strlen(out), "%s%s%s;", tag.is_weak ? "W/" : "",
                 tag.is_any ? "any" : "", tag.value);
    for (size_t at = 0;
         r >= 0 && (r = aiohttp_web_request_if_none_match_next(request, &at, &tag)) > 0;)
        snprintf(out + strlen(out), size - strlen(out), "none %s%s;", tag.is_weak ? "W/" : "",
                 tag.value);
    return r;
}

static int dates(aiohttp_web_request *request, char *out, size_t size)
{
    int64_t a = -1, b = -1, c = -1;
    aiohttp_etag tag;
    int has_a = aiohttp_web_request_if_modified_since(request, &a);
    int has_b = aiohttp_web_request_if_unmodified_since(request, &b);
    int has_c = aiohttp_web_request_if_range(request, &c, &tag);
    if (has_c < 0)
        return has_c;
    snprintf(out, size, "%d %" PRId64 " %d %" PRId64 " %d %" PRId64 " %s%s", has_a, a, has_b, b,
             has_c, c, tag.value && tag.is_weak ? "W/" : "", tag.value ? tag.value : "-");
    return 0;
}

static int forwarded(aiohttp_web_request *request, char *out, size_t size)
{
    aiohttp_web_forwarded one;
    int r;
    *out = '\0';
    for (size_t at = 0; (r = aiohttp_web_request_forwarded_next(request, &at, &one)) > 0;)
        snprintf(out + strlen(out), size - strlen(out), "[%s|%s|%s|%s]", one.by ? one.by : "",
                 one.for_ ? one.for_ : "", one.host ? one.host : "", one.proto ? one.proto : "");
    return r;
}

static int url(aiohttp_web_request *request, char *out, size_t size)
{
    const char *text = aiohttp_web_request_url(request);
    snprintf(out, size, "%s", text ? text : "");
    return text ? 0 : -ENOMEM;
}

static int override(aiohttp_web_request *request, char *out, size_t size)
{
    int r = aiohttp_web_request_override(request, .scheme = "https", .remote = "192.0.2.1");
    if (r >= 0 && strcmp(aiohttp_web_request_host(request), "there:81") == 0)
        r = aiohttp_web_request_override(request, .host = "example.com");
    const char *text = aiohttp_web_request_url(request);
    snprintf(out, size, "%s %s %d", text ? text : "", aiohttp_web_request_remote(request),
             aiohttp_web_request_secure(request));
    return r;
}

static const struct row {
    int (*read)(aiohttp_web_request *request, char *out, size_t size);
    const char *headers[5];
    const char *expected;
} rows[] = {
    { type, { NULL }, "application/octet-stream -" },
    { type, { "Content-Type", "Text/HTML; charset=UTF-8" }, "text/html UTF-8" },
    { type, { "Content-Type", "text/html;charset=\"ut\\f-8\" ; x=y" }, "text/html utf-8" },
    { type, { "Content-Type", "text/html; x=\"; charset=no\"" }, "text/html -" },
    { type, { "Content-Type", "nothing" }, "application/octet-stream -" },
    { cookies, { "Cookie", "a=1; b=\"2 3\"; c; =4; d=5" }, "a=1;b=2 3;d=5;" },
    { cookies, { "Cookie", "a=\"x\\073y\\\"z\"; b=2" }, "a=x;y\"z;b=2;" },
    { cookies, { "Cookie", "a=\"admin\\000x\"; b=2" }, "b=2;" },
    { cookies, { "Cookie", "a=1; a=2" }, "a=1;a=2;" },
    { range, { NULL }, "0" },
    { range, { "Range", "bytes=0-9" }, "0 10" },
    { range, { "Range", "bytes=5-" }, "5 -1" },
    { range, { "Range", "bytes=-5" }, "-5 -1" },
    { range, { "Range", "bytes=9-5" }, "416" },
    { range, { "Range", "bytes=\xd9\xa1-5" }, "416" }, /* CVE-2025-69224: no digits but 0 to 9 */
    { range, { "Range", "bytes=0-1,5-6" }, "0" },
    { range, { "Range", "seconds=1-2" }, "0" },
    { tags, { NULL }, "" },
    { tags, { "If-Match", "\"a\", W/\"b\"", "If-None-Match", "*" }, "a;W/b;none *;" },
    { tags, { "If-Match", "*" }, "any*;" },
    { tags, { "If-None-Match", "\"a\", b" }, "none a;" },
    { dates, { NULL }, "0 -1 0 -1 0 -1 -" },
    { dates, { "If-Modified-Since", "Thu, 01 Jan 1970 00:00:10 GMT", "If-Unmodified-Since", "x" },
      "1 10 0 -1 0 -1 -" },
    { dates, { "If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:20 GMT" }, "0 -1 1 20 0 -1 -" },
    { dates, { "If-Range", "Thu, 01 Jan 1970 00:00:30 GMT" }, "0 -1 0 -1 1 30 -" },
    { dates, { "If-Range", "\"tag\"" }, "0 -1 0 -1 1 -1 tag" },
    { forwarded, { NULL }, "" },
    { forwarded,
      { "Forwarded", "for=1.2.3.4;proto=https, For=\"[::1]:80\";by=_x;host=a",
        "Forwarded", "for=b" },
      "[|1.2.3.4||https][_x|[::1]:80|a|][|b||]" },
    { forwarded, { "Forwarded", "for=1, ;;=, for=2" }, "[|1||][|||][|2||]" },
    { override, { "Host", "there:81" }, "https://example.com/a?b 192.0.2.1 1" },
    { url, { "Host", "there:81" }, "http://there:81/a?b" },
};

static int fields(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[512];
        aiohttp_mocked_request *mocked;
        int r = aiohttp_make_mocked_request("GET", "/a?b", &mocked, .headers = rows[i].headers);
        if (r < 0)
            return r;
        r = rows[i].read(aiohttp_mocked_request_request(mocked), out, sizeof out);
        if (r >= 0) /* again: the same */
            r = rows[i].read(aiohttp_mocked_request_request(mocked), out, sizeof out);
        aiohttp_mocked_request_free(mocked);
        if (r < 0)
            return r;
        CHECK_TEXT(out, rows[i].expected);
    }
    return 0;
}

static void test_fields(void **state)
{
    (void)state;
    run_everywhere(fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
