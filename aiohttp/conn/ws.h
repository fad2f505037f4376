/* SPDX-License-Identifier: MIT */
/* A WebSocket over a stream, of either side: what is behind <aiohttp/websocket.h>.
 *
 * MODEL      The bytes that came lie in a buffer of its own: [begin, end) is not parsed yet. Who
 *            needs more reads into it, behind `end`; only one task does at a time, others wait for
 *            what it gets (ws_more). Parsing never suspends.
 * LENT       A message of one frame that is not compressed is unmasked where it lies, and lent from
 *            there. The byte behind it becomes a NUL, and is put back (`behind`) with the next
 *            receive. Others are put together in `message`. While something is lent the buffer is
 *            neither moved nor given back: a new one takes its place, and the old is `held`.
 * KEEPER     When the user has not been in receive for a while, a task of the WebSocket's own reads
 *            in his place, up to KEEP_MAX, answers pings and hears what keeps the heartbeat going.
 *            A ping it has answered becomes a pong in the buffer, which nobody sees.
 * SENDING    A message is one write, made without suspending between its compression and the moment
 *            the stream has accepted it: so tasks need no lock, and a cancelled one leaves neither
 *            half a frame nor a compressor that the peer cannot follow. Who finds too much unsent
 *            waits for his turn (`turn`), and nobody overtakes him (`has_queue`).
 *            While a call is under way it has a reference.
 * END        `is_over`: the connection is closed, or lost. Before that, sent_close and got_close.
 *            After a broken rule (`is_broken`) what still comes is read and dropped. What is unsent
 *            then is for a task of its own: after close_time the peer gets no more. The keeper has
 *            no reference: the last one ends the connection, and with it the keeper, which then
 *            gives back the memory.
 * TIMER      One for all: the keeper's check, the heartbeat, the end of a close, a pong that is
 *            held back, and whether the peer takes anything (not `is_unwatched`: from a message
 *            that is sent until nothing is unsent; without it none is sent). */
#pragma once

#include "base/hash.h"
#include "base/span.h"
#include "wire/utf8.h"
#include "wire/ws.h"
#include "wire/ws_handshake.h"

#include <aiohttp/websocket.h>
#include <asyncio/lock.h>
#include <asyncio/loop.h>
#include <asyncio/stream.h>

enum {
    WS_CHUNK_MIN = 1024,   /* room to read into, at first */
    WS_CHUNK_MAX = 65536,
    WS_KEEP_MAX = 65536,   /* read ahead while nobody receives */
    WS_PONG_MAX = 65536,   /* no pong is added to more that is unsent */
    WS_KEYS = 32,
    WS_WRITE_LOOKS = 8,    /* at what is unsent, in the time that the peer may take nothing */
};

#define WS_KEEP_SECONDS 0.5

struct ws_coder;

/* How it is made. */
struct ws_setup {
    const aiohttp_limits *limits;
    size_t message_max;           /* 0: the limits' */
    bool is_client;
    bool autoping, autoclose;
    double heartbeat;             /* seconds; 0: none */
    double receive_timeout;       /* 0: none */
    double close_time;            /* 0: the limits' */
    struct ws_deflate deflate;
    struct span protocol;         /* no data: none */
};

struct aiohttp_websocket {
    /* --- what each message looks at --- */
    asyncio_stream *stream;
    char *data;                   /* capacity + 1 bytes */
    size_t begin, end, capacity;
    char *nul;                    /* behind what is lent from the buffer; NULL: nothing is */
    char behind;                  /* what was there */
    bool is_receiving;            /* somebody is in receive or close */
    bool is_reading;              /* somebody waits for the stream */
    bool in_frame;                /* its header has been read */
    union {
        struct {
            bool sent_close, got_close, is_over;
            bool is_client, has_deflate;
            bool is_unwatched;    /* the timer will not look whether the peer takes anything */
            bool has_queue;       /* somebody waits until less is unsent */
        };
        uint64_t states;          /* 0: what most are that send */
    };
    bool is_broken;
    bool autoping, autoclose;
    bool is_check_due;            /* the timer will look whether somebody receives */
    bool was_used;                /* since it did */
    bool has_heartbeat, has_time_limit; /* for each message */
    bool has_good_size;           /* the buffer: neither less nor much more than `chunk` */
    bool has_keeper;
    bool is_stuck;                /* it did not: lost by that */
    bool is_deflated;             /* the message under way */
    uint8_t type;                 /* of it: enum ws_opcode */
    uint8_t closed_reads;
    uint8_t pong_size, has_pong;  /* one that could not be sent yet */
    uint32_t utf8;
    uint32_t refs;
    size_t done;                  /* of the frame's payload: unmasked and judged */
    size_t wanted;                /* bytes from `begin` on that the frame needs in one piece */
    size_t chunk;
    size_t quick_end;             /* a frame of fewer bytes needs no closer look */
    struct ws_reader reader;
    struct ws_frame frame;
    struct ws_coder *deflater, *inflater; /* NULL until needed */
    uint32_t keys[WS_KEYS];       /* masks to come */
    unsigned keys_left;

