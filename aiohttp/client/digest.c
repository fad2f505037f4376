/* SPDX-License-Identifier: MIT */
/* Digest authentication: see digest.h. */
#include "client/digest.h"

#include "wire/ascii.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <stdio.h>

enum { CNONCE = 16, TEXT_MOST = 1 << 16 };

static void forget(struct digest *digest)
{
    asyncio_mem_free(digest->text);
    *digest = (struct digest){ .origin = digest->origin };
}

void aiohttp__digest_fini(struct digest *digest)
{
    forget(digest);
    aiohttp_url_unref(digest->origin);
    digest->origin = NULL;
}

bool aiohttp__digest_is_ours(const struct digest *digest, const aiohttp_url *url)
{
    const aiohttp_url *origin = digest->origin;
    return !origin || (aiohttp_url_raw_host(url) &&
                       strcmp(aiohttp_url_scheme(origin), aiohttp_url_scheme(url)) == 0 &&
                       strcmp(aiohttp_url_raw_host(origin), aiohttp_url_raw_host(url)) == 0 &&
                       aiohttp_url_port(origin) == aiohttp_url_port(url));
}

/* --- the challenge --- */

/* A parameter's value, unquoted into `out`. False when there is none. */
static bool get(const struct challenge *challenge, struct span name, struct bytes *out,
                struct span *ret_value)
{
    struct parameter parameter;
    if (!aiohttp__challenge_parameter(challenge, name, &parameter))
        return false;
    size_t from = out->size;
    if (parameter.is_quoted)
        aiohttp__quoted_read(out, parameter.value);
    else
        bytes_add(out, parameter.value);
    *ret_value = bytes_since(out, from);
    return true;
}

/* Which algorithm a name is; false: none that is known. */
static bool algorithm_of(struct span name, struct digest *digest)
{
    static const struct {
        const char *name;
        enum hash hash;
    } known[] = { { "MD5", HASH_MD5 },
                  { "SHA-256", HASH_SHA256 },
                  { "SHA-512-256", HASH_SHA512_256 } };
    struct span session = SPAN("-sess");
    digest->is_session =
        name.size > session.size &&
        span_is_case((struct span){ name.data + name.size - session.size, session.size }, session);
    if (digest->is_session)
        name.size -= session.size;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (span_is_case(name, span_of(known[i].name))) {
            digest->hash = known[i].hash;
            return true;
        }
    return false;
}

static void qops_of(struct span list, struct digest *digest)
{
    struct span qop;
    for (size_t at = 0; aiohttp__list_next(list, &at, &qop);) {
        digest->has_auth = digest->has_auth || span_is_case(qop, SPAN("auth"));
        digest->has_auth_int = digest->has_auth_int || span_is_case(qop, SPAN("auth-int"));
    }
}

/* Reads one; its text is in `out`, which has room for it. 1; 0: an algorithm or qop that is not
 * known; -EINVAL. *ret_is_stale: it says that only the nonce was too old. */
static int read_one(const struct challenge *challenge, struct bytes *out, struct digest *digest,
                    bool *ret_is_stale)
{
    struct span text;
    if (!get(challenge, SPAN("nonce"), out, &digest->nonce) ||
        !get(challenge, SPAN("realm"), out, &digest->realm))
        return -EINVAL;
    (void)get(challenge, SPAN("opaque"), out, &digest->opaque);
    (void)get(challenge, SPAN("domain"), out, &digest->domain);
    bool has_algorithm = get(challenge, SPAN("algorithm"), out, &digest->algorithm);
    if (!algorithm_of(has_algorithm ? digest->algorithm : SPAN("MD5"), digest))
        return 0;
    digest->has_qop = get(challenge, SPAN("qop"), out, &text) && text.size > 0;
    if (digest->has_qop) {
        qops_of(text, digest);
        if (!digest->has_auth && !digest->has_auth_int)
            return 0;
    }
    digest->has_userhash =
        get(challenge, SPAN("userhash"), out, &text) && span_is_case(text, SPAN("true"));
    digest->has_utf8 =
        get(challenge, SPAN("charset"), out, &text) && span_is_case(text, SPAN("utf-8"));
    *ret_is_stale = get(challenge, SPAN("stale"), out, &text) && span_is_case(text, SPAN("true"));
    return 1;
}

