/* SPDX-License-Identifier: MIT */
/* Middlewares that give a request another body: of each kind, through redirects and repetitions,
 * signed, compressed and hashed, and what is left of it when something fails. */
#include "client/digests.h"

#include "support/sweep.h"

#include <aiohttp/digest_auth.h>
#include <fcntl.h>

/* --- a server that tells what came --- */

static int failures; /* 503 so many times */

static int tells(aiohttp_web_request *request, void *data)
{
    static const char *const who[] = { "WWW-Authenticate",
                                       "Digest realm=\"here\", nonce=\"n\", qop=\"auth-int\", "
                                       "algorithm=SHA-256", NULL };
    const char *path = aiohttp_web_request_path(request), *body;
    const char *length = aiohttp_web_request_header(request, "Content-Length");
    const char *coding = aiohttp_web_request_header(request, "Content-Encoding");
    const char *type = aiohttp_web_request_header(request, "Content-Type");
    const char *sent = aiohttp_web_request_header(request, "Authorization");
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    if (*++path == '3')
        return aiohttp_web_respond(request, "", .status = atoi(path),
                                   .headers = (const char *[]){ "Location", "/", NULL });
    if (strcmp(path, "503") == 0 && failures-- > 0)
        return aiohttp_web_respond(request, "", .status = 503);
    if (strcmp(path, "401") == 0 &&
        !(sent && digest_is_right(sent, "me:here:secret", aiohttp_web_request_method(request),
                                  aiohttp_web_request_path_qs(request), body)))
        return aiohttp_web_respond(request, "", .status = 401, .headers = who);
    return aiohttp_web_respondf(request, "%s %s, %s, %s: %s", aiohttp_web_request_method(request),
                                type ? type : "-", length ? length : "chunks",
                                coding ? coding : "-", body);
}

/* --- what rewrites --- */

enum kind {
    BYTES, TEXT, JSON, FIELDS, PARTS, PATH, WRITER, PAYLOAD, NOTHING, KINDS,
};

/* The type stays what it was, but of what has to say one of its own. */
static const char *const told[KINDS] = {
    [BYTES] = "POST text/plain; charset=utf-8, 3, -: abc",
    [TEXT] = "POST text/plain; charset=utf-8, 4, -: text",
    [JSON] = "POST text/plain; charset=utf-8, 7, -: {\"a\":1}",
    [FIELDS] = "POST application/x-www-form-urlencoded, 5, -: a=b+c",
    [PARTS] = "POST multipart/mixed; boundary=bb, 22, -: --bb\r\n\r\npart\r\n--bb--\r\n",
    [PATH] = "POST text/plain; charset=utf-8, 9, -: of a file",
    [WRITER] = "POST text/plain; charset=utf-8, chunks, -: made made ",
    [PAYLOAD] = "POST text/plain; charset=utf-8, 2, -: pp",
    [NOTHING] = "POST -, 0, -: ",
};

static const char *path_of_file(void)
{
    static char path[64];
    if (!*path)
        snprintf(path, sizeof path, "/tmp/update_body.%d", (int)getpid());
    return path;
}

static int makes(aiohttp_payload_writer *writer, void *data)
{
    int r = 0;
    (void)data;
    for (int i = 0; i < 2 && r >= 0; i++)
        if ((r = asyncio_sleep(0)) >= 0)
            r = aiohttp_payload_writer_write(writer, "made ", 5);
    return r;
}

static int again(void *data)
{
    (void)data;
    return 0;
}

static int give_json(aiohttp_client_request *request)
{
    json_t *json = json_pack("{s:i}", "a", 1);
    int r = json ? aiohttp_client_request_update_body(request, .json = json) : -ENOMEM;
    json_decref(json);
    return r;
}

static int give_fields(aiohttp_client_request *request)
{
    aiohttp_form_data *form = aiohttp_form_data_new();
    int r = form ? aiohttp_form_data_add_field(form, "a", "b c") : -ENOMEM;
    if (r >= 0)
        r = aiohttp_client_request_update_body(request, .form = form);
    aiohttp_form_data_unref(form);
    return r;
}

