/* SPDX-License-Identifier: MIT */
/* Digest authentication: answers that Python's hashlib has computed, those of RFC 7616 among
 * them; which challenge is taken, and of whom. */
/* TEST: backends none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/digest.h"

#include <errno.h>

#define NONCE "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define REALM "http-auth@example.org"
#define HEAD "Digest realm=\"" REALM "\", nonce=\"" NONCE "\""

static aiohttp_url *url_of(const char *text)
{
    aiohttp_url *url;
    assert_int_equal(aiohttp_url_new(text, &url), 0);
    return url;
}

static int learn_all(struct digest *digest, const char *const *fields, const char *from,
                     bool was_sent)
{
    aiohttp_headers *headers = aiohttp_headers_new();
    assert_non_null(headers);
    for (; *fields; fields++)
        assert_int_equal(aiohttp_headers_add(headers, "www-authenticate", *fields), 0);
    aiohttp_url *url = url_of(from);
    int r = aiohttp__digest_learn(digest, headers, "WWW-Authenticate", url, was_sent);
    aiohttp_url_unref(url);
    aiohttp_headers_unref(headers);
    return r;
}

static int learn(struct digest *digest, const char *field)
{
    const char *const fields[] = { field, NULL };
    return learn_all(digest, fields, "http://www.example.org/dir/index.html", false);
}

static void answer_to(struct digest *digest, const struct digest_request *request, char *text,
                      size_t room)
{
    struct bytes out = bytes_in(text, room - 1);
    assert_int_equal(aiohttp__digest_write(digest, request, &out), 0);
    text[out.size] = '\0';
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

static const struct {
    const char *challenge, *response;
    const char *body; /* of a POST */
} vectors[] = {
    /* RFC 7616, 3.9.1 */
    { HEAD ", qop=\"auth, auth-int\", algorithm=MD5", "8ca523f5e9506fed4657c9700eebdbec", NULL },
    { HEAD ", qop=\"auth, auth-int\", algorithm=SHA-256",
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", NULL },
    { HEAD ", qop=auth, algorithm=SHA-512-256",
      "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0", NULL },
    { HEAD ", qop=auth, algorithm=MD5-sess", "e783283f46242139c486a698fec7211d", NULL },
    { HEAD ", qop=auth, algorithm=sha-256-SESS",
      "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7", NULL },
    { HEAD ", qop=auth, algorithm=SHA-512-256-sess",
      "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e", NULL },
    { HEAD, "7b2cc3b30e75b4777ea31027084363fd", NULL },
    { HEAD ", algorithm=SHA-256",
      "a1306b0595a6c7fe96c448631fb5cfbd5107bd1fe1da729d978dd7446b812363", NULL },
    { HEAD ", qop=\"auth,auth-int\"", "22ce5487cab13939bbde4807f5613b22", "v=%1" },
    { HEAD ", qop=auth-int, algorithm=SHA-256",
      "426e0a06118a2252c1c1d32b29e565d28df7abc1bd75270ebae4971a9170b1ea", "v=%1" },
};

static void responses(void **state)
{
    (void)state;
    aiohttp_url *url = url_of("http://www.example.org/dir/index.html");
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char text[1024], expected[128];
        struct digest digest = { .count = 0 };
        const char *body = vectors[i].body;
        struct digest_request request = { .user = "Mufasa",
                                          .password = "Circle of Life",
                                          .method = body ? "POST" : "GET",
                                          .url = url,
                                          .cnonce = CNONCE };
        if (body)
            request.body = span_of(body);
        assert_int_equal(learn(&digest, vectors[i].challenge), 1);
        answer_to(&digest, &request, text, sizeof text);
        snprintf(expected, sizeof expected, "response=\"%s\"", vectors[i].response);
        has(text, expected);
        has(text, "Digest username=\"Mufasa\", realm=\"" REALM "\", nonce=\"" NONCE "\"");
        has(text, "uri=\"/dir/index.html\"");
        if (strstr(vectors[i].challenge, "qop"))
            has(text, "nc=00000001, cnonce=\"" CNONCE "\"");
        else
            assert_null(strstr(text, "nc="));
        aiohttp__digest_fini(&digest);
    }
    aiohttp_url_unref(url);
}

