/* SPDX-License-Identifier: MIT */
/* Forms: urlencoded and multipart, files in memory and on the disk, limits, what is refused, part
 * by part. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>
#include <asyncio/timeout.h>
#include <sys/stat.h>
#include <unistd.h>

/* What came, as text: "name=value;" of texts, "name(filename,type,length,where)=content;" of
 * files. */
static int tell(aiohttp_web_request *request, const aiohttp_multi_dict *form)
{
    char all[8192] = "", content[64];
    const char *name, *value;
    const aiohttp_web_file_field *file;
    size_t at = 0;
    while (aiohttp_multi_dict_next(form, &at, &name, &value) > 0)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s=%s;", name, value);
    for (at = 0; aiohttp_web_request_file_next(request, &at, &file) > 0;) {
        int64_t from = file->length > 8 ? file->length - 8 : 0;
        int r = aiohttp_web_file_field_read(file, from, content, sizeof content);
        if (r < 0)
            return r;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s(%s,%s,%lld,%s)=%.*s;",
                 file->name, file->filename, file->content_type, (long long)file->length,
                 file->data ? "memory" : "disk", r, content);
    }
    return aiohttp_web_respond(request, all);
}

static int post(aiohttp_web_request *request, void *data)
{
    const aiohttp_multi_dict *form, *again;
    (void)data;
    int r = aiohttp_web_request_post(request, &form, .file_in_memory = 16);
    if (r >= 0)
        r = aiohttp_web_request_post(request, &again);
    if (r >= 0 && form != again)
        r = -EPROTO;
    return r < 0 ? r : tell(request, form);
}

/* As post, but what was read before is parsed. */
static int post_read(aiohttp_web_request *request, void *data)
{
    int r = aiohttp_web_request_read(request, NULL, NULL);
    return r < 0 ? r : post(request, data);
}

static int post_late(aiohttp_web_request *request, void *data)
{
    char c;
    const aiohttp_multi_dict *form;
    (void)data;
    int r = aiohttp_web_request_content_read(request, &c, 1);
    if (r >= 0)
        r = aiohttp_web_request_post(request, &form);
    return r == -ASYNCIO_INVALID_STATE ? aiohttp_web_respond(request, "too late")
           : r < 0                     ? r
                                       : -EPROTO;
}

static int parts(aiohttp_web_request *request, void *data)
{
    char all[4096] = "", piece[5];
    aiohttp_multipart_reader *reader, *again;
    aiohttp_body_part_reader *part;
    (void)data;
    int r = aiohttp_web_request_multipart(request, &reader);
    if (r >= 0)
        r = aiohttp_web_request_multipart(request, &again);
    if (r >= 0 && again != reader)
        r = -EPROTO;
    while (r >= 0 && (r = aiohttp_multipart_reader_next(reader, &part)) > 0) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s:",
                 aiohttp_body_part_reader_name(part));
        while ((r = aiohttp_body_part_reader_read_chunk(part, piece, sizeof piece)) > 0)
            snprintf(all + strlen(all), sizeof all - strlen(all), "%.*s", r, piece);
        snprintf(all + strlen(all), sizeof all - strlen(all), ";");
    }
    return r < 0 ? r : aiohttp_web_respond(request, all);
}

/* --- what is sent --- */

#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=xx"
#define PART(name, more, content)                                                                  \
    "--xx\r\nContent-Disposition: form-data; name=\"" name "\"" more "\r\n\r\n" content "\r\n"
#define FILE_PART(name, filename, type, content)                                                   \
    PART(name, "; filename=\"" filename "\"\r\nContent-Type: " type, content)
#define END "--xx--\r\n"