/* What a search through the challenges has found. */
struct search {
    struct digest best;
    bool has_best, is_stale, has_unknown, has_broken;
    int error;
};

static void look_at(struct search *search, const struct challenge *challenge)
{
    struct digest made = { .count = 0 };
    bool is_stale = false;
    size_t room = challenge->parameters.size + 1;
    made.text = asyncio_mem_malloc(room);
    if (!made.text) {
        search->error = -ENOMEM;
        return;
    }
    struct bytes out = bytes_in(made.text, room);
    int r = read_one(challenge, &out, &made, &is_stale);
    search->has_broken = search->has_broken || r < 0;
    search->has_unknown = search->has_unknown || r == 0;
    if (r > 0 && (!search->has_best || made.hash > search->best.hash)) {
        forget(&search->best);
        search->best = made;
        search->has_best = true;
        search->is_stale = is_stale;
        return;
    }
    asyncio_mem_free(made.text);
}

static void look_through(struct search *search, struct span field)
{
    struct challenge challenge;
    size_t at = 0;
    int r;
    while (search->error == 0 &&
           (r = aiohttp__challenge_next(field, &at, &challenge)) != 0) {
        if (r < 0) {
            search->has_broken = true;
            return;
        }
        if (span_is_case(challenge.scheme, SPAN("Digest")))
            look_at(search, &challenge);
    }
}

int aiohttp__digest_learn(struct digest *digest, const aiohttp_headers *headers,
                          const char *field, const aiohttp_url *url, bool was_sent)
{
    struct search search = { .error = 0 };
    const char *name, *value;
    if (!aiohttp__digest_is_ours(digest, url))
        return 0;
    for (size_t at = 0; search.error == 0 && aiohttp_headers_next(headers, &at, &name, &value);)
        if (span_is_case(span_of(name), span_of(field)))
            look_through(&search, span_of(value));
    int r = search.error         ? search.error :
            search.has_best      ? 1 :
            search.has_unknown   ? asyncio_raise(-ENOTSUP, "no algorithm that we know") :
            search.has_broken    ? asyncio_raise(-EINVAL, "a challenge that is none") :
                                   0;
    if (r > 0 && was_sent && !search.is_stale)
        r = asyncio_raise(-EACCES, "the server refused user and password");
    if (r > 0 && !digest->origin)
        r = aiohttp_url_origin(url, &digest->origin);
    if (r < 0 || !search.has_best) {
        forget(&search.best);
        return r;
    }
    search.best.origin = digest->origin;
    asyncio_mem_free(digest->text);
    *digest = search.best;
    return 1;
}

/* --- the protection space --- */

static bool is_within(struct span path, struct span space)
{
    return path.size >= space.size && memcmp(path.data, space.data, space.size) == 0 &&
           (path.size == space.size || space.data[space.size - 1] == '/' ||
            path.data[space.size] == '/' || path.data[space.size] == '?');
}

/* Whether an element of domain= (a path, or a URL) has the request in it. */
static bool space_has(const struct digest *digest, struct span space, struct span path)
{
    char text[2048];
    aiohttp_url *url;
    if (space.size > 0 && space.data[0] == '/' && (space.size < 2 || space.data[1] != '/'))
        return is_within(path, space);
    if (space.size == 0 || space.size >= sizeof text)
        return false;
    memcpy(text, space.data, space.size);
    text[space.size] = '\0';
    if (aiohttp_url_new(text, &url) < 0)
        return false;
    bool has = aiohttp_url_raw_host(url) && aiohttp__digest_is_ours(digest, url) &&
               is_within(path, span_of(aiohttp_url_raw_path(url)));
    aiohttp_url_unref(url);
    return has;
}

