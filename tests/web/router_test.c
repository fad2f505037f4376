/* SPDX-License-Identifier: MIT */
/* Finding routes: the order of aiohttp's UrlDispatcher, sub-applications, domains, and what is
 * remembered of a bad application. No request is needed. */
/* TEST: backends none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/application.h"
#include "web/dispatch.h"

static int handler(aiohttp_web_request *request)
{
    (void)request;
    return 0;
}

/* All errors so far; adds go on without a look. */
static void is_right(aiohttp_web_application *app)
{
    int r = app ? aiohttp__application_check(app) : -ENOMEM;
    if (r >= 0)
        r = aiohttp__application_freeze(app);
    if (r < 0)
        aiohttp_web_application_unref(app);
    assert_int_equal(r, 0);
}

/* "canonical a|b", "405 allowed" or "404"; "?" without memory. */
static const char *find_at(aiohttp_web_application *app, const char *host, const char *method,
                           const char *path)
{
    static char text[400];
    struct arena arena = { .at = NULL };
    struct router_match match;
    int r = aiohttp__router_resolve(app, span_of(method), span_of(host), span_of(path), &arena,
                                    &match);
    if (r < 0)
        snprintf(text, sizeof text, "?");
    else if (!match.route)
        snprintf(text, sizeof text, match.allowed ? "405 %s" : "404", match.allowed);
    else {
        size_t used = (size_t)snprintf(text, sizeof text, "%s", match.resource->path.canonical);
        for (size_t i = 0; i < match.resource->path.names; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%c%.*s", i ? '|' : ' ',
                                     (int)match.values[i].size, match.values[i].data);
    }
    aiohttp__arena_fini(&arena);
    return text;
}

static bool is_found(aiohttp_web_application *app, const char *method, const char *path,
                     const char *wanted)
{
    const char *found = find_at(app, "example.com", method, path);
    if (strcmp(found, wanted) != 0)
        fprintf(stderr, "%s %s: %s and not %s\n", method, path, found, wanted);
    return strcmp(found, wanted) == 0;
}

#define FIND(app, method, path, wanted) is_right_so_far &= is_found(app, method, path, wanted)

