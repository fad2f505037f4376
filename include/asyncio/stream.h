/* SPDX-License-Identifier: MIT */
/* Streams: connections, for straight-line code.
 *
 * MODEL      A stream is Python's StreamReader and StreamWriter in one. Reading suspends until
 *            there is something; writing accepts all bytes or none (sends what the socket takes,
 *            keeps a copy of the rest) and then suspends while too much is unsent. One task may
 *            read at a time (a second gets -EBUSY); writers queue, and their writes never
 *            interleave.
 * LENT       asyncio_stream_fill, _peek, _consume and _readuntil_view lend the stream's own
 *            buffer: valid until the next read, fill or consume.
 * LIMIT      `.limit` (64 KiB) bounds what readline and readuntil look through; the buffer stops
 *            reading at twice that.
 * RESET      What the peer sent before it reset the connection is not lost when a write finds that
 *            out: writing is over, asyncio_stream_is_closing is 1, and reading goes on; where
 *            nothing is left it gives the error. close, and wait_closed, give up what was not read.
 * CANCEL     Bytes that arrived stay in the stream when the read is cancelled.
 * OWNERSHIP  A server's handler owns nothing: its stream is flushed and closed when it returns.
 *            asyncio_open_connection returns new. Calls on a closed stream return -ECONNRESET.
 * THREADS    A stream or server belongs to the loop it was made in. Calls that may suspend are
 *            -ASYNCIO_OTHER_LOOP in another; in debug mode every call from another thread is
 *            -ASYNCIO_WRONG_THREAD, and those without a result (close, abort) do nothing and are
 *            reported.
 * FORK       A child has copies of its parent's streams and servers: closing them, or the loop,
 *            closes the child's descriptors and is not felt by the parent.
 * SOURCE     CPython's Lib/asyncio/streams.py. */
#pragma once

#include <asyncio/loop.h>
#include <asyncio/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#if defined(__cplusplus) && !defined(ASYNCIO__BUILD)
struct asyncio__integer {
    template <typename T> asyncio__integer(T number) : size(asyncio__size(number)) {}
    operator size_t() const { return size; }
    size_t size;
};
#endif

ASYNCIO__BEGIN

typedef struct asyncio_stream asyncio_stream;

#define ASYNCIO__DEFAULT_LIMIT 65536

/* Reads what there is, at most `size` bytes, and returns how many: as soon as it is one; 0 at the
 * end of the stream (or for size 0). The rest of its errors: -ECONNRESET, -EBUSY, -ECANCELED.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_read(asyncio_stream *stream, void *buffer,
                                                       size_t size);

/* Reads exactly `size` bytes and returns 0. -ASYNCIO_INCOMPLETE_READ when the stream ends before:
 * *ret_got (NULL: not wanted) tells how many bytes were stored. Cancelled, nothing is consumed.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_readexactly(asyncio_stream *stream, void *buffer,
                                                              size_t size, size_t *ret_got);

/* Reads a line with its newline into `buffer`, ends it with NUL, and returns its length; a last
 * line may lack the newline; 0 at the end. A line longer than the buffer or the limit:
 * -ASYNCIO_LIMIT_OVERRUN, and it is dropped, as Python's readline does. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_readline(asyncio_stream *stream, char *buffer,
                                                           size_t size);

/* Reads up to and with `separator` (not empty) into `buffer` and returns the length.
 * -ASYNCIO_INCOMPLETE_READ when the stream ends before, -ASYNCIO_LIMIT_OVERRUN when it does not
 * fit or is past the limit: the data stays. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_readuntil(asyncio_stream *stream,
                                                            const void *separator,
                                                            size_t separator_size, void *buffer,
                                                            size_t size);

/* As readuntil, but lends the bytes: *ret_data points to them. They count as read. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_readuntil_view(asyncio_stream *stream,
                                                                 const void *separator,
                                                                 size_t separator_size,
                                                                 const char **ret_data);

/* As readuntil and readuntil_view, with `count` separators (Python's tuple): the one that ends
 * first is it, and of two that end together the shorter. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_readuntil_all(asyncio_stream *stream,
                                                                const struct iovec *separators,
                                                                size_t count, void *buffer,
                                                                size_t size);
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_readuntil_all_view(
    asyncio_stream *stream, const struct iovec *separators, size_t count, const char **ret_data);

/* Waits until at least `size` bytes are buffered (1: something) and returns how many are; fewer at
 * the end of the stream, 0 when it is over. -ASYNCIO_LIMIT_OVERRUN for more than twice the limit.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_fill(asyncio_stream *stream, size_t size);

/* For who knows what is likely to come. With nothing buffered it waits as fill(1) does; when what
 * has come begins with the `size` bytes at `expected` (borrowed), these count as read and have
 * taken no memory: 1. Else 0: what has come is buffered, or something was, or the stream is over.
 * The other one: whether it has come, and whoever waits for it has not run since. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio__stream_expect(asyncio_stream *stream,
                                                          const void *expected, size_t size);
ASYNCIO_API int asyncio__stream_has_expected(const asyncio_stream *stream);

/* Lends what is buffered: *ret_data (NULL: not wanted), and its length is returned; "" and 0 where
 * nothing is, also of a stream that is closed. Does not suspend. */