bool aiohttp__digest_covers(const struct digest *digest, const aiohttp_url *url)
{
    if (!digest->text || !aiohttp__digest_is_ours(digest, url))
        return false;
    struct span list = digest->domain, path = span_of(aiohttp_url_raw_path(url));
    bool is_empty = true;
    for (size_t at = 0; at < list.size; at++) {
        size_t first = at;
        while (at < list.size && !ascii_is_blank(list.data[at]))
            at++;
        struct span space = { list.data + first, at - first };
        if (space.size > 0 && space_has(digest, space, path))
            return true;
        is_empty = is_empty && space.size == 0;
    }
    return is_empty;
}

/* --- the answer --- */

struct answer {
    struct digest *digest;
    const struct digest_request *request;
    const char *qop;  /* NULL: none */
    char cnonce[65], count[9];
    char response[2 * HASH_MOST], user_hash[2 * HASH_MOST];
    size_t size;      /* of a hash as text */
};

/* The hash of the pieces, as text. 0 or an error. */
static int hash_text(struct answer *answer, const struct span *pieces, size_t count,
                     char ret_text[2 * HASH_MOST])
{
    unsigned char hash[HASH_MOST];
    int r = aiohttp__hash(answer->digest->hash, pieces, count, hash);
    if (r < 0)
        return r;
    answer->size = 2 * (size_t)r;
    aiohttp__hex(ret_text, hash, (size_t)r);
    return 0;
}

#define HASH(answer, text, ...)                                                                    \
    hash_text(answer, (const struct span[]){ __VA_ARGS__ },                                        \
              sizeof((const struct span[]){ __VA_ARGS__ }) / sizeof(struct span), text)

static const struct span colon = { ":", 1 };

static struct span target_of(const struct digest_request *request)
{
    return request->target ? span_of(request->target)
                           : span_of(aiohttp_url_raw_path_qs(request->url));
}

static int hash_user(struct answer *answer, char ret_text[2 * HASH_MOST])
{
    const struct digest *digest = answer->digest;
    struct span user = span_of(answer->request->user);
    struct span password = span_of(answer->request->password);
    int r = HASH(answer, ret_text, user, colon, digest->realm, colon, password);
    if (r < 0 || !digest->is_session)
        return r;
    struct span first = { ret_text, answer->size };
    return HASH(answer, ret_text, first, colon, digest->nonce, colon,
                span_of(digest->session_cnonce));
}

static int hash_request(struct answer *answer, char ret_text[2 * HASH_MOST])
{
    const struct digest_request *request = answer->request;
    char body[2 * HASH_MOST];
    struct span method = span_of(request->method);
    struct span target = target_of(request);
    if (!answer->qop || strcmp(answer->qop, "auth-int") != 0)
        return HASH(answer, ret_text, method, colon, target);
    int r = HASH(answer, body, request->body);
    if (r < 0)
        return r;
    struct span entity = { body, answer->size };
    return HASH(answer, ret_text, method, colon, target, colon, entity);
}

static int respond(struct answer *answer)
{
    char user[2 * HASH_MOST], request[2 * HASH_MOST];
    struct span nonce = answer->digest->nonce;
    int r = hash_user(answer, user);
    if (r >= 0)
        r = hash_request(answer, request);
    if (r >= 0 && answer->digest->has_userhash)
        r = HASH(answer, answer->user_hash, span_of(answer->request->user), colon,
                 answer->digest->realm);
    if (r < 0)
        return r;
    struct span a1 = { user, answer->size }, a2 = { request, answer->size };
    if (!answer->qop)
        return HASH(answer, answer->response, a1, colon, nonce, colon, a2);
    return HASH(answer, answer->response, a1, colon, nonce, colon, span_of(answer->count), colon,
                span_of(answer->cnonce), colon, span_of(answer->qop), colon, a2);
}