static const struct sent {
    const char *method, *type, *body;
    int status;
    const char *answer;
} sent[] = {
    { "POST", URLENCODED, "a=1&b=x+y%21&a=%C3%A4&empty", 200, "a=1;b=x y!;a=\xc3\xa4;empty=;" },
    { "POST", URLENCODED "; charset=UTF-8", "a=1", 200, "a=1;" },
    { "POST", URLENCODED "; charset=koi8-r", "%C1=%C2+x&\xc3=%ff", 200,
      "\xd0\xb0=\xd0\xb1 x;\xd1\x86=\xd0\xaa;" },
    { "POST", URLENCODED "; charset=windows-1252", "a=%81&b=%80", 200,
      "a=\xef\xbf\xbd;b=\xe2\x82\xac;" },
    { "POST", URLENCODED "; charset=sjis", "a=%8a%bf%5C", 200, "a=\xe6\xbc\xa2\\;" },
    { "POST", URLENCODED "; charset=koi8-r", "a=%00", 400, NULL },
    { "POST", URLENCODED "; charset=utf-16", "a=1", 415, NULL },
    { "POST", URLENCODED "; charset=utf-7", "a=1", 415, NULL },
    { "POST", URLENCODED "; charset=\"koi8-r//TRANSLIT\"", "a=1", 415, NULL },
    { "PUT", URLENCODED, "", 200, "" },
    { "GET", URLENCODED, "a=1", 200, "" },
    { "POST", "text/plain", "a=1", 200, "" },
    { "POST", "Application/X-WWW-Form-Urlencoded", "a=1", 200, "a=1;" },
    { "POST", MULTIPART, PART("a", "", "1") PART("b", "", "x\r\ny") END, 200, "a=1;b=x\r\ny;" },
    { "PATCH", MULTIPART, FILE_PART("f", "a.txt", "text/plain", "0123456789") END, 200,
      "f(a.txt,text/plain,10,memory)=23456789;" },
    { "POST", MULTIPART, FILE_PART("f", "a.txt", "text/plain", "0123456789abcdef") END, 200,
      "f(a.txt,text/plain,16,memory)=89abcdef;" },
    { "POST", MULTIPART, FILE_PART("f", "a.txt", "text/plain", "0123456789abcdefg") END, 200,
      "f(a.txt,text/plain,17,disk)=9abcdefg;" },
    { "POST", MULTIPART,
      FILE_PART("f", "../../x", "image/png", "1") PART("t", "", "text")
          FILE_PART("f", "y", "image/png", "2") END,
      200, "t=text;f(../../x,image/png,1,memory)=1;f(y,image/png,1,memory)=2;" },
    { "POST", MULTIPART, FILE_PART("f", "empty", "a/b", "") END, 200,
      "f(empty,a/b,0,memory)=;" },
    /* nobody has chosen a file */
    { "POST", MULTIPART, FILE_PART("f", "", "application/octet-stream", "") END, 200, "f=;" },
    { "POST", MULTIPART, PART("a", "\r\nContent-Type: text/plain; charset=iso-8859-1", "\xe4") END,
      200, "a=\xc3\xa4;" },
    { "POST", MULTIPART, PART("a", "\r\nContent-Type: text/plain; charset=koi8-r", "\xc1") END, 200,
      "a=\xd0\xb0;" },
    { "POST", MULTIPART, PART("a", "\r\nContent-Type: text/plain; charset=euc-jp", "\xb4") END, 400,
      NULL },
    { "POST", MULTIPART, PART("a", "\r\nContent-Type: text/plain; charset=utf-7", "a") END, 415,
      NULL },
    { "POST", MULTIPART, PART("a", "", "\xe4") END, 400, NULL },
    { "POST", MULTIPART, PART("a", "\r\nContent-Type: image/png", "\xe4") END, 200, "a=\xe4;" },
    { "POST", MULTIPART, "--xx\r\nContent-Disposition: form-data\r\n\r\n1\r\n" END, 400, NULL },
    { "POST", MULTIPART, "--xx\r\nX: y\r\n\r\n1\r\n" END, 400, NULL },
    { "POST", MULTIPART, PART("a", "\r\nContent-Type: multipart/mixed; boundary=yy",
                              "--yy\r\n\r\n1\r\n--yy--") END,
      415, NULL },
    { "POST", MULTIPART,
      PART("a", "\r\nContent-Transfer-Encoding: Base64", "MQ\r\n==")
          PART("b", "\r\nContent-Transfer-Encoding: quoted-printable", "x=3D=C3=\r\n=A4") END,
      200, "a=1;b=x=\xc3\xa4;" },
    { "POST", MULTIPART,
      FILE_PART("f", "a.txt", "text/plain\r\nContent-Transfer-Encoding: base64",
                "MDEyMzQ1Njc4OWFiY2RlZg==")
          FILE_PART("f", "b.txt", "text/plain\r\nContent-Transfer-Encoding: base64",
                    "MDEyMzQ1Njc4OWFiY2RlZmc=") END,
      200, "f(a.txt,text/plain,16,memory)=89abcdef;f(b.txt,text/plain,17,disk)=9abcdefg;" },
    { "POST", MULTIPART, PART("a", "\r\nContent-Transfer-Encoding: base64", "MQ=") END, 400, NULL },
    { "POST", MULTIPART,
      FILE_PART("f", "a.txt", "text/plain\r\nContent-Transfer-Encoding: base64", "MQ-_") END, 400,
      NULL },
    { "POST", MULTIPART, PART("a", "\r\nContent-Transfer-Encoding: quoted-printable", "=g1") END,
      400, NULL },
    { "POST", MULTIPART, PART("a", "\r\nContent-Transfer-Encoding: x-uuencode", "1") END, 415,
      NULL },
    { "POST", MULTIPART, PART("a", "\r\nContent-Transfer-Encoding: 8bit", "1") END, 200, "a=1;" },
    { "POST", MULTIPART, PART("a", "\r\nContent-Encoding: gzip", "1") END, 200, "a=1;" },
    { "POST", MULTIPART, PART("a", "", "1"), 400, NULL }, /* ends too early */
    { "POST", MULTIPART, "", 400, NULL },
    { "POST", "multipart/form-data", PART("a", "", "1") END, 415, NULL },
};

