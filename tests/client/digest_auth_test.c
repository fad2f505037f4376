/* SPDX-License-Identifier: MIT */
/* Digest authentication with a server that knows one user, and one that lies in wait elsewhere. */
#include "client/digests.h"

#include <aiohttp/digest_auth.h>
#include <asyncio/alloc.h>

static struct {
    int asked, answered; /* requests without, and with Authorization */
    int nonce;           /* its number: another one is stale */
    bool is_stale;       /* the server says so */
    char field[1024];    /* the last Authorization */
} guard;

static bool is_right(aiohttp_web_request *request, const char *field)
{
    return digest_is_right(field, "me:the realm:secret", aiohttp_web_request_method(request),
                           aiohttp_web_request_path_qs(request), NULL);
}

static int guarded(aiohttp_web_request *request, void *data)
{
    char challenge[256], nonce[16];
    const char *field = aiohttp_web_request_header(request, "Authorization");
    (void)data;
    if (strncmp(aiohttp_web_request_path(request), "/away", 5) == 0) {
        const char *const there[] = { "Location", aiohttp_web_request_query(request, "to"), NULL };
        return aiohttp_web_respond(request, "", .status = 302, .headers = there);
    }
    snprintf(nonce, sizeof nonce, "n%d", guard.nonce);
    guard.asked += field == NULL;
    guard.answered += field != NULL;
    if (field)
        snprintf(guard.field, sizeof guard.field, "%s", field);
    if (field && is_right(request, field) &&
        strcmp(digest_parameter(field, " nonce=\""), nonce) == 0)
        return aiohttp_web_respond(request, "come in");
    snprintf(challenge, sizeof challenge,
             "Digest realm=\"the realm\", nonce=\"%s\", qop=\"auth\", algorithm=SHA-256%s", nonce,
             field && guard.is_stale ? ", stale=true" : "");
    const char *const who[] = { "WWW-Authenticate", challenge, NULL };
    return aiohttp_web_respond(request, "who are you?", .status = 401, .headers = who);
}

static int session_of(aiohttp_digest_auth_middleware *middleware,
                      aiohttp_client_session **ret_session)
{
    aiohttp_client_middleware_entry entry = { aiohttp_digest_auth_middleware_call, middleware };
    return aiohttp_client_session_new(ret_session, .middlewares = &entry, .middleware_count = 1);
}

static int comes_in(struct both *both)
{
    ASK(both->session, at(both, "/a?b=c"), NULL, NULL, 200);
    CHECK_IS(guard.asked, 1);
    CHECK_IS(guard.answered, 1);
    /* the next one knows before it is asked */
    ASK(both->session, at(both, "/b"), NULL, NULL, 200);
    CHECK_IS(guard.asked, 1);
    CHECK_IS(guard.answered, 2);
    CHECK(strstr(guard.field, "nc=00000002"));
    /* an old nonce: whether the server says that it is, or not */
    guard.nonce++;
    ASK(both->session, at(both, "/c"), NULL, NULL, 200);
    CHECK_IS(guard.answered, 4);
    CHECK(strstr(guard.field, "nc=00000001"));
    guard.is_stale = true;
    guard.nonce++;
    ASK(both->session, at(both, "/c"), NULL, NULL, 200);
    CHECK_IS(guard.answered, 6);
    CHECK_IS(guard.asked, 1);
    return 0;
}

static int with_guard(const char *login, const char *password, int preemptive,
                      int (*body)(struct both *both))
{
    struct both both = { .session = NULL };
    aiohttp_digest_auth_middleware *middleware = NULL;
    memset(&guard, 0, sizeof guard);
    int r = live_start(&both.live, guarded);
    if (r >= 0)
        r = aiohttp_digest_auth_middleware_new(login, password, &middleware,
                                               .preemptive = preemptive);
    if (r >= 0)
        r = session_of(middleware, &both.session);
    if (r >= 0)
        r = body(&both);
    r = both_end(&both, r);
    aiohttp_digest_auth_middleware_unref(middleware);
    return r;
}

static int right(void *data)
{
    (void)data;
    return with_guard("me", "secret", 1, comes_in);
}

