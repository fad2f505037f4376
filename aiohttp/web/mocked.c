/* SPDX-License-Identifier: MIT */
/* make_mocked_request: an exchange whose request lies in memory and whose answer stays there. */
#include "web/test_answer.h"

#include "base/error.h"
#include "web/request.h"
#include "wire/chunked.h"
#include "wire/write.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <asyncio/exit_stack.h>
#include <asyncio/file.h>
#include <errno.h>

struct aiohttp_mocked_request {
    struct exchange exchange;   /* first: one is the other */
    aiohttp_limits limits;
    struct bytes wire;          /* the request as it was sent */
    size_t used;
    struct body body;
    struct head_field fields[128];
    aiohttp_web_request *request;
    struct test_answer answer;
    int64_t left;               /* of the length that was said; -1 */
    bool has_run;
};

static aiohttp_mocked_request *mocked_of(struct exchange *exchange)
{
    return (aiohttp_mocked_request *)(void *)exchange;
}

static int read_body(struct exchange *exchange, const char **ret_data)
{
    aiohttp_mocked_request *mocked = mocked_of(exchange);
    for (;;) {
        struct span piece;
        size_t used = 0, size = mocked->wire.size - mocked->used;
        int r = aiohttp__body_next(&mocked->body, mocked->wire.data + mocked->used, size, &used,
                                   &piece);
        mocked->used += used;
        if (r == BODY_DATA) {
            *ret_data = piece.data;
            return (int)piece.size;
        }
        if (r == BODY_END || r == BODY_TRAILERS) {
            exchange->is_body_read = true; /* trailers are nobody's here */
            return 0;
        }
        exchange->refused = 400;
        return r < 0 ? r : -AIOHTTP_PAYLOAD;
    }
}

static int add_header(struct test_answer *answer, struct span name, struct span value)
{
    return aiohttp__headers_add(answer->headers, name, value);
}

static int begin(struct exchange *exchange, const struct answer *head)
{
    aiohttp_mocked_request *mocked = mocked_of(exchange);
    struct test_answer *answer = &mocked->answer;
    struct span reason = head->reason.data ? head->reason : aiohttp__reason(head->status);
    aiohttp__test_answer_fini(answer);
    answer->status = head->status;
    answer->headers = head->headers ? aiohttp_headers_copy(head->headers) : aiohttp_headers_new();
    int r = answer->headers ? aiohttp__test_answer_reason(answer, reason.data, reason.size)
                            : -ENOMEM;
    if (r >= 0 && head->content_type.data &&
        !aiohttp_headers_contains(answer->headers, "Content-Type"))
        r = add_header(answer, SPAN("Content-Type"), head->content_type);
    if (r < 0)
        return r;
    mocked->left = head->length;
    exchange->is_bodyless = exchange->head.method == METHOD_HEAD || head->status < 200 ||
                            head->status == 204 || head->status == 205 || head->status == 304;
    exchange->is_begun = true;
    exchange->status = (uint16_t)head->status;
    return 0;
}

static int write_part(struct exchange *exchange, const void *data, size_t size, bool may_hold)
{
    aiohttp_mocked_request *mocked = mocked_of(exchange);
    (void)may_hold;
    if (exchange->is_bodyless)
        return 0;
    if (mocked->left >= 0 && (uint64_t)mocked->left < size)
        return -EMSGSIZE;
    mocked->left -= mocked->left >= 0 ? (int64_t)size : 0;
    bytes_add(&mocked->answer.body, (struct span){ data, size });
    exchange->sent += size;
    return mocked->answer.body.error;
}

static int send_file(struct exchange *exchange, int file, int64_t offset, int64_t size)
{
    char piece[4096];
    int r = 0;
    while (size > 0 && r >= 0) {
        r = asyncio_pread(file, piece, size < 4096 ? (size_t)size : sizeof piece, offset);
        if (r == 0)
            return -EMSGSIZE;
        if (r > 0) {
            offset += r;
            size -= r;
            r = write_part(exchange, piece, (size_t)r, true);
        }
    }
    return r;
}

static int end(struct exchange *exchange)
{
    exchange->is_ended = true;
    return !exchange->is_bodyless && mocked_of(exchange)->left > 0 ? -EMSGSIZE : 0;
}

