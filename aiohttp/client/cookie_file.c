/* SPDX-License-Identifier: MIT */
/* The cookie jar's file. See <aiohttp/cookie_jar.h>.
 *
 * FORMAT  JSON: {"version": 1, "cookies": [{"name", "value", "domain", "path", "host_only", and,
 *         when they are so, "secure", "httponly", "partitioned", "samesite", "expires"}]}, the
 *         oldest cookie first. Times are seconds since 1970; bytes that are no UTF-8 stand under
 *         "value_base64" and "path_base64". Every property is kept: a host-only cookie that comes
 *         back as one for a whole domain is CVE-2026-54279.
 * SAFE    Written beside, with 0600 from the first byte, flushed, and renamed. Read with a limit,
 *         and held to what a jar can have: a file is input like any other. */
#include "client/cookie_jar.h"

#include "wire/ascii.h"
#include "wire/base64.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <asyncio/exit_stack.h>
#include <asyncio/file.h>
#include <aiohttp/json.h>
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH = 4, TRIES = 100 };

/* --- to text --- */

static int put_bytes(json_t *object, const char *key, const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return json_object_set_new(object, key, string) < 0 ? -ENOMEM : 0;
    char name[32];
    struct bytes coded = bytes_up_to(SIZE_MAX / 2);
    aiohttp__base64_write(&coded, span_of(text));
    snprintf(name, sizeof name, "%s_base64", key);
    int r = coded.error ? coded.error :
            json_object_set_new(object, name, json_stringn(coded.data, coded.size)) < 0 ? -ENOMEM :
                                                                                          0;
    aiohttp__bytes_fini(&coded);
    return r;
}

static int put_true(json_t *object, const char *key, bool is_set)
{
    return is_set && json_object_set_new(object, key, json_true()) < 0 ? -ENOMEM : 0;
}

static int put_cookie(json_t *list, const struct cookie *cookie)
{
    const aiohttp_cookie *shown = &cookie->shown;
    json_t *object = json_object();
    int r = object ? 0 : -ENOMEM;
    r = r ? r : put_bytes(object, "name", shown->name);
    r = r ? r : put_bytes(object, "value", shown->coded_value);
    r = r ? r : put_bytes(object, "domain", shown->domain);
    r = r ? r : put_bytes(object, "path", shown->path);
    r = r ? r : put_true(object, "host_only", shown->host_only);
    r = r ? r : put_true(object, "secure", shown->secure);
    r = r ? r : put_true(object, "httponly", shown->httponly);
    r = r ? r : put_true(object, "partitioned", shown->partitioned);
    r = r || !*shown->samesite ? r : put_bytes(object, "samesite", shown->samesite);
    if (r == 0 && cookie->in_heap != SIZE_MAX &&
        json_object_set_new(object, "expires", json_integer(cookie->expires)) < 0)
        r = -ENOMEM;
    if (r < 0) {
        json_decref(object);
        return r;
    }
    return json_array_append_new(list, object) < 0 ? -ENOMEM : 0;
}

static int by_age(const void *left, const void *right)
{
    const struct cookie *a = *(struct cookie *const *)left, *b = *(struct cookie *const *)right;
    return (a->born > b->born) - (a->born < b->born);
}

/* The jar as text, new. */
static int jar_text(const aiohttp_cookie_jar *jar, char **ret_text, size_t *ret_size)
{
    size_t count = jar->store.count;
    struct cookie **sorted = asyncio_mem_malloc((count + 1) * sizeof(struct cookie *));
    json_t *list = json_array();
    json_t *whole = json_object();
    int r = sorted && list && whole ? 0 : -ENOMEM;
    if (r == 0 && count > 0) {
        memcpy(sorted, jar->store.all, count * sizeof(struct cookie *));
        qsort(sorted, count, sizeof(struct cookie *), by_age);
    }
    for (size_t i = 0; r == 0 && i < count; i++)
        r = put_cookie(list, sorted[i]);
    if (r == 0 && (json_object_set_new(whole, "version", json_integer(1)) < 0 ||
                   json_object_set(whole, "cookies", list) < 0))
        r = -ENOMEM;
    if (r == 0)
        r = aiohttp_json_dumps(whole, ret_text, ret_size, .indent = 1);
    asyncio_mem_free(sorted);
    json_decref(list);
    json_decref(whole);
    return r;
}