static int give_parts(aiohttp_client_request *request)
{
    aiohttp_multipart_writer *parts = NULL;
    int r = aiohttp_multipart_writer_new("mixed", &parts, .boundary = "bb");
    if (r >= 0)
        r = aiohttp_multipart_writer_append(parts, "part", 4, NULL);
    if (r >= 0)
        r = aiohttp_client_request_update_body(request, .multipart = parts);
    aiohttp_multipart_writer_unref(parts);
    return r;
}

static int give_payload(aiohttp_client_request *request)
{
    aiohttp_payload *payload = NULL;
    int r = aiohttp_bytes_payload_new("pp", 2, &payload);
    if (r >= 0)
        r = aiohttp_client_request_update_body(request, .payload = payload);
    aiohttp_payload_unref(payload);
    return r;
}

/* All that is handed over is gone when this returns. */
static int give(aiohttp_client_request *request, enum kind kind)
{
    char local[64];
    int r = -EINVAL;
    snprintf(local, sizeof local, "%s",
             kind == BYTES  ? "abcd"
             : kind == PATH ? path_of_file()
                            : "text");
    if (kind == BYTES)
        r = aiohttp_client_request_update_body(request, .body = local, .body_size = 3);
    else if (kind == TEXT)
        r = aiohttp_client_request_update_body(request, .text = local);
    else if (kind == JSON)
        r = give_json(request);
    else if (kind == FIELDS)
        r = give_fields(request);
    else if (kind == PARTS)
        r = give_parts(request);
    else if (kind == PATH)
        r = aiohttp_client_request_update_body(request, .file = local);
    else if (kind == WRITER)
        r = aiohttp_client_request_update_body(request, .generator = makes, .rewind = again);
    else if (kind == PAYLOAD)
        r = give_payload(request);
    else
        r = aiohttp_client_request_update_body(request);
    memset(local, '#', sizeof local);
    return r;
}

static int gives(aiohttp_client_request *request, aiohttp_client_next *next,
                 aiohttp_client_response **ret_response, void *data)
{
    int r = give(request, *(enum kind *)data);
    return r < 0 ? r : next(request, ret_response);
}

/* Makes the body "(body)": of the memory that it lends. */
static int wraps(aiohttp_client_request *request, aiohttp_client_next *next,
                 aiohttp_client_response **ret_response, void *data)
{
    char text[128];
    size_t size;
    const char *body = aiohttp_client_request_body(request, &size);
    (void)data;
    snprintf(text, sizeof text, "(%.*s)", (int)size, body ? body : "");
    int r = aiohttp_client_request_update_body(request, .body = body, .body_size = size);
    if (r >= 0)
        r = aiohttp_client_request_update_body(request, .text = text);
    return r < 0 ? r : next(request, ret_response);
}

/* --- asking --- */

static int post(struct both *both, const char *path, const aiohttp_client_middleware_entry *entries,
                size_t count, const char *expected)
{
    static const aiohttp_client_retry retry = {
        .size = sizeof retry, .attempts = 3, .any_method = 1
    };
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_post(both->session, at(both, path), &response, .text = "old",
                                        .middlewares = entries, .middleware_count = count,
                                        .retry = &retry);
    if (r < 0)
        return r;
    int status = aiohttp_client_response_status(response);
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0)
        CHECK_TEXT(status == 200 ? text : "", expected);
    aiohttp_client_response_unref(response);
    return r;
}

typedef int conversation(struct both *both);

static int converse(void *data)
{
    struct both both;
    int r = both_start(&both, tells);
    if (r >= 0)
        r = (*(conversation **)data)(&both);
    return both_end(&both, r);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        conversation *body = name;                                                                 \
        (void)state;                                                                               \
        run_everywhere_with(converse, &body);                                                      \
    }

/* Of each kind, also where it is sent three times or led elsewhere; nothing given is used after the
 * call. */
static int all_kinds(struct both *both)
{
    static const char *const paths[] = { "/", "/503", "/307", "/308" };
    int r = 0;
    for (enum kind kind = 0; kind < KINDS && r >= 0; kind++)
        for (size_t i = 0; i < sizeof paths / sizeof *paths && r >= 0; i++) {
            aiohttp_client_middleware_entry entry = { gives, &kind };
            failures = 2;
            r = post(both, paths[i], &entry, 1, told[kind]);
        }
    return r;
}
CASE(all_kinds)

