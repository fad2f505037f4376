/* SPDX-License-Identifier: MIT */
/* Compression of answers. */
#include "web/compress.h"

#include "message/coding.h"

#include <asyncio/alloc.h>
#include <asyncio/threads.h>
#include <errno.h>

enum {
    LEAST = 256,       /* smaller bodies gain nothing */
    IN_THREAD = 65536, /* larger ones are compressed by a thread */
    PIECE = 4096,
};

/* What is compressed already. */
static bool is_compressed_type(const char *type)
{
    static const char *const parts[] = { "image/", "video/", "audio/", "font/woff",
                                         "application/zip", "application/gzip" };
    if (strncmp(type, "image/svg", 9) == 0)
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strncmp(type, parts[i], strlen(parts[i])) == 0)
            return true;
    return false;
}

static int set_headers(struct aiohttp_web_response *response, enum coding coding)
{
    struct aiohttp_headers *headers = aiohttp_web_response_headers(response);
    struct arena *arena = &response->request->exchange->arena;
    if (!headers)
        return -ENOMEM;
    int r = aiohttp__headers_set_lent(headers, SPAN("Content-Encoding"),
                                      aiohttp__coding_name(coding));
    /* Other bytes are another representation: only weakly the same. */
    const char *tag = aiohttp_headers_get(headers, "ETag");
    if (r >= 0 && tag && strncmp(tag, "W/", 2) != 0) {
        const char *weak = aiohttp__arena_printf(arena, "W/%s", tag);
        r = weak ? aiohttp__headers_set_lent(headers, SPAN("ETag"), span_of(weak)) : -ENOMEM;
    }
    return r;
}

/* The coding to use; identity: none. */
static enum coding choose(struct aiohttp_web_response *response, int64_t size)
{
    aiohttp_web_request *request = response->request;
    if (response->forces_coding)
        return response->headers && aiohttp_headers_contains(response->headers, "Content-Encoding")
                   ? CODING_IDENTITY
                   : (enum coding)response->coding;
    int status = response->status;
    if (status < 200 || status == 204 || status == 206 || status == 304 ||
        request->exchange->head.method == METHOD_HEAD || (size >= 0 && size < LEAST) ||
        (response->content_type && is_compressed_type(response->content_type)) ||
        (response->headers && aiohttp_headers_contains(response->headers, "Content-Encoding")))
        return CODING_IDENTITY;
    return aiohttp__coding_choose(aiohttp__web_request_list(request, HEADER_ACCEPT_ENCODING),
                                  CODING_ALL);
}

int aiohttp__web_compress_begin(struct aiohttp_web_response *response, int64_t size)
{
    int r = aiohttp__web_response_vary(response, "Accept-Encoding");
    enum coding coding = r < 0 ? CODING_IDENTITY : choose(response, size);
    if (r < 0 || coding == CODING_IDENTITY)
        return r < 0 ? r : 0;
    if ((r = aiohttp__encoder_new(coding, response->level - 1, &response->encoder)) < 0)
        return r == -ENOMEM ? r : 0;
    if (size >= 0)
        response->coding = (uint8_t)coding;
    else
        r = set_headers(response, coding);
    return r < 0 ? r : 1;
}

void aiohttp__web_compress_end(struct aiohttp_web_response *response)
{
    aiohttp__encoder_free(response->encoder);
    response->encoder = NULL;
}

void aiohttp__web_compress_undo(struct aiohttp_web_response *response)
{
    if (!response->encoder)
        return;
    aiohttp__web_compress_end(response);
    if (response->headers)
        (void)aiohttp_headers_remove(response->headers, "Content-Encoding");
}

/* A whole body: into memory as large as it was, or it was in vain. */
struct job {
    struct encoder *encoder;
    struct span in;
    char *out;
    size_t room, size;
};

static int run(struct job *job)
{
    for (;;) {
        int n = aiohttp__encoder_step(job->encoder, &job->in, ENCODE_FINISH, job->out + job->size,
                                      job->room - job->size);
        if (n < 0)
            return n;
        job->size += (size_t)n;
        if (job->size == job->room)
            return 0; /* it has become no smaller */
        if (job->in.size == 0)
            return 1;
    }
}

int aiohttp__web_compress_body(struct aiohttp_web_response *response)
{
    int r = aiohttp__web_compress_begin(response, (int64_t)response->body_size);
    if (r <= 0)
        return r;
    struct job job = { .encoder = response->encoder,
                       .in = { response->body, response->body_size },
                       .room = response->body_size };
    job.out = aiohttp__arena_alloc(&response->request->exchange->arena, job.room);
    r = !job.out                    ? -ENOMEM
        : job.room > (size_t)IN_THREAD ? asyncio_to_thread(asyncio_coro(run, &job))
                                    : run(&job);
    aiohttp__web_compress_end(response);
    if (r > 0) {
        response->body = job.out;
        response->body_size = job.size;
        r = set_headers(response, response->coding);
    }
    return r < 0 ? r : 0;
}

int aiohttp__web_compress_write(struct aiohttp_web_response *response, const void *data,
                                size_t size, int how)
{
    char piece[PIECE];
    struct exchange *exchange = response->request->exchange;
    struct span in = { data, size };
    for (;;) {
        if (!response->encoder || (response->is_ended && how == ENCODE_MORE))
            return -ASYNCIO_INVALID_STATE; /* another task has ended the body */
        int n = aiohttp__encoder_step(response->encoder, &in, (enum encode)how, piece,
                                      sizeof piece);
        if (n < 0)
            return n;
        int r = n ? exchange->type->write(exchange, piece, (size_t)n, how == ENCODE_FINISH) : 0;
        if (r < 0 || (size_t)n < sizeof piece)
            return r;
    }
}