static int ask(const struct sent *what, aiohttp_web_handler *handler, int *ret_status, char *answer,
               size_t room)
{
    aiohttp_mocked_request *mocked;
    aiohttp_test_response response;
    const char *const headers[] = { "Content-Type", what->type, NULL };
    int r = aiohttp_make_mocked_request(what->method, "/", &mocked, .text = what->body,
                                        .headers = headers);
    if (r < 0)
        return r;
    r = aiohttp_mocked_request_run(mocked, handler, NULL, &response);
    if (r >= 0) {
        *ret_status = response.status;
        snprintf(answer, room, "%s", response.body);
    }
    aiohttp_mocked_request_free(mocked);
    return r;
}

static int forms(void *data)
{
    char answer[4096];
    int status;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++)
        for (int how = 0; how < 2; how++) {
            int r = ask(&sent[i], how ? post_read : post, &status, answer, sizeof answer);
            if (r < 0)
                return r;
            if (status == 500)
                return -ENOMEM; /* the sweep's */
            CHECK_IS(status, sent[i].status);
            if (sent[i].answer)
                CHECK_TEXT(answer, sent[i].answer);
        }
    return 0;
}

static int streamed(void *data)
{
    static const struct sent rows[] = {
        { "POST", MULTIPART, PART("a", "", "1") FILE_PART("f", "x", "a/b", "0123456789") END, 200,
          "a:1;f:0123456789;" },
        { "POST", "multipart/mixed; boundary=xx", PART("a", "", "1") END, 200, "a:1;" },
        { "POST", MULTIPART, PART("a", "", "1"), 400, NULL },
        { "POST", URLENCODED, "a=1", 415, NULL },
    };
    char answer[4096];
    int status;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r = ask(&rows[i], parts, &status, answer, sizeof answer);
        if (r < 0)
            return r;
        if (status == 500)
            return -ENOMEM;
        CHECK_IS(status, rows[i].status);
        if (rows[i].answer)
            CHECK_TEXT(answer, rows[i].answer);
    }
    int r = ask(&sent[0], post_late, &status, answer, sizeof answer);
    if (r >= 0)
        CHECK_TEXT(answer, "too late");
    return r;
}