/* What becomes a GET has no body, unless it is given one there. */
static int other_redirects(struct both *both)
{
    enum kind kind = BYTES;
    const aiohttp_client_middleware_entry give_it = { gives, &kind }, wrap = { wraps, NULL };
    int r = post(both, "/303", &wrap, 1, "GET text/plain; charset=utf-8, 2, -: ()");
    if (r >= 0)
        r = post(both, "/302", &give_it, 1,
                 "GET application/octet-stream, 3, -: abc");
    return r;
}
CASE(other_redirects)

static int first_only(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    int *calls = data;
    int r = ++*calls == 1 ? give(request, WRITER) : 0;
    return r < 0 ? r : next(request, ret_response);
}

/* The next hop begins with what was asked for: nothing is wrapped twice. */
static int per_hop(struct both *both)
{
    int calls = 0;
    const aiohttp_client_middleware_entry wrap[] = { { wraps, NULL }, { wraps, NULL } };
    const aiohttp_client_middleware_entry once = { first_only, &calls };
    int r = post(both, "/307", wrap, 2, "POST text/plain; charset=utf-8, 7, -: ((old))");
    failures = 2;
    if (r >= 0)
        r = post(both, "/503", wrap, 2, "POST text/plain; charset=utf-8, 7, -: ((old))");
    if (r >= 0)
        r = post(both, "/307", &once, 1, "POST text/plain; charset=utf-8, 3, -: old");
    return r;
}
CASE(per_hop)