/* --- the file --- */

static int write_all(int file, const char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        int n = asyncio_write(file, text + done, size - done);
        if (n <= 0)
            return n < 0 ? n : -EIO;
        done += (size_t)n;
    }
    return asyncio_fsync(file);
}

/* The name beside is this process's own, so it may be removed also when opening was cancelled and
 * it is not known whether the file was made. */
static int write_beside(const char *path, char *beside, size_t room, const char *text, size_t size)
{
    static atomic_uint count;
    int file = -EEXIST;
    for (unsigned i = 0; file == -EEXIST && i < TRIES; i++) {
        snprintf(beside, room, "%s.%d-%u.new", path, (int)getpid(), atomic_fetch_add(&count, 1));
        file = asyncio_open(beside, O_WRONLY | O_CREAT | O_EXCL, .mode = 0600);
    }
    int r = file < 0 ? file : write_all(file, text, size);
    int closed = file < 0 ? 0 : asyncio_close(file);
    if (r == 0)
        r = closed;
    if (r == 0)
        r = asyncio_rename(beside, path);
    if (r < 0 && asyncio_unlink(beside) < 0)
        return r; /* what went wrong first counts */
    return r;
}

int aiohttp_cookie_jar_save(aiohttp_cookie_jar *jar, const char *path)
{
    char *text = NULL;
    size_t size;
    if (!jar || !path)
        return asyncio_raise(-EINVAL, "a jar is saved to a file with a name");
    aiohttp__cookie_store_expire(&jar->store, jar->now());
    int r = jar_text(jar, &text, &size);
    size_t room = strlen(path) + 32;
    char *beside = r == 0 ? asyncio_mem_malloc(room) : NULL;
    if (r == 0)
        r = beside ? write_beside(path, beside, room, text, size) : -ENOMEM;
    asyncio_mem_free(beside);
    asyncio_mem_free(text);
    return r;
}

/* --- from text --- */

/* What a cookie of the file needs while it is read. */
struct reading {
    struct bytes memory; /* of what was base64; does not grow while a cookie is read */
    struct cookie_facts facts;
};

/* Text that may not have controls, or a ;. */
static bool get_text(struct reading *reading, const json_t *object, const char *key,
                     struct span *ret_text)
{
    const json_t *string = json_object_get(object, key);
    if (string) {
        if (!json_is_string(string))
            return false;
        *ret_text = (struct span){ json_string_value(string), json_string_length(string) };
    } else {
        char name[32];
        size_t from = reading->memory.size;
        snprintf(name, sizeof name, "%s_base64", key);
        string = json_object_get(object, name);
        if (!json_is_string(string) ||
            aiohttp__base64_read(&reading->memory, (struct span){ json_string_value(string),
                                                                  json_string_length(string) }) < 0)
            return false;
        *ret_text = bytes_since(&reading->memory, from);
    }
    for (size_t i = 0; i < ret_text->size; i++)
        if (ascii_is_control(ret_text->data[i]) || ret_text->data[i] == ';')
            return false;
    return true;
}

static bool get_true(const json_t *object, const char *key, bool *ret_is_set)
{
    const json_t *value = json_object_get(object, key);
    *ret_is_set = json_is_true(value);
    return !value || json_is_boolean(value);
}

static bool get_rest(const json_t *object, struct cookie_facts *facts)
{
    const json_t *site = json_object_get(object, "samesite");
    const json_t *end = json_object_get(object, "expires");
    if (site) {
        const char *text = json_string_value(site);
        facts->same_site = !text                       ? SAME_SITE_UNSET :
                           strcmp(text, "Strict") == 0 ? SAME_SITE_STRICT :
                           strcmp(text, "Lax") == 0    ? SAME_SITE_LAX :
                           strcmp(text, "None") == 0   ? SAME_SITE_NONE :
                                                         SAME_SITE_UNSET;
        if (facts->same_site == SAME_SITE_UNSET)
            return false;
    }
    facts->has_end = end != NULL;
    facts->expires = (int64_t)json_integer_value(end);
    return !end || json_is_integer(end);
}

