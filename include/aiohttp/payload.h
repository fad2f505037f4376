/* SPDX-License-Identifier: MIT */
/* Payloads: what the body of a message can be. aiohttp's payload.Payload and its family.
 *
 *     static int count(aiohttp_payload_writer *writer, void *data)
 *     {
 *         int r = 0;
 *         for (int i = 0; i < 10 && r >= 0; i++)
 *             r = aiohttp_payload_writer_write(writer, "tick\n", 5);
 *         return r;
 *     }
 *     int r = aiohttp_generator_payload_new(count, &payload, .content_type = "text/plain");
 *
 * MODEL      A payload has a length, or none that is known; a content type; and can be written,
 *            once, or again after a rewind where that is possible (a retry, a redirect). While it
 *            is written it is only asked for as much as the writer takes: writing suspends while
 *            the peer is slow.
 * KINDS      Bytes and text (copied, or lent); a file by its name; a stream, to its end; a
 *            generator function, which writes; a source function, which is read: forms and
 *            multipart bodies have one; a JSON value.
 * OWNERSHIP  new gives one reference. What a payload keeps (a descriptor, `.data` with `.destroy`,
 *            a reference of a stream or value) is given back with the last one, whatever happened
 *            while it was written (CVE-2026-54280).
 * THREADS    One task at a time; a file's belongs to no loop.
 * SOURCE     aiohttp's payload.py. */
#pragma once

#include <aiohttp/macros.h>
#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct aiohttp_payload aiohttp_payload;
typedef struct aiohttp_payload_writer aiohttp_payload_writer;

struct json_t;

/* Writes a whole body by aiohttp_payload_writer_write. 0, or an error, which ends the message. */
typedef int aiohttp_payload_generator(aiohttp_payload_writer *writer, void *data);

/* Puts 1 to `size` bytes into `buffer` and says how many; 0 at the end; else an error. */
typedef int aiohttp_payload_source(void *data, void *buffer, size_t size);

typedef struct aiohttp_payload_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_payload_options));
    /* copied; NULL: that of its kind, for most "application/octet-stream" */
    const char *content_type ASYNCIO__0;
    int is_lent ASYNCIO__0;   /* bytes and text are not copied: they live as long as the payload */
    int64_t length ASYNCIO__DEFAULT(-1); /* generator, source: bytes it will give; -1: not known */
    int (*rewind)(void *data) ASYNCIO__0; /* source, generator: begins anew; NULL: it cannot */
    void (*destroy)(void *data) ASYNCIO__0; /* source, generator: called once */
    void *data ASYNCIO__0;    /* the generator's second argument */
} aiohttp_payload_options;

/* `size` bytes. ret_payload returns new, as in all that follow. -EINVAL for a content type with
 * control characters, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_bytes_payload_new(
    const void *data, size_t size, aiohttp_payload **ret_payload,
    const aiohttp_payload_options *options);

/* Text: "text/plain; charset=utf-8". As aiohttp_bytes_payload_new. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_string_payload_new(const char *text, aiohttp_payload **ret_payload,
                           const aiohttp_payload_options *options);

/* A regular file, opened here. What asyncio_open says; -EINVAL when it is no regular file; -ENOMEM,
 * -ECANCELED. Its length is what it was then: what is added later is not sent, and one that became
 * shorter is -EIO when it is written. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_file_payload_new(const char *path,
                                                            aiohttp_payload **ret_payload,
                                                            const aiohttp_payload_options *options);

/* What a stream gives until its end (one more reference). As aiohttp_bytes_payload_new. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_stream_payload_new(asyncio_stream *stream, aiohttp_payload **ret_payload,
                           const aiohttp_payload_options *options);

/* What `generator(writer, data)` writes; it may leave out `data`. When this fails `.destroy` has
 * been called. As aiohttp_bytes_payload_new. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_generator_payload_new(aiohttp_payload_generator *generator, aiohttp_payload **ret_payload,
                              const aiohttp_payload_options *options);

/* What `read(data, ...)` gives: such as aiohttp_form_data_read. As aiohttp_generator_payload_new.
 * Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_source_payload_new(aiohttp_payload_source *read, aiohttp_payload **ret_payload,
                           const aiohttp_payload_options *options);

/* A JSON value (borrowed), as text: "application/json; charset=utf-8". -EINVAL as
 * aiohttp_json_dumps; else as aiohttp_bytes_payload_new. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_json_payload_new(const struct json_t *json,
                                                            aiohttp_payload **ret_payload,
                                                            const aiohttp_payload_options *options);

/* Its length in bytes, or -1 when it is not known. Does not suspend. */
AIOHTTP_API int64_t aiohttp_payload_length(const aiohttp_payload *payload);