/* Goes on twice: what was made before is still there. */
static int goes_on_twice(aiohttp_client_request *request, aiohttp_client_next *next,
                         aiohttp_client_response **ret_response, void *data)
{
    aiohttp_client_response *response;
    (void)data;
    int r = next(request, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_release(response);
    aiohttp_client_response_unref(response);
    return r < 0 ? r : wraps(request, next, ret_response, NULL);
}

static int twice(struct both *both)
{
    const aiohttp_client_middleware_entry entries[] = { { wraps, NULL }, { goes_on_twice, NULL } };
    return post(both, "/", entries, 2, "POST text/plain; charset=utf-8, 7, -: ((old))");
}
CASE(twice)

/* --- what is said of it --- */

static int compresses(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    size_t size;
    const void *body = aiohttp_client_request_body(request, &size);
    (void)data;
    int r = aiohttp_client_request_update_body(request, .body = body, .body_size = size,
                                               .compress = "gzip");
    if (r >= 0 && aiohttp_client_request_body(request, &size)) /* it is not what is sent */
        r = -EPROTO;
    return r < 0 ? r : next(request, ret_response);
}

static int names_type(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    char type[] = "text/csv";
    int r = aiohttp_client_request_update_body(request, .text = "a;b", .content_type = type);
    (void)data;
    memset(type, '#', sizeof type - 1);
    return r < 0 ? r : next(request, ret_response);
}

static int said(struct both *both)
{
    const aiohttp_client_middleware_entry compress = { compresses, NULL };
    const aiohttp_client_middleware_entry type[] = { { names_type, NULL }, { wraps, NULL } };
    int r = post(both, "/307", &compress, 1, "POST text/plain; charset=utf-8, chunks, gzip: old");
    if (r >= 0)
        r = post(both, "/", type, 2, "POST text/csv, 5, -: (a;b)");
    return r;
}
CASE(said)

/* A digest with auth-int is of what is sent: it comes after who changes that. */
static int hashed(struct both *both)
{
    static const char expected[] = "POST text/plain; charset=utf-8, 5, -: (old)";
    aiohttp_digest_auth_middleware *digest = NULL;
    int r = aiohttp_digest_auth_middleware_new("me", "secret", &digest);
    if (r < 0)
        return r;
    const aiohttp_client_middleware_entry right[] = {
        { wraps, NULL }, { aiohttp_digest_auth_middleware_call, digest }
    };
    r = post(both, "/401", right, 2, expected);
    if (r >= 0)
        r = post(both, "/401", right, 2, expected); /* without being asked first */
    aiohttp_digest_auth_middleware_unref(digest);
    return r;
}
CASE(hashed)

/* --- what fails --- */

/* Each is refused, and the body stays what it was. */
static int misuses(aiohttp_client_request *request, aiohttp_client_next *next,
                   aiohttp_client_response **ret_response, void *data)
{
    int *results = data;
    results[0] =
        aiohttp_client_request_update_body(request, .text = "a", .body = "b", .body_size = 1);
    results[1] = aiohttp_client_request_update_body(request, .file = "/nowhere/at/all");
    results[2] = aiohttp_client_request_update_body(request, .text = "a", .compress = "zip");
    results[3] = aiohttp_client_request_update_body(request, .text = "a", .content_type = "a\nb");
    results[4] = aiohttp_client_request_update_body(request, .generator = makes, .compress = "zip");
    for (int i = 0; i < 5; i++)
        if (results[i] == -ENOMEM || results[i] == -ECANCELED)
            return results[i];
    return next(request, ret_response);
}

static int refused(struct both *both)
{
    int results[5] = { 0 };
    const aiohttp_client_middleware_entry entries[] = { { wraps, NULL }, { misuses, results } };
    int r = post(both, "/", entries, 2, "POST text/plain; charset=utf-8, 5, -: (old)");
    if (r < 0)
        return r;
    CHECK_IS(results[0], -EINVAL);
    CHECK_IS(results[1], -ENOENT);
    CHECK_IS(results[2], -EINVAL);
    CHECK_IS(results[3], -EINVAL);
    CHECK_IS(results[4], -EINVAL);
    return 0;
}
CASE(refused)

static int gives_once(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    (void)data;
    int r = aiohttp_client_request_update_body(request, .generator = makes);
    return r < 0 ? r : next(request, ret_response);
}

/* What cannot begin anew is not repeated, and a middleware that goes on again is told so. */
static int used_up(struct both *both)
{
    const aiohttp_client_middleware_entry once = { gives_once, NULL };
    failures = 1;
    int r = post(both, "/503", &once, 1, "");
    if (r >= 0) {
        CHECK_IS(failures, 0);
        /* each hop has a new one */
        r = post(both, "/307", &once, 1,
                 "POST text/plain; charset=utf-8, chunks, -: made made ");
    }
    return r;
}
CASE(used_up)

/* --- sweeps --- */

static int swept(void)
{
    struct both both;
    aiohttp_client_response *response;
    enum kind kinds[] = { FIELDS, PATH, WRITER };
    const aiohttp_client_middleware_entry entries[] = {
        { wraps, NULL }, { gives, &kinds[0] }, { gives, &kinds[1] }, { gives, &kinds[2] }
    };
    int r = both_start(&both, tells);
    if (r >= 0)
        r = aiohttp_client_session_post(both.session, at(&both, "/307"), &response, .text = "old",
                                        .middlewares = entries, .middleware_count = 4);
    if (r >= 0) {
        r = aiohttp_client_response_release(response);
        aiohttp_client_response_unref(response);
    }
    return both_end(&both, r);
}

static const struct sweep sweeps[] = { { "a body in the place of another, and moved", swept } };

static void cancelled_anywhere(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_cancellations);
    SWEEP_ALL(sweeps, sweep_suspensions);
}

static void without_memory(void **state)
{
    (void)state;
    SWEEP_ALL(sweeps, sweep_allocations);
}

static int make_file(void **state)
{
    (void)state;
    int file = open(path_of_file(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return file >= 0 && write(file, "of a file", 9) == 9 ? close(file) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path_of_file());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_test),
        cmocka_unit_test(other_redirects_test),
        cmocka_unit_test(per_hop_test),
        cmocka_unit_test(twice_test),
        cmocka_unit_test(said_test),
        cmocka_unit_test(hashed_test),
        cmocka_unit_test(refused_test),
        cmocka_unit_test(used_up_test),
        cmocka_unit_test(cancelled_anywhere),
        cmocka_unit_test(without_memory),
    };
    path_of_file(); /* one, for the children of a sweep, too */
    return cmocka_run_group_tests_name("update_body", tests, make_file, remove_file);
}
