/* SPDX-License-Identifier: MIT */
/* Proxies, the pure parts: the rules of no_proxy; the messages of SOCKS5 (RFC 1928, 1929).
 *
 * MODEL  Writers append a message. Readers are told all that has come of an answer, and say how
 *        many bytes it is, 0 while more is wanted, or a negative error; they look at nothing behind
 *        it, and refuse as soon as they can know. */
#pragma once

#include "base/bytes.h"

/* Whether the value of no_proxy keeps a request to that host (lower case, IPv6 without brackets)
 * and port from a proxy. Its elements are divided by commas or blanks: * (all), a name (itself
 * and what is below it; a dot or *. before it may be there), an address, a network (10.0.0.0/8,
 * fe80::/10), each but the last with or without :port. What is none is left out. */
bool aiohttp__no_proxy(struct span list, struct span host, int port);

enum { SOCKS_ANSWER_MOST = 262 };

/* The greeting: no authentication, and with `has_user` user and password too. */
void aiohttp__socks_greeting(struct bytes *out, bool has_user);

/* Its answer; *ret_wants_user: user and password are to follow. -AIOHTTP_SOCKS_NO_METHOD,
 * -AIOHTTP_SOCKS_PROTOCOL (also when it chose what was not offered). */
int aiohttp__socks_method(struct span text, bool has_user, bool *ret_wants_user);

/* -EINVAL in out->error: one of them is empty or over 255 bytes (an empty password may be). */
void aiohttp__socks_user(struct bytes *out, struct span user, struct span password);

/* -AIOHTTP_SOCKS_AUTH, -AIOHTTP_SOCKS_PROTOCOL. */
int aiohttp__socks_user_answer(struct span text);

/* CONNECT to a host (an address, or a name) and port. -EINVAL in out->error: no such name or
 * port. */
void aiohttp__socks_request(struct bytes *out, struct span host, int port);

/* -AIOHTTP_SOCKS_... for each reply of the RFC, _PROTOCOL for what is none. */
int aiohttp__socks_reply(struct span text);