/* Its content type, lent. Does not suspend. */
AIOHTTP_API const char *aiohttp_payload_content_type(const aiohttp_payload *payload);

/* Writes a part of the body: what a generator calls. 0; -EMSGSIZE for more than the length that was
 * said; -ECONNRESET, -ECANCELED and whatever else there is to writing. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_payload_writer_write(aiohttp_payload_writer *writer,
                                                                const void *data, size_t size);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_payload *aiohttp_payload_ref(aiohttp_payload *payload);

/* Gives a reference back; the last one closes what the payload keeps. NULL allowed. */
AIOHTTP_API void aiohttp_payload_unref(aiohttp_payload *payload);

#define AIOHTTP__PAYLOAD(kind, type)                                                               \
    ASYNCIO_MUST_CHECK static inline int aiohttp__##kind##_payload_v(                              \
        type what, aiohttp_payload **ret_payload, aiohttp_payload_options options)                 \
    {                                                                                              \
        return aiohttp_##kind##_payload_new(what, ret_payload, &options);                          \
    }
AIOHTTP__PAYLOAD(string, const char *)
AIOHTTP__PAYLOAD(file, const char *)
AIOHTTP__PAYLOAD(stream, asyncio_stream *)
AIOHTTP__PAYLOAD(generator, aiohttp_payload_generator *)
AIOHTTP__PAYLOAD(source, aiohttp_payload_source *)
AIOHTTP__PAYLOAD(json, const struct json_t *)
#undef AIOHTTP__PAYLOAD
ASYNCIO_MUST_CHECK static inline int aiohttp__bytes_payload_v(const void *data, size_t size,
                                                              aiohttp_payload **ret_payload,
                                                              aiohttp_payload_options options)
{
    return aiohttp_bytes_payload_new(data, size, ret_payload, &options);
}

ASYNCIO__END

#define AIOHTTP__PAYLOAD_OPTIONS(...)                                                              \
    ASYNCIO__OPTIONS(aiohttp_payload_options, (.length = -1, ), __VA_ARGS__)
#define aiohttp__payload_m(kind, what, ret_payload, ...)                                           \
    aiohttp__##kind##_payload_v(what, ret_payload, AIOHTTP__PAYLOAD_OPTIONS(__VA_ARGS__))
#define aiohttp__bytes_payload_m(data, data_size, ret_payload, ...)                                \
    aiohttp__bytes_payload_v(data, data_size, ret_payload, AIOHTTP__PAYLOAD_OPTIONS(__VA_ARGS__))
#define aiohttp__generator_payload_m(generator, ret_payload, ...)                                  \
    aiohttp__generator_payload_v(                                                                  \
        ASYNCIO__CALLBACK(aiohttp_payload_generator, generator,                                    \
                          int (*)(aiohttp_payload_writer *, void *),                               \
                          int (*)(aiohttp_payload_writer *)),                                      \
        ret_payload, AIOHTTP__PAYLOAD_OPTIONS(__VA_ARGS__))
#define aiohttp_bytes_payload_new(...) aiohttp__bytes_payload_m(__VA_ARGS__, )
#define aiohttp_string_payload_new(...) aiohttp__payload_m(string, __VA_ARGS__, )
#define aiohttp_file_payload_new(...) aiohttp__payload_m(file, __VA_ARGS__, )
#define aiohttp_stream_payload_new(...) aiohttp__payload_m(stream, __VA_ARGS__, )
#define aiohttp_generator_payload_new(...) aiohttp__generator_payload_m(__VA_ARGS__, )
#define aiohttp_source_payload_new(...) aiohttp__payload_m(source, __VA_ARGS__, )
#define aiohttp_json_payload_new(...) aiohttp__payload_m(json, __VA_ARGS__, )
