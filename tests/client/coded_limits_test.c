/* SPDX-License-Identifier: MIT */
/* The limits of bodies that a client decodes: what may come out of them in all, in one step and for
 * what went in, how many codings one over the other, how many members. Each at one below, at, and
 * one above it, in every way that the bytes of the answer may come. */
/* TEST: timeout 180; not allocations */
#include "client/client_test.h"
#include "server/delivered.h"
#include "support/coded.h"

/* --- a server that answers in pieces --- */

struct pieces {
    asyncio_server *server;
    struct request_text answer;
    size_t first, step; /* of the answer, in bytes */
};

static int serve(asyncio_stream *stream, void *data)
{
    const struct pieces *pieces = data;
    static char request[4096];
    int r;
    while ((r = read_request(stream, request, sizeof request)) > 0) {
        r = send_in_steps(stream, pieces->answer.data, pieces->answer.size, pieces->first,
                          pieces->step);
        if (r < 0) /* who has heard enough may be gone */
            break;
    }
    return r == -ECANCELED ? r : 0;
}

static void set_answer(struct pieces *pieces, const struct coded *coded)
{
    char head[160];
    pieces->answer.size = 0;
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", coded->names,
             coded->size);
    text_add(&pieces->answer, head);
    text_add_bytes(&pieces->answer, coded->data, coded->size);
}

/* --- what a client makes of it --- */

/* What has to become of a body. */
enum fate {
    COMES,    /* decoded */
    AS_IT_IS, /* as it came: nobody asked for so many codings */
    IN_STEPS, /* decoded, of which no step gives more than the limit */
    TOO_LARGE,
    BROKEN,
};

struct got {
    char data[CODED_PLAIN + 1];
    size_t size, largest, pieces;
};

static int read_pieces(aiohttp_client_response *response, struct got *got)
{
    const char *data;
    int r;
    while ((r = aiohttp_client_response_readany(response, &data)) > 0) {
        CHECK(got->size + (size_t)r <= sizeof got->data);
        memcpy(got->data + got->size, data, (size_t)r);
        got->size += (size_t)r;
        got->largest = (size_t)r > got->largest ? (size_t)r : got->largest;
        got->pieces++;
    }
    return r;
}

static int read_whole(aiohttp_client_response *response, struct got *got)
{
    const char *data;
    int r = aiohttp_client_response_read(response, &data, &got->size);
    if (r >= 0) {
        CHECK(got->size <= sizeof got->data);
        memcpy(got->data, data, got->size);
    }
    return r;
}

static int judge(const struct coded *coded, enum fate fate, size_t step, const struct got *got,
                 int r)
{
    const char *expected = fate == AS_IT_IS ? coded->data : coded->plain;
    size_t size = fate == AS_IT_IS ? coded->size : coded->plain_size;
    CHECK_IS(r, fate == TOO_LARGE ? -AIOHTTP_BODY_TOO_LARGE
                : fate == BROKEN  ? -AIOHTTP_CONTENT_ENCODING
                                  : 0);
    if (r < 0)
        return 0;
    CHECK(got->size == size);
    CHECK(memcmp(got->data, expected, size) == 0);
    CHECK(fate != IN_STEPS || got->largest <= step);
    return 0;
}

static int ask(struct pieces *pieces, aiohttp_client_session *session, const struct coded *coded,
               enum fate fate, size_t limit)
{
    static struct got got;
    aiohttp_client_response *response;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", asyncio_server_port(pieces->server));
    int r = aiohttp_client_session_get(session, url, &response);
    if (r < 0)
        return r;
    got.size = got.largest = got.pieces = 0;
    r = fate == IN_STEPS ? read_pieces(response, &got) : read_whole(response, &got);
    aiohttp_client_response_unref(response);
    r = judge(coded, fate, limit, &got, r);
    if (r >= 0 && fate == IN_STEPS && pieces->first == pieces->answer.size && !world.is_chopped &&
        !world.is_seeded)
        CHECK(got.pieces == (coded->plain_size + limit - 1) / limit);
    return r;
}

