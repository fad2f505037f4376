/* SPDX-License-Identifier: MIT */
/* SOCKS5 over a stream: see proxies.h. The messages are in wire/proxy.c. */
#include "client/proxies.h"

#include "base/error.h"

#include <errno.h>

/* What an answer is read with, and what it said. */
struct answer_of {
    int (*read)(struct span text, struct answer_of *answer);
    bool has_user, wants_user;
};

static int method(struct span text, struct answer_of *answer)
{
    return aiohttp__socks_method(text, answer->has_user, &answer->wants_user);
}

static int user(struct span text, struct answer_of *answer)
{
    (void)answer;
    return aiohttp__socks_user_answer(text);
}

static int reply(struct span text, struct answer_of *answer)
{
    (void)answer;
    return aiohttp__socks_reply(text);
}

/* Sends what is in `out`, and takes the answer off the stream. */
static int ask(asyncio_stream *stream, struct bytes *out, struct answer_of *answer)
{
    if (out->error)
        return out->error == -EINVAL ?
                   asyncio_raise(-EINVAL, "SOCKS5 has no way to say this host, user or password") :
                   out->error;
    int r = asyncio_stream_write(stream, out->data, out->size);
    out->size = 0;
    if (r < 0 && !aiohttp__proxy_hung_up(r))
        return r;
    for (;;) {
        const char *data = NULL;
        size_t have = asyncio_stream_peek(stream, &data);
        r = have > 0 ? answer->read((struct span){ data, have }, answer) : 0;
        if (r > 0)
            asyncio_stream_consume(stream, (size_t)r);
        if (r != 0)
            return r;
        r = asyncio_stream_fill(stream, have + 1);
        if (r < 0 && !aiohttp__proxy_hung_up(r))
            return r;
        if (r < 0 || (size_t)r <= have)
            return asyncio_raise(-AIOHTTP_PROXY_CLOSED, "after %zu bytes of its answer", have);
    }
}

int aiohttp__socks5_connect(asyncio_stream *stream, const char *host, int port, const char *user_,
                            const char *password)
{
    char memory[1024];
    struct bytes out = bytes_in(memory, sizeof memory);
    struct answer_of answer = { .read = method, .has_user = user_ != NULL };
    aiohttp__errors_add();
    /* What cannot be asked for is known before anything is said. */
    aiohttp__socks_request(&out, span_of(host), port);
    if (user_)
        aiohttp__socks_user(&out, span_of(user_), span_of(password ? password : ""));
    out.size = 0;
    aiohttp__socks_greeting(&out, user_ != NULL);
    int r = ask(stream, &out, &answer);
    if (r >= 0 && answer.wants_user) {
        answer.read = user;
        aiohttp__socks_user(&out, span_of(user_), span_of(password ? password : ""));
        r = ask(stream, &out, &answer);
    }
    if (r < 0)
        return r;
    answer.read = reply;
    aiohttp__socks_request(&out, span_of(host), port);
    r = ask(stream, &out, &answer);
    return r < 0 ? r : 0;
}