static void the_most_explicit_first(void **state)
{
    (void)state;
    bool is_right_so_far = true;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/{any:.*}", handler);
    (void)aiohttp_web_application_add_get(app, "/", handler);
    (void)aiohttp_web_application_add_get(app, "/users", handler);
    (void)aiohttp_web_application_add_get(app, "/users/{id}", handler);
    (void)aiohttp_web_application_add_get(app, "/users/{id}/posts", handler);
    (void)aiohttp_web_application_add_get(app, "/users/me", handler);
    (void)aiohttp_web_application_add_get(app, "/users/me/{x}", handler);
    (void)aiohttp_web_application_add_get(app, "/a/b/c/d/e/f", handler);
    is_right(app);
    FIND(app, "GET", "/", "/{any} "); /* added first, of the same key */
    FIND(app, "GET", "/users", "/users");
    FIND(app, "GET", "/users/", "/{any} users/");
    FIND(app, "GET", "/users/7", "/users/{id} 7");
    FIND(app, "GET", "/users/me", "/users/me"); /* longer key than /users/{id} */
    FIND(app, "GET", "/users/me/posts", "/users/me/{x} posts");
    FIND(app, "GET", "/users/7/posts", "/users/{id}/posts 7");
    FIND(app, "GET", "/users/7/else", "/{any} users/7/else");
    FIND(app, "GET", "/a/b/c/d/e/f", "/a/b/c/d/e/f");
    FIND(app, "GET", "/a/b/c/d/e/f/g/h/i/j", "/{any} a/b/c/d/e/f/g/h/i/j");
    FIND(app, "GET", "//", "/{any} /");
    FIND(app, "GET", "*", "404");
    FIND(app, "HEAD", "/users/7", "/users/{id} 7");
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

static void methods(void **state)
{
    (void)state;
    bool is_right_so_far = true;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_resource *resource = NULL;
    (void)aiohttp_web_application_add_get(app, "/x", handler, .no_head = 1);
    (void)aiohttp_web_application_add_post(app, "/x", handler); /* joins it */
    (void)aiohttp_web_application_add_put(app, "/{name}", handler);
    (void)aiohttp_web_application_add_route(app, "PATCH", "/x", handler);
    (void)aiohttp_web_application_add_route(app, "*", "/any", handler);
    (void)aiohttp_web_application_add_delete(app, "/any", handler);
    (void)aiohttp_web_application_add_resource(app, "/none", NULL);
    (void)aiohttp_web_application_add_resource(app, "/later", &resource);
    (void)aiohttp_web_resource_add_route(resource, "LOCK", handler);
    is_right(app);
    FIND(app, "GET", "/x", "/x");
    FIND(app, "POST", "/x", "/x");
    FIND(app, "PATCH", "/x", "/x");
    FIND(app, "PUT", "/x", "/{name} x"); /* the second one has it */
    FIND(app, "HEAD", "/x", "405 GET, PATCH, POST, PUT");
    FIND(app, "get", "/x", "405 GET, PATCH, POST, PUT");
    FIND(app, "", "/y", "405 PUT");
    FIND(app, "BREW", "/any", "/any");
    FIND(app, "DELETE", "/any", "/any");
    FIND(app, "GET", "/none/", "404");
    FIND(app, "GET", "/none", "405 PUT");
    FIND(app, "LOCK", "/later", "/later");
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

static void sub_applications(void **state)
{
    (void)state;
    bool is_right_so_far = true;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *admin = aiohttp_web_application_new();
    aiohttp_web_application *deep = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(deep, "/{x}", handler);
    (void)aiohttp_web_application_add_get(admin, "", handler);
    (void)aiohttp_web_application_add_get(admin, "/", handler);
    (void)aiohttp_web_application_add_post(admin, "/users/{id}", handler);
    (void)aiohttp_web_application_add_get(app, "/admin/users/{id}", handler);
    (void)aiohttp_web_application_add_subapp(admin, "/deep", deep);
    (void)aiohttp_web_application_add_subapp(app, "/admin", admin);
    (void)aiohttp_web_application_add_get(app, "/{any:.*}", handler);
    is_right(app);
    FIND(app, "GET", "/admin", "");
    FIND(app, "GET", "/admin/", "/");
    FIND(app, "GET", "/admin/deep/1", "/{x} 1");
    FIND(app, "GET", "/admin/deep", "404");
    FIND(app, "GET", "/admin/users/7", "/admin/users/{id} 7"); /* the longer key */
    FIND(app, "POST", "/admin/users/7", "/users/{id} 7");
    FIND(app, "PUT", "/admin/users/7", "405 POST"); /* the sub-application's word is the last */
    FIND(app, "GET", "/admin/else", "404");
    FIND(app, "GET", "/administrator", "/{any} administrator"); /* a prefix ends at a '/' */
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

static void domains(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    static const char *const names[] = { "example.com", "*.example.com", "example.com:81" };
    for (int i = 2; i >= 0; i--) {
        aiohttp_web_application *sub = aiohttp_web_application_new();
        (void)aiohttp_web_application_add_get(sub, i == 0 ? "/plain" : i == 1 ? "/star" : "/port",
                                              handler);
        (void)aiohttp_web_application_add_domain(app, names[i], sub);
    }
    (void)aiohttp_web_application_add_get(app, "/plain", handler);
    (void)aiohttp_web_application_add_get(app, "/main", handler);
    is_right(app);
    static const char *const rows[][3] = {
        { "example.com", "/plain", "/plain" },   { "EXAMPLE.com", "/plain", "/plain" },
        { "example.com:8080", "/main", "404" },  { "example.com:81", "/port", "/port" },
        { "a.example.com", "/star", "/star" },   { "a.b.example.com:81", "/star", "/star" },
        { "aexample.com", "/main", "/main" },    { ".example.com", "/main", "/main" },
        { "", "/main", "/main" },                { "[::1]:81", "/main", "/main" },
        { "example.com.evil", "/main", "/main" },
    };
    bool is_right_so_far = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *found = find_at(app, rows[i][0], "GET", rows[i][1]);
        if (strcmp(found, rows[i][2]) != 0)
            fprintf(stderr, "%s %s: %s\n", rows[i][0], rows[i][1], found);
        is_right_so_far &= strcmp(found, rows[i][2]) == 0;
    }
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

static void many_routes(void **state)
{
    (void)state;
    bool is_right_so_far = true;
    aiohttp_web_application *app = aiohttp_web_application_new();
    char path[64], wanted[80];
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof path, "/s%d/t%d/{x}", i % 20, i);
        (void)aiohttp_web_application_add_get(app, path, handler);
    }
    is_right(app);
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof path, "/s%d/t%d/%d", i % 20, i, i);
        snprintf(wanted, sizeof wanted, "/s%d/t%d/{x} %d", i % 20, i, i);
        FIND(app, "GET", path, wanted);
    }
    FIND(app, "GET", "/s0/t1/1", "404");
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