static void counts_and_sessions(void **state)
{
    (void)state;
    char text[1024];
    struct digest digest = { .count = 0 };
    aiohttp_url *url = url_of("http://www.example.org/dir/index.html");
    struct digest_request request = { "Mufasa", "Circle of Life", "GET", url, { NULL, 0 }, CNONCE };
    assert_int_equal(learn(&digest, HEAD ", qop=auth, algorithm=SHA-256-sess"), 1);
    answer_to(&digest, &request, text, sizeof text);
    request.cnonce = "other";
    answer_to(&digest, &request, text, sizeof text);
    has(text, "nc=00000002, cnonce=\"other\"");
    has(text, "response=\"e124b1e9a66f49bcaa4f8cb2e8f2710fa86f7bac776707eacd449709a3ae24c8\"");
    /* a new nonce counts anew */
    assert_int_equal(learn(&digest, "Digest realm=r, nonce=n, qop=auth"), 1);
    answer_to(&digest, &request, text, sizeof text);
    has(text, "nc=00000001");
    /* own randomness: 128 bits, other ones each time */
    char other[1024];
    request.cnonce = NULL;
    answer_to(&digest, &request, text, sizeof text);
    answer_to(&digest, &request, other, sizeof other);
    const char *a = strstr(text, "cnonce="), *b = strstr(other, "cnonce=");
    assert_true(a && b && strlen(a) == 8 + 32 + 1 && strcmp(a, b) != 0);
    aiohttp__digest_fini(&digest);
    aiohttp_url_unref(url);
}

static void users(void **state)
{
    (void)state;
    char text[1024];
    struct digest digest = { .count = 0 };
    aiohttp_url *url = url_of("http://www.example.org/doe.json?a=b");
    struct digest_request request = { .user = "J\xc3\xa4s\xc3\xb8n Doe",
                                      .password = "Secret, or not?",
                                      .method = "GET",
                                      .url = url };
    assert_int_equal(learn(&digest, "Digest realm=\"api@example.org\", nonce=n, qop=auth, "
                                    "algorithm=SHA-512-256, charset=UTF-8, userhash=true, "
                                    "opaque=\"o \\\"q\\\\\""), 1);
    answer_to(&digest, &request, text, sizeof text);
    has(text, "username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\"");
    has(text, ", userhash=true");
    has(text, ", algorithm=SHA-512-256");
    has(text, ", opaque=\"o \\\"q\\\\\"");
    has(text, "uri=\"/doe.json?a=b\"");
    assert_int_equal(learn(&digest, "Digest realm=r, nonce=n, charset=utf-8"), 1);
    answer_to(&digest, &request, text, sizeof text);
    has(text, "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, ");
    request.user = "a\"b\\c";
    answer_to(&digest, &request, text, sizeof text);
    has(text, "username=\"a\\\"b\\\\c\"");
    struct bytes out = bytes_in(text, sizeof text);
    request.user = "a:b";
    assert_int_equal(aiohttp__digest_write(&digest, &request, &out), -EINVAL);
    request.user = "a\r\nX: y";
    assert_int_equal(aiohttp__digest_write(&digest, &request, &out), -EINVAL);
    assert_int_equal(out.size, 0);
    aiohttp__digest_fini(&digest);
    aiohttp_url_unref(url);
}

static void the_strongest(void **state)
{
    (void)state;
    struct digest digest = { .count = 0 };
    const char *const fields[] = { "Basic realm=x, Digest realm=a, nonce=1, algorithm=MD5",
                                   "Digest realm=b, nonce=2, algorithm=SHA-256, Digest realm=c, "
                                   "nonce=3, algorithm=SHA-1",
                                   "Digest realm=d, nonce=4", NULL };
    assert_int_equal(learn_all(&digest, fields, "http://h.org/", false), 1);
    assert_true(span_is(digest.realm, SPAN("b")));
    aiohttp__digest_fini(&digest);
    assert_int_equal(learn(&digest, "Basic realm=x"), 0);
    assert_int_equal(learn(&digest, "Digest realm=a, nonce=1, algorithm=SHA-1"), -ENOTSUP);
    assert_int_equal(learn(&digest, "Digest realm=a, nonce=1, qop=other"), -ENOTSUP);
    assert_int_equal(learn(&digest, "Digest realm=a"), -EINVAL);
    assert_int_equal(learn(&digest, "Digest realm=\"a"), -EINVAL);
    assert_int_equal(learn(&digest, "Digest"), -EINVAL);
    assert_null(digest.origin);
    aiohttp__digest_fini(&digest);
}