ASYNCIO_API size_t asyncio_stream_peek(asyncio_stream *stream, const char **ret_data);

/* Counts `size` buffered bytes as read; at most what is buffered. Does not suspend. */
ASYNCIO_API void asyncio_stream_consume(asyncio_stream *stream, size_t size);

/* 1 when the stream is over and nothing is buffered. Does not suspend. */
ASYNCIO_API int asyncio_stream_at_eof(const asyncio_stream *stream);

/* 1 when a read would not wait: something is buffered or has come, or the stream is over, or lost;
 * else 0. Over TLS also where what has come may be nothing to read, such as a session ticket. Takes
 * nothing; one system call where nothing is buffered. Does not suspend. */
ASYNCIO_API int asyncio_stream_is_readable(const asyncio_stream *stream);

/* Writes all of `data`, in order, then waits while more than the high-water mark is unsent. 0.
 * `data` is the caller's again when it returns. -EPIPE, -ECONNRESET, -EINVAL (a negative size),
 * -ENOMEM (nothing was written), -ECANCELED (all was accepted). Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_write(asyncio_stream *stream, const void *data,
                                                        size_t size);

/* Its two halves, for who does something only before it waits. The first does not suspend: 0, or 1:
 * all was accepted, and the other one is due at once, or write's errors. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio__stream_write_begin(asyncio_stream *stream,
                                                               const void *data, size_t size);
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio__stream_write_end(asyncio_stream *stream);

/* As write, for several pieces at once. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_writelines(asyncio_stream *stream,
                                                             const struct iovec *pieces,
                                                             size_t count);

/* Python's bare write: accepts all or nothing and never waits. Follow it with drain. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_write_nowait(asyncio_stream *stream,
                                                               const void *data, size_t size);

/* Waits until what is unsent has fallen to the low-water mark, if it was above the high one. 0,
 * -ECONNRESET, -EPIPE, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_drain(asyncio_stream *stream);

/* Ends the writing side, after what is unsent; reading goes on. -ENOSYS over TLS, which can only
 * end both. -ECONNRESET. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_write_eof(asyncio_stream *stream);

/* 1: TCP streams can; 0: TLS cannot. */
ASYNCIO_API int asyncio_stream_can_write_eof(const asyncio_stream *stream);

/* Bytes accepted and not sent yet. */
ASYNCIO_API size_t asyncio_stream_get_write_buffer_size(const asyncio_stream *stream);

/* Sets the water marks in bytes: writing waits above `high` until `low`. -EINVAL unless high >=
 * low. */
ASYNCIO_API int asyncio_stream_set_write_buffer_limits(asyncio_stream *stream, size_t high,
                                                       size_t low);

/* Closes: what is unsent goes out first, reading ends now. Twice is harmless. Does not suspend. */
ASYNCIO_API void asyncio_stream_close(asyncio_stream *stream);

/* Ends it at once; what is unsent is lost. Does not suspend. */
ASYNCIO_API void asyncio_stream_abort(asyncio_stream *stream);

/* 1 once close or abort was called or the connection is lost. */
ASYNCIO_API int asyncio_stream_is_closing(const asyncio_stream *stream);

/* Waits until it is closed: 0, or what it was lost by. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_wait_closed(asyncio_stream *stream);

/* Stores "address:port" ("[address]:port" for IPv6) of the peer in `text`; 0, -ENOSPC, or why it
 * is not known. */
ASYNCIO_API int asyncio_stream_peername(const asyncio_stream *stream, char *text, size_t size);

/* As peername, of this end. */
ASYNCIO_API int asyncio_stream_sockname(const asyncio_stream *stream, char *text, size_t size);

/* What else is known of the connection, by name. Stores it in `data` and returns its length. Text
 * (which ends with NUL, not counted): "peername" and "sockname" as above, "socket", the number of
 * the descriptor, which stays the stream's (none of a simulated one); of TLS "cipher", "version"
 * ("TLSv1.3"), "selected_alpn_protocol", "server_hostname" (what the client asked for),
 * "session_reused" and "ktls_send" (see ASYNCIO_SSL_OP_ENABLE_KTLS): "1", "0"; of the peer's
 * certificate "peercert.subject", ".issuer", ".subjectAltName" ("DNS:a.org, IP Address:10.0.0.1"),
 * ".notBefore", ".notAfter" and ".serialNumber", the keys of the dict that Python has for it.
 * "peercert" is the certificate, as the bytes of its DER form. What came by TLS can be asked for
 * until the last reference is gone. -ENOENT where there is nothing of that name (Python's default,
 * None), -ENOSPC when it does not fit, -ENOMEM. Does not suspend. */