/* Whether an object of the file is a cookie that a jar can have had. */
static bool get_cookie(struct reading *reading, const json_t *object)
{
    struct cookie_facts *facts = &reading->facts;
    *facts = (struct cookie_facts){ .has_end = false };
    reading->memory.size = 0;
    if (!get_text(reading, object, "name", &facts->name) ||
        !get_text(reading, object, "value", &facts->value) ||
        !get_text(reading, object, "domain", &facts->domain) ||
        !get_text(reading, object, "path", &facts->path) ||
        !get_true(object, "host_only", &facts->is_host_only) ||
        !get_true(object, "secure", &facts->is_secure) ||
        !get_true(object, "httponly", &facts->is_httponly) ||
        !get_true(object, "partitioned", &facts->is_partitioned) || !get_rest(object, facts))
        return false;
    for (size_t i = 0; i < facts->domain.size; i++)
        if (facts->domain.data[i] != (char)ascii_lower(facts->domain.data[i]))
            return false;
    /* As a request would carry it: it has to be read as this one cookie. */
    struct span name, value;
    struct bytes pair = bytes_up_to(SIZE_MAX / 2);
    bytes_add(&pair, facts->name);
    bytes_put(&pair, '=');
    bytes_add(&pair, facts->value);
    size_t at = 0;
    bool is_one = pair.error == 0 && aiohttp__cookie_next(bytes_span(&pair), &at, &name, &value) &&
                  span_is(name, facts->name) && span_is(value, facts->value);
    aiohttp__bytes_fini(&pair);
    return is_one && facts->path.size > 0 && facts->path.data[0] == '/' &&
           (facts->domain.size > 0 || !facts->is_host_only);
}

/* Fills the store. `memory` is as large as the file: nothing in it is longer. */
static int read_cookies(struct cookie_store *store, const aiohttp_cookie_jar *jar,
                        const json_t *whole, struct reading *reading)
{
    const json_t *list = json_object_get(whole, "cookies");
    if (json_integer_value(json_object_get(whole, "version")) != 1 || !json_is_array(list))
        return asyncio_raise(-EINVAL, "this is no file of a cookie jar");
    int64_t now = jar->now();
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct cookie_facts *facts = &reading->facts;
        if (!get_cookie(reading, json_array_get(list, i)))
            return asyncio_raise(-EINVAL, "entry %zu is no cookie", i + 1);
        if ((facts->has_end && facts->expires <= now) ||
            facts->name.size + facts->value.size > jar->limits.cookie)
            continue;
        int r = aiohttp__cookie_store_put(store, &jar->limits, facts);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load_text(aiohttp_cookie_jar *jar, const char *text, size_t size)
{
    json_t *whole;
    char *memory = asyncio_mem_malloc(size + 1);
    int r = memory ? aiohttp_json_loads(text, size, &whole, .max_depth = DEPTH) : -ENOMEM;
    if (r == -E2BIG)
        r = -EINVAL;
    if (r >= 0) {
        struct reading reading = { .memory = bytes_in(memory, size + 1) };
        struct cookie_store store = { .count = 0 };
        r = read_cookies(&store, jar, whole, &reading);
        json_decref(whole);
        if (r == 0) {
            struct cookie_store old = jar->store;
            jar->store = store;
            store = old;
        }
        aiohttp__cookie_store_fini(&store);
    }
    asyncio_mem_free(memory);
    return r;
}

/* More than a jar at its limits takes: escaped, each byte may be six. */
static size_t most(const aiohttp_limits *limits)
{
    size_t each = limits->cookie, product;
    if (__builtin_add_overflow(each, 3 * (size_t)COOKIE_ATTRIBUTE_MAX, &each) ||
        __builtin_mul_overflow(each, 6, &each) ||
        __builtin_mul_overflow(each, limits->cookies_jar, &product))
        return 0;
    return product + 4096;
}

int aiohttp_cookie_jar_load(aiohttp_cookie_jar *jar, const char *path)
{
    char *text;
    size_t size;
    asyncio_exit_stack stack;
    if (!jar || !path)
        return asyncio_raise(-EINVAL, "a jar is loaded from a file with a name");
    if (jar->is_dummy)
        return 0;
    asyncio_exit_stack_enter(&stack);
    int r = asyncio_read_file(path, &text, &size, .max_size = most(&jar->limits));
    if (r >= 0)
        r = load_text(jar, text, size);
    return asyncio_exit_stack_exit(&stack, r);
}