static void one_origin_only(void **state)
{
    (void)state;
    char text[512];
    struct digest digest = { .count = 0 };
    const char *const fields[] = { "Digest realm=a, nonce=1", NULL };
    struct bytes out = bytes_in(text, sizeof text);
    struct digest_request request = { .user = "u", .password = "p", .method = "GET" };
    assert_int_equal(learn_all(&digest, fields, "https://h.org/x", false), 1);
    static const char *const others[] = { "http://h.org/x", "https://i.org/x", "https://h.org:1/x",
                                          "https://a.h.org/x" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        aiohttp_url *url = url_of(others[i]);
        assert_int_equal(learn_all(&digest, fields, others[i], false), 0);
        assert_false(aiohttp__digest_is_ours(&digest, url));
        assert_false(aiohttp__digest_covers(&digest, url));
        request.url = url;
        assert_int_equal(aiohttp__digest_write(&digest, &request, &out), -EINVAL);
        aiohttp_url_unref(url);
    }
    assert_int_equal(out.size, 0);
    /* refused again: no, but for a nonce that was too old */
    assert_int_equal(learn_all(&digest, fields, "https://h.org/x", true), -EACCES);
    const char *const stale[] = { "Digest realm=a, nonce=2, stale=TRUE", NULL };
    assert_int_equal(learn_all(&digest, stale, "https://h.org/x", true), 1);
    assert_true(span_is(digest.nonce, SPAN("2")));
    aiohttp__digest_fini(&digest);
}

static bool covers(struct digest *digest, const char *text)
{
    aiohttp_url *url = url_of(text);
    bool is_covered = aiohttp__digest_covers(digest, url);
    aiohttp_url_unref(url);
    return is_covered;
}

static void the_protection_space(void **state)
{
    (void)state;
    struct digest digest = { .count = 0 };
    assert_false(covers(&digest, "http://www.example.org/"));
    assert_int_equal(learn(&digest, "Digest realm=a, nonce=1"), 1);
    assert_true(covers(&digest, "http://www.example.org/any?x"));
    assert_int_equal(learn(&digest, "Digest realm=a, nonce=1, domain=\"\""), 1);
    assert_true(covers(&digest, "http://www.example.org/any"));
    assert_int_equal(learn(&digest, "Digest realm=a, nonce=1, domain=\"/a http://www.example.org/b/"
                                    " https://www.example.org/c //evil.org/\""), 1);
    assert_true(covers(&digest, "http://www.example.org/a"));
    assert_true(covers(&digest, "http://www.example.org/a/b"));
    assert_false(covers(&digest, "http://www.example.org/ab"));
    assert_true(covers(&digest, "http://www.example.org/b/c"));
    assert_false(covers(&digest, "http://www.example.org/b"));
    assert_false(covers(&digest, "http://www.example.org/c"));
    assert_false(covers(&digest, "https://www.example.org/c"));
    assert_false(covers(&digest, "http://evil.org/"));
    aiohttp__digest_fini(&digest);
}

static void bodies_that_are_not_known(void **state)
{
    (void)state;
    char text[512];
    struct digest digest = { .count = 0 };
    struct bytes out = bytes_in(text, sizeof text);
    aiohttp_url *url = url_of("http://www.example.org/");
    struct digest_request request = { .user = "u", .password = "p", .method = "PUT", .url = url };
    assert_int_equal(learn(&digest, "Digest realm=a, nonce=1, qop=auth-int"), 1);
    assert_int_equal(aiohttp__digest_write(&digest, &request, &out), -ENOTSUP);
    request.body = SPAN("");
    assert_int_equal(aiohttp__digest_write(&digest, &request, &out), 0);
    aiohttp__digest_fini(&digest);
    aiohttp_url_unref(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(counts_and_sessions),
        cmocka_unit_test(users),
        cmocka_unit_test(the_strongest),
        cmocka_unit_test(one_origin_only),
        cmocka_unit_test(the_protection_space),
        cmocka_unit_test(bodies_that_are_not_known),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
