/* SPDX-License-Identifier: MIT */
/* Payloads inside the library: see <aiohttp/payload.h>.
 *
 * MODEL      A kind is a small table. Whoever sends a message makes a writer, a struct of his own
 *            with this one at its beginning, and hands it to aiohttp__payload_write, which holds
 *            the payload to the length that it has said. */
#pragma once

#include <aiohttp/payload.h>
#include <stdbool.h>

struct aiohttp_payload_writer {
    /* Sends; may suspend. 0 or an error. `data` is the caller's again afterwards. */
    int (*write)(struct aiohttp_payload_writer *writer, const void *data, size_t size);
    int64_t left; /* the library's: bytes that may still come, or -1 */
};

struct payload_kind {
    const char *content_type;
    int (*write)(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer);
    int (*rewind)(struct aiohttp_payload *payload); /* NULL: it cannot */
    void (*close)(struct aiohttp_payload *payload); /* NULL: there is nothing to close */
};

struct aiohttp_payload {
    const struct payload_kind *kind;
    int references;
    bool is_written; /* wholly or in part */
    int64_t length;  /* -1: not known */
    char *content_type; /* NULL: the kind's */
    union {
        const char *bytes;
        int descriptor;
        asyncio_stream *stream;
        aiohttp_payload_generator *generator;
        aiohttp_payload_source *source;
    };
    char *copy; /* of bytes, or NULL */
    aiohttp_payload_options options;
};

/* Writes all of it: 0; -EIO when it is not as long as it has said; -ASYNCIO_INVALID_STATE when it
 * was written before and not rewound; what the writer and the payload fail with. Suspends. */
int aiohttp__payload_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer);

/* Makes it ready to be written again: 0; -ENOTSUP when its kind cannot. */
int aiohttp__payload_rewind(struct aiohttp_payload *payload);
