/* SPDX-License-Identifier: MIT */
/* The contract between who moves bytes (TCP; TLS is a transport over a transport) and who uses them
 * (a stream).
 *
 * READING    is pulled: who wants bytes says where they go, and gets them there. Nothing is read
 *            that nobody asked for.
 * WRITING    accepts all bytes or none and never waits: what cannot go out now is stored. When
 *            more than `high` is unsent the transport is paused, until no more than `low` is: then
 *            `resumed`.
 * RESET      What the peer sent before it reset the connection is still there when a write finds
 *            that out. `broken` asks whether somebody wants it: then only writing has ended, and
 *            reading ends all, when nothing is left.
 * END        `lost` is the last event, once, when the transport uses its memory no more: after
 *            close and what was unsent, after abort, or because of an error. It may come from
 *            inside any call that can find an error. */
#pragma once

#include "backend/backend.h"

struct transport;

struct transport_events {
    void (*received)(struct transport *transport, int result); /* what a pending receive got */
    void (*resumed)(struct transport *transport);
    /* A write has met a reset: no other one makes sense. True: reading goes on, until it gives
     * `error`; `ended` follows then. False, also in place of the function: it follows now. */
    bool (*broken)(struct transport *transport, int error);
    /* no call makes sense any more; `lost` follows */
    void (*ended)(struct transport *transport, int error);
    void (*lost)(struct transport *transport, int error);      /* 0: it was closed here */
};

struct transport_type {
    const char *name;
    /* Bytes (0 at the end of the stream), an error, or OP_PENDING: `received` comes later. One at
     * a time. */
    int (*receive)(struct transport *transport, void *data, size_t size);
    /* 1: a receive gives something, most likely. OP_PENDING: `received` comes with 1 as soon as one
     * would, or with an error; this is a receive that is pending, though without memory, and is
     * cancelled at once. NULL: there is only `receive`. */
    int (*await)(struct transport *transport);
    /* Has the pending receive store its bytes elsewhere. */
    void (*redirect)(struct transport *transport, void *data, size_t size);
    /* Ends the pending receive. 1: it is over. 0: `received` still comes, with its bytes or
     * -ECANCELED. */
    int (*cancel_receive)(struct transport *transport);
    /* Whether a receive would not have to wait. Of TLS: or might not, since what has come is not
     * decrypted. */
    bool (*is_readable)(const struct transport *transport);
    /* 0: all is accepted. -ENOMEM: nothing was. Another error has ended the connection. */
    int (*write)(struct transport *transport, const struct iovec *pieces, size_t count);
    /* Ends the writing side after what is unsent. NULL: it cannot be ended alone. */
    int (*write_eof)(struct transport *transport);
    size_t (*unsent)(const struct transport *transport);
    /* The water marks in the base have changed. */
    void (*limits_changed)(struct transport *transport);
    /* Ends reading now, and all after what is unsent. */
    void (*close)(struct transport *transport);
    /* Ends all now. `reset`: so that the peer takes it for no proper end. */
    void (*abort)(struct transport *transport, bool reset);
    int (*address)(const struct transport *transport, bool of_peer,
                   struct sockaddr_storage *address, socklen_t *size);
    /* What else is known, by its name in asyncio_stream_get_extra_info: the length of what was
     * stored, -ENOENT, -ENOSPC. NULL: nothing is. */
    int (*info)(const struct transport *transport, const char *name, char *data, size_t size);
    /* The sentence for `error`, which has ended it; NULL, also in place of the function: that of
     * the code tells all. */
    const char *(*reason)(const struct transport *transport, int error);
};

struct transport {
    const struct transport_type *type;
    const struct transport_events *events;
    void *user;                      /* whose events these are: a stream, a transport above */
    size_t high, low;
    bool is_paused;
};