/* One below, at and one above; by length and in chunks. */
static int limits(void *data)
{
    char body[512], answer[4096], request[1024];
    aiohttp_limits limits = aiohttp_server_limits();
    struct live live;
    (void)data;
    limits.body = 120;
    limits.parts = 2;
    aiohttp_web_server_options options = { .size = sizeof options,
                                           .keepalive_timeout = -1,
                                           .limits = &limits };
    int r = live_start_with(&live, post, &options);
    for (int more = -1; r >= 0 && more <= 1; more++)
        for (int is_chunked = 0; r >= 0 && is_chunked < 2; is_chunked++) {
            const char *head = "--xx\r\nContent-Disposition: form-data; name=\"f\"; "
                               "filename=\"a\"\r\n\r\n";
            int pad = 120 + more - (int)strlen(head) - (int)strlen("\r\n" END);
            snprintf(body, sizeof body, "%s%0*d\r\n" END, head, pad, 0);
            if (is_chunked)
                snprintf(request, sizeof request,
                         "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: " MULTIPART
                         "\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
                         strlen(body), body);
            else
                snprintf(request, sizeof request,
                         "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: " MULTIPART
                         "\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(body), body);
            if ((r = live_ask(&live, request, answer, sizeof answer)) >= 0)
                CHECK_BEGINS(answer, more > 0 ? "HTTP/1.1 413 " : "HTTP/1.1 200 ");
        }
    for (int count = 1; r >= 0 && count <= 3; count++) {
        static const char *const forms[] = { "a=1", "a=1&b=2", "a=1&b=2&c" };
        snprintf(request, sizeof request,
                 "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: " URLENCODED
                 "\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(forms[count - 1]), forms[count - 1]);
        if ((r = live_ask(&live, request, answer, sizeof answer)) >= 0)
            CHECK_BEGINS(answer, count > 2 ? "HTTP/1.1 400 " : "HTTP/1.1 200 ");
    }
    return live_end(&live, r);
}

/* --- saving --- */

static char folder[] = "/tmp/aiohttp-form-XXXXXX";

static int save(aiohttp_web_request *request, void *data)
{
    char path[128];
    (void)data;
    int r = aiohttp_web_request_post(request, NULL, .file_in_memory = 4, .directory = folder);
    const aiohttp_web_file_field *file = r < 0 ? NULL : aiohttp_web_request_file(request, "f");
    if (!file)
        return r < 0 ? r : aiohttp_web_http_bad_request(request);
    snprintf(path, sizeof path, "%s/saved", folder);
    unlink(path);
    r = aiohttp_web_file_field_save(file, path);
    if (r < 0)
        return r;
    r = aiohttp_web_file_field_save(file, path);
    if (r != -EEXIST)
        return r < 0 ? r : -EPROTO;
    return aiohttp_web_respond(request, aiohttp_web_request_file(request, "g") ? "?" : "saved");
}

static int saved(void *data)
{
    static const struct sent rows[] = {
        { "POST", MULTIPART, FILE_PART("f", "a", "a/b", "0123456789") END, 200, "0123456789" },
        { "POST", MULTIPART, FILE_PART("f", "a", "a/b", "012") END, 200, "012" },
        { "POST", MULTIPART, FILE_PART("f", "a", "a/b", "") END, 200, "" },
    };
    char answer[256], path[128], content[64];
    int status;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    snprintf(path, sizeof path, "%s/saved", folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r = ask(&rows[i], save, &status, answer, sizeof answer);
        if (r < 0)
            return r;
        if (status == 500)
            return -ENOMEM;
        CHECK_IS(status, 200);
        FILE *file = fopen(path, "r");
        CHECK(file != NULL);
        size_t size = fread(content, 1, sizeof content - 1, file);
        fclose(file);
        content[size] = '\0';
        CHECK_TEXT(content, rows[i].answer);
        unlink(path);
    }
    return 0;
}

/* A folder that is not there: an error, and no answer that says it went well. */
static int nowhere(aiohttp_web_request *request, void *data)
{
    (void)data;
    int r = aiohttp_web_request_post(request, NULL, .file_in_memory = 4,
                                     .directory = "/nowhere/at/all");
    if (r != -ENOENT)
        return r < 0 ? r : -EPROTO;
    r = aiohttp_web_request_post(request, NULL);
    return r == -ENOENT ? aiohttp_web_respond(request, "as it is") : -EPROTO;
}

static int no_room(void *data)
{
    static const struct sent row = { "POST", MULTIPART, FILE_PART("f", "a", "a/b", "012345") END,
                                     200, "" };
    char answer[256];
    int status;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = ask(&row, nowhere, &status, answer, sizeof answer);
    if (r < 0 || status == 500)
        return r < 0 ? r : -ENOMEM;
    CHECK_TEXT(answer, "as it is");
    return 0;
}

/* A form whose reading was cancelled is not to be had any more; that is no cancellation. */
static int post_twice(aiohttp_web_request *request, void *data)
{
    asyncio_timeout limit;
    (void)data;
    asyncio_timeout_enter(&limit, 0.02);
    int r = asyncio_timeout_exit(&limit, aiohttp_web_request_post(request, NULL));
    if (r != -ETIMEDOUT)
        return r < 0 ? r : -EPROTO;
    for (int i = 0; i < 2; i++)
        if ((r = aiohttp_web_request_post(request, NULL)) != -ASYNCIO_INVALID_STATE)
            return r < 0 ? r : -EPROTO;
    return aiohttp_web_respond(request, "not any more");
}

static int cancelled(void *data)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n"
                                  "Content-Type: application/x-www-form-urlencoded\r\n\r\na=1&b";
    char answer[1024] = "";
    struct live live;
    asyncio_stream *stream;
    (void)data;
    int r = live_start(&live, post_twice);
    if (r >= 0 && (r = live_open(&live, &stream)) >= 0) {
        r = asyncio_stream_write(stream, request, sizeof request - 1);
        if (r >= 0)
            r = asyncio_stream_readuntil(stream, "more", 4, answer, sizeof answer - 1);
        asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
    }
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(body_of(answer), "not any more");
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(forms)
CASE(streamed)
CASE(limits)
CASE(saved)
CASE(no_room)
CASE(cancelled)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),  cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_saved),
        cmocka_unit_test(test_no_room), cmocka_unit_test(test_cancelled),
    };
    if (!mkdtemp(folder))
        return 1;
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return r;
}