/* `, name="text"`, with what has to be escaped. */
static void put_quoted(struct bytes *out, const char *name, struct span text)
{
    bytes_text(out, name);
    bytes_text(out, "=\"");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            bytes_put(out, '\\');
        bytes_put(out, text.data[i]);
    }
    bytes_put(out, '"');
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] >= 128)
            return false;
    return true;
}

static void put_user(struct bytes *out, const struct answer *answer)
{
    struct span user = span_of(answer->request->user);
    static const char hex[] = "0123456789ABCDEF";
    if (answer->digest->has_userhash) {
        put_quoted(out, "Digest username", (struct span){ answer->user_hash, answer->size });
    } else if (is_ascii(user) || !answer->digest->has_utf8) {
        put_quoted(out, "Digest username", user);
    } else {
        bytes_text(out, "Digest username*=UTF-8''");
        for (size_t i = 0; i < user.size; i++) {
            unsigned char c = (unsigned char)user.data[i];
            if (ascii_is_alpha(user.data[i]) || ascii_is_digit(user.data[i])) {
                bytes_put(out, user.data[i]);
            } else {
                const char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
                aiohttp__bytes_append(out, escaped, sizeof escaped);
            }
        }
    }
}

static void put_all(struct bytes *out, const struct answer *answer)
{
    const struct digest *digest = answer->digest;
    put_user(out, answer);
    put_quoted(out, ", realm", digest->realm);
    put_quoted(out, ", nonce", digest->nonce);
    put_quoted(out, ", uri", target_of(answer->request));
    put_quoted(out, ", response", (struct span){ answer->response, answer->size });
    if (digest->algorithm.data) {
        bytes_text(out, ", algorithm=");
        bytes_add(out, digest->algorithm);
    }
    if (digest->opaque.data)
        put_quoted(out, ", opaque", digest->opaque);
    if (answer->qop) {
        bytes_text(out, ", qop=");
        bytes_text(out, answer->qop);
        bytes_text(out, ", nc=");
        bytes_text(out, answer->count);
        put_quoted(out, ", cnonce", span_of(answer->cnonce));
    }
    if (digest->has_userhash)
        bytes_text(out, ", userhash=true");
}

static int take_cnonce(struct answer *answer)
{
    unsigned char random[CNONCE];
    if (answer->request->cnonce) {
        snprintf(answer->cnonce, sizeof answer->cnonce, "%s", answer->request->cnonce);
    } else {
        int r = aiohttp__random(random, sizeof random);
        if (r < 0)
            return r;
        aiohttp__hex(answer->cnonce, random, sizeof random);
        answer->cnonce[2 * CNONCE] = '\0';
    }
    if (answer->digest->is_session && !*answer->digest->session_cnonce)
        memcpy(answer->digest->session_cnonce, answer->cnonce, sizeof answer->cnonce);
    return 0;
}

int aiohttp__digest_write(struct digest *digest, const struct digest_request *request,
                          struct bytes *out)
{
    struct answer answer = { .digest = digest, .request = request };
    struct span user = span_of(request->user);
    if (!digest->text || !aiohttp__digest_is_ours(digest, request->url))
        return asyncio_raise(-EINVAL, "there is no challenge of this origin");
    if (ascii_has_control(user) || memchr(user.data, ':', user.size))
        return asyncio_raise(-EINVAL, "a user with a colon or a control character");
    if (digest->has_qop && (!digest->has_auth_int || !request->body.data)) {
        if (!digest->has_auth)
            return asyncio_raise(-ENOTSUP, "the server wants the body authorized (auth-int), "
                                           "which is not known before it is sent");
        answer.qop = "auth";
    } else if (digest->has_qop) {
        answer.qop = "auth-int";
    }
    int r = take_cnonce(&answer);
    if (r < 0)
        return r;
    snprintf(answer.count, sizeof answer.count, "%08x", digest->count + 1);
    r = respond(&answer);
    if (r < 0)
        return r;
    digest->count++;
    put_all(out, &answer);
    return out->error;
}