    /* --- the rest --- */
    char *held;                   /* a former buffer, lent from */
    char *message;                /* one of several frames, or inflated; NULL: none */
    size_t message_size, message_capacity, message_max;
    uint64_t deflated_size;       /* of the message, before it was inflated */
    size_t inflate_ratio, inflate_ratio_from;
    size_t scanned;               /* the keeper has looked at the frames before it */
    unsigned waiters;
    asyncio_event arrived;        /* for who waits while another reads */
    asyncio_event over;           /* for who waits while another closes */
    asyncio_lock turn;            /* for who waits until less is unsent */
    size_t queue;                 /* tasks that do */
    asyncio_loop *loop;
    asyncio_handle *timer;
    double timer_at;
    double heartbeat, heard_at, pinged_at; /* pinged_at 0: no pong is waited for */
    double receive_timeout, close_time, close_at, write_time;
    uint64_t queued, taken;       /* bytes handed to the stream; at the last look, gone from it */
    double taken_at;              /* when the last of them went */
    int close_code, exception;
    struct ws_deflate deflate;
    char *protocol;
    char pong[126];               /* or what is lent of a control frame */
};

/* Makes one on `stream` (takes a reference), which begins with the first frame. -ENOMEM. */
int aiohttp__ws_new(const struct ws_setup *setup, asyncio_stream *stream,
                    aiohttp_websocket **ret_ws) ASYNCIO_MUST_CHECK;

/* Begins without a stream yet, for who must have all memory before he answers; then `start`. */
int aiohttp__ws_prepare(const struct ws_setup *setup, aiohttp_websocket **ret_ws)
    ASYNCIO_MUST_CHECK;
void aiohttp__ws_start(aiohttp_websocket *ws, asyncio_stream *stream);

/* The connection is gone: `error` is what it was lost by, 0 for its plain end. */
void aiohttp__ws_lost(aiohttp_websocket *ws, int error);

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first three of `states`");

/* Nobody has a reference. */
void aiohttp__ws_release(aiohttp_websocket *ws);

/* aiohttp_websocket_unref for who has one. */
static inline void ws_unref(aiohttp_websocket *ws)
{
    if (__builtin_expect(--ws->refs == 0, 0))
        aiohttp__ws_release(ws);
}

static inline bool ws_is_closed(const aiohttp_websocket *ws)
{
    return (ws->states & 0xffffff) != 0;
}

/* --- ws_buffer.c --- */

enum { WS_READ = 2 };

/* The parts of ws_more. WS_READ: there is room; else ws_more's result. Suspends. */
int aiohttp__ws_before_read(aiohttp_websocket *ws) ASYNCIO_MUST_CHECK;
/* After a read that brought nothing, or that others wait for: ws_more's result. */
int aiohttp__ws_after_read(aiohttp_websocket *ws, int result) ASYNCIO_MUST_CHECK;
/* How much is read at once follows what comes. */
void aiohttp__ws_learn(aiohttp_websocket *ws, size_t got);

/* Nothing is there and lent, and the buffer's size will do. */
static inline bool ws_is_empty(const aiohttp_websocket *ws)
{
    return ws->begin == ws->end && !ws->nul && ws->has_good_size && !ws->in_frame;
}