static void who_is_known_comes_in(void **state)
{
    (void)state;
    run_everywhere(right);
}

static int stays_out(struct both *both)
{
    ASK(both->session, at(both, "/a"), NULL, NULL, 401);
    CHECK_IS(guard.asked, 1);
    CHECK_IS(guard.answered, 1); /* once, and not for ever */
    return 0;
}

static int wrong(void *data)
{
    (void)data;
    return with_guard("me", "guess", 1, stays_out);
}

static void who_is_not_stays_out(void **state)
{
    (void)state;
    run_everywhere(wrong);
}

static int asks_each_time(struct both *both)
{
    ASK(both->session, at(both, "/a"), NULL, NULL, 200);
    ASK(both->session, at(both, "/b"), NULL, NULL, 200);
    CHECK_IS(guard.asked, 2);
    CHECK_IS(guard.answered, 2);
    return 0;
}

static int not_preemptive(void *data)
{
    (void)data;
    return with_guard("me", "secret", 0, asks_each_time);
}

static void asked_each_time(void **state)
{
    (void)state;
    run_everywhere(not_preemptive);
}

/* CVE-2026-54276: a redirect to another origin, which asks for the digest too. */
static int leaves(struct both *both)
{
    char url[256];
    int answered;
    ASK(both->session, at(both, "/a"), NULL, NULL, 200);
    answered = guard.answered;
    /* the same server by its other name is another origin */
    snprintf(url, sizeof url, "/away?to=http://localhost:%d/b", both->live.port);
    ASK(both->session, at(both, url), NULL, NULL, 401);
    CHECK_IS(guard.answered, answered);
    snprintf(url, sizeof url, "http://localhost:%d/b", both->live.port);
    ASK(both->session, url, NULL, NULL, 401);
    CHECK_IS(guard.answered, answered);
    return 0;
}

static int redirected(void *data)
{
    (void)data;
    return with_guard("me", "secret", 1, leaves);
}

static void CVE_2026_54276_no_other_origin_gets_an_answer(void **state)
{
    (void)state;
    run_everywhere(redirected);
}

static void users_and_basic(void **state)
{
    (void)state;
    aiohttp_digest_auth_middleware *middleware;
    char *value;
    int r = aiohttp_digest_auth_middleware_new("a:b", "c", &middleware);
    assert_int_equal(r, -EINVAL);
    r = aiohttp_digest_auth_middleware_new("a", NULL, &middleware);
    assert_int_equal(r, -EINVAL);
    r = aiohttp_digest_auth_middleware_new("a\n", "c", &middleware);
    assert_int_equal(r, -EINVAL);
    r = aiohttp_digest_auth_middleware_new("a", "c", &middleware);
    assert_int_equal(r, 0);
    assert_ptr_equal(aiohttp_digest_auth_middleware_ref(middleware), middleware);
    aiohttp_digest_auth_middleware_unref(middleware);
    aiohttp_digest_auth_middleware_unref(middleware);
    aiohttp_digest_auth_middleware_unref(NULL);
    assert_null(aiohttp_digest_auth_middleware_ref(NULL));
    /* RFC 7617, 2.1: UTF-8 */
    r = aiohttp_encode_basic_auth("test", "123\xc2\xa3", &value);
    assert_int_equal(r, 0);
    assert_string_equal(value, "Basic dGVzdDoxMjPCow==");
    asyncio_mem_free(value);
    r = aiohttp_encode_basic_auth("a:b", "", &value);
    assert_int_equal(r, -EINVAL);
    r = aiohttp_encode_basic_auth("a", "b\n", &value);
    assert_int_equal(r, -EINVAL);
    r = aiohttp_encode_basic_auth(NULL, "b", &value);
    assert_int_equal(r, -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_known_comes_in),
        cmocka_unit_test(who_is_not_stays_out),
        cmocka_unit_test(asked_each_time),
        cmocka_unit_test(CVE_2026_54276_no_other_origin_gets_an_answer),
        cmocka_unit_test(users_and_basic),
    };
    return cmocka_run_group_tests_name("digest_auth", tests, NULL, NULL);
}