/* A path without anything behind it, as what must not be read. */
static bool is_found_alone(aiohttp_web_application *app, const char *text, const char *wanted)
{
    size_t size = strlen(text);
    char *path = malloc(size);
    struct arena arena = { .at = NULL };
    struct router_match match;
    int r = path ? 0 : -ENOMEM;
    if (r >= 0) {
        memcpy(path, text, size);
        r = aiohttp__router_resolve(app, SPAN("GET"), SPAN(""), (struct span){ path, size },
                                    &arena, &match);
    }
    const char *found = r < 0 ? "?" : match.route ? match.resource->path.canonical : "404";
    bool is_right_one = strcmp(found, wanted) == 0;
    if (!is_right_one)
        fprintf(stderr, "%s: %s and not %s\n", text, found, wanted);
    aiohttp__arena_fini(&arena);
    free(path);
    return is_right_one;
}

/* Paths are hashed by words of eight bytes: keys, and the slashes behind them, at each place. */
static void keys_of_every_size(void **state)
{
    (void)state;
    enum { LONGEST = 40 };
    static const char *const behind[][3] = { /* the route, what is asked for, what is not there */
        { "", "", "x" },
        { "/{x}", "/1", "/" },
        { "/b/c/{x}", "/b/c/1", "/b/c/" },
        { "/12345678/{x}.html", "/12345678/1.html", "/1234567/1.html" },
    };
    bool is_right_so_far = true;
    aiohttp_web_application *app = aiohttp_web_application_new();
    char name[LONGEST + 2] = "/", path[128], wanted[128];
    for (size_t size = 1; size <= LONGEST; size++) {
        name[size] = 'a';
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
            snprintf(path, sizeof path, "%s%s", name, behind[i][0]);
            (void)aiohttp_web_application_add_get(app, path, handler);
        }
    }
    is_right(app);
    for (size_t size = LONGEST; size; size--) {
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
            snprintf(wanted, sizeof wanted, "%s%s", name, behind[i][0]);
            snprintf(path, sizeof path, "%s%s", name, behind[i][1]);
            is_right_so_far &= is_found_alone(app, path, wanted);
            snprintf(path, sizeof path, "%s%s", name, behind[i][2]);
            is_right_so_far &= is_found_alone(app, path, "404");
        }
        name[size] = '\0';
    }
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

/* Keys that differ in one byte only, wherever it is, do not all lie in a row: a look-up that fails
 * looks at few of them. */
static void keys_are_spread(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 24; size++) {
        aiohttp_web_application *app = aiohttp_web_application_new();
        char path[32];
        for (char c = 'a'; c <= 'z'; c++) {
            snprintf(path, sizeof path, "/%0*d%c", (int)size, 0, c);
            (void)aiohttp_web_application_add_get(app, path, handler);
        }
        is_right(app);
        size_t row = 0, longest = 0;
        for (size_t i = 0; i < 2 * app->literals_size; i++) {
            row = app->literals[i % app->literals_size].resource ? row + 1 : 0;
            longest = row > longest ? row : longest;
        }
        aiohttp_web_application_unref(app);
        assert_in_range(longest, 1, 12);
    }
}

/* A path of nothing but slashes, or of very many segments, is found (or not) in linear time, and no
 * deeper than keys go. */