/* Waits for more bytes: above 0; 0: it is over; -ECANCELED, -ENOMEM (it is over). Suspends. */
ASYNCIO_MUST_CHECK static inline int ws_more(aiohttp_websocket *ws)
{
    int r = WS_READ;
    if (__builtin_expect(!ws->is_over && !ws->is_reading && ws_is_empty(ws), 1))
        ws->begin = ws->end = ws->scanned = 0;
    else if ((r = aiohttp__ws_before_read(ws)) != WS_READ)
        return r;
    ws->is_reading = true;
    r = asyncio_stream_read(ws->stream, ws->data + ws->end, ws->capacity - ws->end);
    ws->is_reading = false;
    if (__builtin_expect(r <= 0 || ws->waiters > 0, 0) &&
        (r = aiohttp__ws_after_read(ws, r)) <= 0)
        return r;
    ws->end += (size_t)(unsigned)r;
    if (__builtin_expect(ws->end == ws->capacity || ws->chunk > WS_CHUNK_MIN, 0))
        aiohttp__ws_learn(ws, (size_t)(unsigned)r);
    if (__builtin_expect(ws->has_heartbeat, 0))
        ws->heard_at = asyncio_loop_time(ws->loop);
    return r;
}

/* What was lent is not any more. */
void aiohttp__ws_take_back_all(aiohttp_websocket *ws);

static inline void aiohttp__ws_take_back(aiohttp_websocket *ws)
{
    if (ws->nul) {
        *ws->nul = ws->behind;
        ws->nul = NULL;
    }
    if (__builtin_expect(((uintptr_t)ws->held | (uintptr_t)ws->message) != 0, 0))
        aiohttp__ws_take_back_all(ws);
}

/* Makes room for `size` more bytes (and a NUL) in `message`. 0, -ENOMEM. */
int aiohttp__ws_message_room(aiohttp_websocket *ws, size_t size) ASYNCIO_MUST_CHECK;

/* --- ws_parse.c --- */

enum { PARSE_MORE, PARSE_MESSAGE, PARSE_CLOSE };

/* Goes on in what is buffered. PARSE_MORE: more is wanted; PARSE_MESSAGE: *ret_message is one;
 * PARSE_CLOSE: the peer has closed; -(a close code); -ENOMEM. */
int aiohttp__ws_parse(aiohttp_websocket *ws, aiohttp_ws_message *ret_message) ASYNCIO_MUST_CHECK;

/* --- ws_write.c --- */

/* Sends a control frame without waiting. */
int aiohttp__ws_control(aiohttp_websocket *ws, enum ws_opcode opcode, struct span payload);

/* Answers a ping, now or when there is room for it. */
void aiohttp__ws_answer_ping(aiohttp_websocket *ws, struct span payload);

/* --- ws_close.c --- */

/* Says that we close, and has the timer end it; waits for nothing. */
void aiohttp__ws_begin_close(aiohttp_websocket *ws, int code, struct span reason);

/* The peer broke a rule: tells it the code. */
void aiohttp__ws_fail(aiohttp_websocket *ws, int code);

/* Both sides have closed. */
void aiohttp__ws_finish(aiohttp_websocket *ws);

/* --- ws_keep.c --- */

/* Has the timer look at `when` at the latest. 0, -ENOMEM. */
int aiohttp__ws_arm(aiohttp_websocket *ws, double when);
void aiohttp__ws_disarm(aiohttp_websocket *ws);

/* Before something is sent: has the timer look whether the peer takes it. 0, -ENOMEM. */
int aiohttp__ws_watch(aiohttp_websocket *ws) ASYNCIO_MUST_CHECK;

/* The stream is closed with bytes that are not sent yet: ends it if the peer does not take them. */
void aiohttp__ws_linger(asyncio_stream *stream, double seconds);

/* --- ws_deflate.c --- */

/* Inflates a piece of the message under way into `message`; the last with `is_last`. 0; -(a close
 * code), -ENOMEM. */
int aiohttp__ws_inflate(aiohttp_websocket *ws, struct span piece, bool is_last)
    ASYNCIO_MUST_CHECK;

/* Compresses a message: *ret_room is memory to be freed, its bytes begin behind WS_HEADER_MAX;
 * their number. -ENOMEM: the peer can follow all the same. */
int64_t aiohttp__ws_deflate(aiohttp_websocket *ws, struct span message, char **ret_room)
    ASYNCIO_MUST_CHECK;

/* After what was compressed has not been sent: begins anew. */
void aiohttp__ws_deflate_again(aiohttp_websocket *ws);

void aiohttp__ws_coders_free(aiohttp_websocket *ws);