/* In every way: whole, byte by byte, in two pieces at every place. */
static int ask_every_way(struct pieces *pieces, aiohttp_client_session *session,
                         const struct coded *coded, enum fate fate, size_t limit)
{
    set_answer(pieces, coded);
    size_t size = pieces->answer.size;
    pieces->first = pieces->step = size;
    int r = ask(pieces, session, coded, fate, limit);
    if (r < 0 || world.is_chopped || world.is_seeded)
        return r;
    pieces->step = 1;
    if (size < EVERY_SPLIT_MAX) {
        pieces->first = 1;
        r = ask(pieces, session, coded, fate, limit);
    }
    pieces->step = size;
    size_t step = !world.is_sim ? 97 : size < EVERY_SPLIT_MAX ? 1 : size / 50 + 1;
    for (pieces->first = 1; pieces->first < size && r >= 0; pieces->first += step)
        r = ask(pieces, session, coded, fate, limit);
    return r;
}

/* --- the table --- */

#define LIMIT(field) #field, offsetof(aiohttp_limits, field)

static const struct row {
    const char *name;
    size_t field;
    void (*make)(struct coded *coded, size_t amount);
    size_t limit;           /* 0: the default */
    enum fate within, above;
} rows[] = {
    { LIMIT(body), coded_zeros, 20000, COMES, TOO_LARGE },
    { LIMIT(inflate_ratio_from), coded_zeros, 30000, COMES, TOO_LARGE },
    { LIMIT(inflate_step), coded_zeros, 500, IN_STEPS, IN_STEPS },
    { LIMIT(gzip_members), coded_members, 3, COMES, BROKEN },
    { LIMIT(gzip_members), coded_members, 0, COMES, BROKEN },
    { LIMIT(codings), coded_layers, 1, COMES, AS_IT_IS },
    { LIMIT(codings), coded_layers, 0, COMES, AS_IT_IS },
};

static int at_limit(struct pieces *pieces, const struct row *row)
{
    static struct coded coded;
    aiohttp_client_session *session = NULL;
    aiohttp_limits limits = aiohttp_client_limits();
    size_t *field = (size_t *)(void *)((char *)&limits + row->field);
    limits.inflate_ratio = row->field == offsetof(aiohttp_limits, inflate_ratio_from)
                               ? 10 /* far exceeded: it is a question of when it counts */
                               : AIOHTTP_UNLIMITED;
    if (row->limit)
        *field = row->limit;
    int r = aiohttp_client_session_new(&session, .limits = &limits);
    for (size_t more = 0; more < 3 && r >= 0; more++) {
        row->make(&coded, *field - 1 + more);
        r = ask_every_way(pieces, session, &coded, more < 2 ? row->within : row->above, *field);
        if (r < 0)
            print_error("%s + %zu, in pieces of %zu and %zu\n", row->name, more, pieces->first,
                        pieces->step);
    }
    return session_end(session, r);
}

static int begin(struct pieces *pieces)
{
    pieces->server = NULL;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    return asyncio_start_server(serve, "127.0.0.1", 0, &pieces->server, .data = pieces);
}

static int end(struct pieces *pieces, int r)
{
    struct raw raw = { .server = pieces->server };
    return raw_end(&raw, r);
}

static int each_limit(void *data)
{
    static struct pieces pieces;
    (void)data;
    int r = begin(&pieces);
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows && r >= 0; row++)
        r = at_limit(&pieces, row);
    return end(&pieces, r);
}

/* The body stays, and the limit is one more than it needs, just enough, and one less. */
static int ratio(void *data)
{
    static struct pieces pieces;
    static struct coded coded;
    aiohttp_limits limits = aiohttp_client_limits();
    (void)data;
    size_t enough = coded_ratio(&coded);
    limits.inflate_ratio_from = 0;
    int r = begin(&pieces);
    for (size_t less = 0; less < 3 && r >= 0; less++) {
        aiohttp_client_session *session = NULL;
        limits.inflate_ratio = enough + 1 - less;
        r = aiohttp_client_session_new(&session, .limits = &limits);
        if (r >= 0)
            r = ask_every_way(&pieces, session, &coded, less < 2 ? COMES : TOO_LARGE, 0);
        if (r < 0)
            print_error("a ratio of %zu, in pieces of %zu and %zu\n", limits.inflate_ratio,
                        pieces.first, pieces.step);
        r = session_end(session, r);
    }
    return end(&pieces, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(each_limit)
CASE(ratio)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_limit),
        cmocka_unit_test(test_ratio),
    };
    return cmocka_run_group_tests_name("coded limits", tests, NULL, NULL);
}