static void long_paths(void **state)
{
    (void)state;
    bool is_right_so_far = true;
    static char path[8001];
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/a/b", handler);
    (void)aiohttp_web_application_add_get(app, "/{x}", handler);
    is_right(app);
    memset(path, '/', sizeof path - 1);
    FIND(app, "GET", path, "404");
    for (size_t i = 1; i < sizeof path - 1; i += 2)
        path[i] = 'a';
    FIND(app, "GET", path, "404");
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

static void what_is_wrong_is_remembered(void **state)
{
    (void)state;
    int destroyed = 0;
    aiohttp_web_application *app = aiohttp_web_application_new();
    assert_non_null(app);
    int r = aiohttp_web_application_add_get(app, "/{", handler, .data = &destroyed);
    int second = aiohttp_web_application_add_get(app, "nothing", handler);
    if (r == -EINVAL)
        r = aiohttp__application_check(app);
    const asyncio_error *record = asyncio_last_error(r);
    bool is_named = record && strstr(record->text, "\"/{\"") && strstr(record->text, "without '}'");
    aiohttp_web_application_unref(app);
    assert_int_equal(r, -EINVAL);
    assert_int_equal(second, -EINVAL);
    if (record)
        assert_true(is_named);
}

static void destroy(void *data)
{
    ++*(int *)data;
}

static void destroyed_once_whatever_happens(void **state)
{
    (void)state;
    int calls[8] = { 0 };
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/", handler, .data = &calls[0], .destroy = destroy);
    (void)aiohttp_web_application_add_get(app, "bad", handler, .data = &calls[1],
                                          .destroy = destroy);
    (void)aiohttp_web_application_add_route(app, "B D", "/", handler, .data = &calls[2],
                                            .destroy = destroy);
    (void)aiohttp_web_application_add_post(NULL, "/", handler, .data = &calls[3],
                                           .destroy = destroy);
    (void)aiohttp_web_application_on_response_prepare(app, handler, .data = &calls[4],
                                                      .destroy = destroy);
    (void)aiohttp_web_application_on_response_prepare(NULL, handler, .data = &calls[5],
                                                      .destroy = destroy);
    (void)aiohttp_web_application_add_get(app, "/", handler, .data = &calls[6], .destroy = destroy);
    aiohttp_web_application_unref(app);
    for (int i = 0; i < 7; i++)
        assert_int_equal(calls[i], 1);
}

struct thing {
    int destroyed;
};
static AIOHTTP_WEB_APP_KEY(thing_key, struct thing);
static AIOHTTP_WEB_APP_KEY(text_key, const char);

static void destroy_thing(void *thing)
{
    ((struct thing *)thing)->destroyed++;
}

static void storage(void **state)
{
    (void)state;
    struct thing one = { 0 }, two = { 0 }, three = { 0 };
    aiohttp_web_application *app = aiohttp_web_application_new();
    bool is_nothing = !aiohttp_web_application_get(app, &thing_key);
    int r = aiohttp_web_application_set(app, &thing_key, &one, destroy_thing);
    if (r >= 0)
        r = aiohttp_web_application_set(app, &thing_key, &two, destroy_thing);
    bool is_two = aiohttp_web_application_get(app, &thing_key) == &two;
    int destroyed = one.destroyed;
    if (r >= 0) {
        is_right(app);
        /* a value may change later; a new key may not come */
        r = aiohttp_web_application_set(app, &thing_key, &three, destroy_thing);
        assert_int_equal(aiohttp_web_application_set(app, &text_key, "x", NULL),
                         -ASYNCIO_INVALID_STATE);
    }
    aiohttp_web_application_unref(app);
    assert_int_equal(r, 0);
    assert_true(is_nothing && is_two);
    assert_int_equal(destroyed, 1);
    assert_int_equal(one.destroyed + two.destroyed + three.destroyed, 3);
    assert_int_equal(aiohttp_web_application_set(NULL, &thing_key, &one, destroy_thing), -ENOMEM);
    assert_int_equal(one.destroyed, 2);
}

static void misuse(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new(), *sub = NULL;
    assert_non_null(app);
    int same = aiohttp_web_application_add_subapp(app, "/x", aiohttp_web_application_ref(app));
    int none = aiohttp_web_application_add_subapp(app, "/x", NULL);
    static const char *const prefixes[] = { "/", "", "x", "/x/", "/{x}" };
    int bad[5];
    for (int i = 0; i < 5; i++) {
        sub = aiohttp_web_application_new();
        bad[i] = aiohttp_web_application_add_subapp(app, prefixes[i], sub);
    }
    static const char *const hosts[] = { "", "*", "a b", "a:", "a:b", "a:123456", "a/b", "*.*.c" };
    int bad_hosts[8];
    for (int i = 0; i < 8; i++)
        bad_hosts[i] = aiohttp_web_application_add_domain(app, hosts[i],
                                                          aiohttp_web_application_new());
    int twice = aiohttp_web_application_add_get(app, "/t", handler);
    twice = twice < 0 ? twice : aiohttp_web_application_add_get(app, "/t", handler);
    int name = aiohttp_web_application_add_put(app, "/n", handler, .name = "n");
    name = name < 0 ? name : aiohttp_web_application_add_put(app, "/m", handler, .name = "n");
    int no_handler = aiohttp_web_application_add_route(app, "GET", "/h", (aiohttp_web_handler *)0);
    int no_middleware = aiohttp_web_application_add_middleware(app, (aiohttp_web_middleware *)0);
    aiohttp_web_application_unref(app);
    assert_int_equal(same, -EBUSY);
    assert_int_equal(none, -ENOMEM);
    for (int i = 0; i < 5; i++)
        assert_int_equal(bad[i], -EINVAL);
    for (int i = 0; i < 8; i++)
        assert_int_equal(bad_hosts[i], -EINVAL);
    assert_int_equal(twice, -EEXIST);
    assert_int_equal(name, -EEXIST);
    assert_int_equal(no_handler, -EINVAL);
    assert_int_equal(no_middleware, -EINVAL);
    assert_int_equal(aiohttp_web_application_frozen(NULL), 0);
    aiohttp_web_application_unref(NULL);
}

static const aiohttp_web_route_def table[] = {
    aiohttp_web_get("/", handler),
    aiohttp_web_post("/users", handler, .name = "users"),
    aiohttp_web_route("LOCK", "/users", handler),
};

static void tables(void **state)
{
    (void)state;
    bool is_right_so_far = true;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_routes(app, table, sizeof table / sizeof *table);
    is_right(app);
    FIND(app, "HEAD", "/", "/");
    FIND(app, "LOCK", "/users", "/users");
    FIND(app, "GET", "/users", "405 LOCK, POST");
    aiohttp_web_application_unref(app);
    assert_true(is_right_so_far);
}

static int build(aiohttp_web_application *app, const char *name, const char *const *parts,
                 const char *const *query, const char *wanted)
{
    const char *url = "untouched";
    int r = aiohttp_web_application_url_for(app, name, &url, .match_info = parts, .query = query);
    if (r >= 0 && strcmp(url, wanted) != 0)
        fprintf(stderr, "%s and not %s\n", url, wanted);
    return r < 0 ? r : strcmp(url, wanted) == 0 ? 0 : -EBADMSG;
}

static int urls(aiohttp_web_application *app, aiohttp_web_application *sub)
{
    int r = build(app, "user", (const char *[]){ "name", "a/b c\xc3\xa9%", NULL }, NULL,
                  "/users/a%2Fb%20c%C3%A9%25");
    if (r >= 0)
        r = build(app, "file", (const char *[]){ "x", "1", "path", "a/b.txt", NULL },
                  (const char *[]){ "q", "1&2", "r", "", NULL }, "/files/a/b.txt?q=1%262&r=");
    if (r >= 0)
        r = build(sub, "in", (const char *[]){ "id", "7", NULL }, NULL, "/sub%20app/x/7");
    if (r < 0)
        return r;
    int refused[] = {
        build(app, "nobody", NULL, NULL, ""),
        build(app, "user", NULL, NULL, ""),
        build(app, "user", (const char *[]){ "name", "", NULL }, NULL, ""),
        build(sub, "in", (const char *[]){ "id", "x", NULL }, NULL, ""),
    };
    static const int wanted[] = { -ENOENT, -EINVAL, -EINVAL, -EINVAL };
    for (int i = 0; i < 4; i++)
        if (refused[i] != wanted[i])
            return refused[i] == -ENOMEM ? -ENOMEM : -EBADMSG;
    return 0;
}

static void urls_are_built(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *sub = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/users/{name}", handler, .name = "user");
    (void)aiohttp_web_application_add_get(app, "/files/{path:.+}", handler, .name = "file");
    (void)aiohttp_web_application_add_get(sub, "/x/{id:\\d+}", handler, .name = "in");
    (void)aiohttp_web_application_add_subapp(app, "/sub app", sub);
    is_right(app);
    int r = asyncio_run(asyncio_coro(urls, app, sub));
    aiohttp_web_application_unref(app);
    assert_int_equal(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_explicit_first),
        cmocka_unit_test(methods),
        cmocka_unit_test(sub_applications),
        cmocka_unit_test(domains),
        cmocka_unit_test(many_routes),
        cmocka_unit_test(keys_of_every_size),
        cmocka_unit_test(keys_are_spread),
        cmocka_unit_test(long_paths),
        cmocka_unit_test(what_is_wrong_is_remembered),
        cmocka_unit_test(destroyed_once_whatever_happens),
        cmocka_unit_test(storage),
        cmocka_unit_test(misuse),
        cmocka_unit_test(tables),
        cmocka_unit_test(urls_are_built),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