static int do_nothing(struct exchange *exchange)
{
    exchange->awaits_continue = false;
    return 0;
}

static int inform(struct exchange *exchange, int status, const struct aiohttp_headers *headers)
{
    (void)headers; /* the answer itself is what is kept */
    return exchange->is_begun || status < 102 || status > 199 ? -EINVAL : 0;
}

static int upgrade(struct exchange *exchange, asyncio_stream **ret_stream)
{
    (void)exchange;
    (void)ret_stream;
    return -ENOTSUP;
}

static int watch(struct exchange *exchange, bool is_on)
{
    (void)exchange;
    (void)is_on;
    return 0; /* the peer does not go */
}

static const struct exchange_type memory = {
    .name = "memory",
    .read = read_body,
    .begin = begin,
    .write = write_part,
    .send_file = send_file,
    .end = end,
    .flush = do_nothing,
    .go_on = do_nothing,
    .inform = inform,
    .upgrade = upgrade,
    .watch = watch,
};

static int parse(aiohttp_mocked_request *mocked)
{
    struct exchange *exchange = &mocked->exchange;
    struct head *head = &exchange->head;
    aiohttp__head_begin(head, HEAD_REQUEST, &mocked->limits, 0, mocked->fields, 128);
    int r = aiohttp__head_parse(head, mocked->wire.data, mocked->wire.size);
    if (r <= 0)
        return asyncio_raise(-EINVAL, "this is no request: %s",
                             r < 0 ? head->why : "it has no end");
    exchange->text = mocked->wire.data;
    exchange->head_size = (uint32_t)r;
    exchange->is_body_read = head->body == BODY_NONE;
    mocked->used = (size_t)r;
    aiohttp__body_begin(&mocked->body, head, &mocked->limits);
    mocked->request = aiohttp__web_request_new(exchange, mocked->limits.body);
    return mocked->request ? 0 : -ENOMEM;
}

int(aiohttp_make_mocked_request)(const char *method, const char *path,
                                 aiohttp_mocked_request **ret_mocked,
                                 const aiohttp_test_request_options *options)
{
    static const aiohttp_test_request_options usual = { .size = sizeof usual };
    aiohttp__errors_add();
    aiohttp_mocked_request *mocked = asyncio_mem_calloc(1, sizeof *mocked);
    if (!mocked)
        return -ENOMEM;
    mocked->exchange.type = &memory;
    mocked->limits = aiohttp_server_limits();
    mocked->exchange.limits = &mocked->limits;
    mocked->wire = bytes_up_to(TEST_BODY_MAX);
    test_answer_init(&mocked->answer);
    int r = aiohttp__test_write_request(&mocked->wire, method, path, options ? options : &usual);
    if (r >= 0)
        r = parse(mocked);
    if (r >= 0)
        *ret_mocked = mocked;
    else
        aiohttp_mocked_request_free(mocked);
    return r;
}

aiohttp_web_request *aiohttp_mocked_request_request(aiohttp_mocked_request *mocked)
{
    return mocked->request;
}

int aiohttp_mocked_request_run(aiohttp_mocked_request *mocked, aiohttp_web_handler *handler,
                               void *data, aiohttp_test_response *ret_response)
{
    asyncio_exit_stack stack;
    if (mocked->has_run)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "it has been answered already");
    mocked->has_run = true;
    int r = asyncio_exit_stack_enter(&stack);
    if (r >= 0)
        r = aiohttp__web_request_send(mocked->request, handler(mocked->request, data));
    r = asyncio_exit_stack_exit(&stack, r);
    if (r >= 0 && !mocked->answer.status)
        r = -ECONNRESET;
    return r < 0 ? r : aiohttp__test_answer_lend(&mocked->answer, ret_response);
}

void aiohttp_mocked_request_free(aiohttp_mocked_request *mocked)
{
    if (!mocked)
        return;
    if (mocked->request) {
        if (mocked->request->match)
            aiohttp__web_match_end(mocked->request->match);
        web_request_end(mocked->request);
    }
    aiohttp__arena_fini(&mocked->exchange.arena);
    aiohttp__test_answer_fini(&mocked->answer);
    aiohttp__bytes_fini(&mocked->wire);
    asyncio_mem_free(mocked);
}