ASYNCIO_API int asyncio_stream_get_extra_info(const asyncio_stream *stream, const char *name,
                                              char *data, size_t size);

#define ASYNCIO__DEFAULT_SERVER_SIDE (-1)

typedef struct asyncio_stream_start_tls_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_stream_start_tls_options));
    const char *server_hostname ASYNCIO__0;     /* whom a client wants; NULL: it is not checked */
    /* seconds */
    double ssl_handshake_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT);
    double ssl_shutdown_timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT);
    /* 1, 0; -1: when a server accepted the stream */
    int server_side ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SERVER_SIDE);
} asyncio_stream_start_tls_options;

/* Goes on by TLS from here: drains, and does the handshake. What had been read ahead belongs to it
 * and is not lost. Meanwhile reading, writing, sending a file and another start_tls are -EBUSY. On
 * a stream that is TLS already it runs inside of that. When the handshake fails or is cancelled the
 * stream is closed; but not before anything was said: by -EINVAL, -EBUSY, -EPIPE (writing has been
 * ended), or a cancellation while it drains. See ssl.h for the rest of its errors. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stream_start_tls(
    asyncio_stream *stream, asyncio_ssl_context *context,
    const asyncio_stream_start_tls_options *options);
#define asyncio_stream_start_tls(...) asyncio__stream_start_tls_m(__VA_ARGS__, )
#define asyncio__stream_start_tls_m(stream, context, ...)                                          \
    asyncio__stream_start_tls_v(stream, context,                                                   \
                                ASYNCIO__OPTIONS(asyncio_stream_start_tls_options,                 \
                                                 (ASYNCIO__DEFAULT_SSL_TIMEOUTS.server_side =      \
                                                      ASYNCIO__DEFAULT_SERVER_SIDE, ),             \
                                                 __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__stream_start_tls_v(
    asyncio_stream *stream, asyncio_ssl_context *context, asyncio_stream_start_tls_options options)
{
    return (asyncio_stream_start_tls)(stream, context, &options);
}

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_stream *asyncio_stream_ref(asyncio_stream *stream);

/* Gives a reference back; the last one closes it. NULL allowed. */
ASYNCIO_API void asyncio_stream_unref(asyncio_stream *stream);

#if !defined(ASYNCIO__BUILD)
/* What a call returned is an int, and the size for the next one: these take any integer without a
 * warning. A negative one becomes larger than any size, which is -EINVAL. Functions, and not
 * conversions inside the macros, so that commas in an argument do no harm. */
#if !defined(__cplusplus)
__extension__ typedef __int128 asyncio__integer;
#endif

ASYNCIO_MUST_CHECK static inline int asyncio__stream_read(asyncio_stream *stream, void *buffer,
                                                          asyncio__integer size)
{
    return asyncio_stream_read(stream, buffer, (size_t)size);
}
ASYNCIO_MUST_CHECK static inline int asyncio__stream_readexactly(asyncio_stream *stream,
                                                                 void *buffer,
                                                                 asyncio__integer size,
                                                                 size_t *ret_got)
{
    return asyncio_stream_readexactly(stream, buffer, (size_t)size, ret_got);
}
ASYNCIO_MUST_CHECK static inline int asyncio__stream_fill(asyncio_stream *stream,
                                                          asyncio__integer size)
{
    return asyncio_stream_fill(stream, (size_t)size);
}
static inline void asyncio__stream_consume(asyncio_stream *stream, asyncio__integer size)
{
    asyncio_stream_consume(stream, (size_t)size);
}
ASYNCIO_MUST_CHECK static inline int asyncio__stream_write(asyncio_stream *stream,
                                                           const void *data, asyncio__integer size)
{
    return asyncio_stream_write(stream, data, (size_t)size);
}
ASYNCIO_MUST_CHECK static inline int asyncio__stream_write_nowait(asyncio_stream *stream,
                                                                  const void *data,
                                                                  asyncio__integer size)
{
    return asyncio_stream_write_nowait(stream, data, (size_t)size);
}
ASYNCIO_MUST_CHECK static inline int asyncio__stream_writelines(asyncio_stream *stream,
                                                                const struct iovec *pieces,
                                                                asyncio__integer count)
{
    return asyncio_stream_writelines(stream, pieces, (size_t)count);
}
#endif

ASYNCIO__END

#if !defined(ASYNCIO__BUILD)
#define asyncio_stream_read(...) asyncio__stream_read(__VA_ARGS__)
#define asyncio_stream_readexactly(...) asyncio__stream_readexactly(__VA_ARGS__)
#define asyncio_stream_fill(...) asyncio__stream_fill(__VA_ARGS__)
#define asyncio_stream_consume(...) asyncio__stream_consume(__VA_ARGS__)
#define asyncio_stream_write(...) asyncio__stream_write(__VA_ARGS__)
#define asyncio_stream_write_nowait(...) asyncio__stream_write_nowait(__VA_ARGS__)
#define asyncio_stream_writelines(...) asyncio__stream_writelines(__VA_ARGS__)
#endif
