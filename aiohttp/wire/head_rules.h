/* SPDX-License-Identifier: MIT */
/* What the lines of a head mean together: between head.c and head_rules.c. */
#pragma once

#include "wire/head.h"

/* Names that may be there once only; names that have a rule of their own (aiohttp__head_rule). */
const struct header_set *aiohttp__head_once(enum head_kind kind);
const struct header_set *aiohttp__head_watched(enum head_kind kind);

/* A request line was read: which method, which form of target. 0 or a negative error. */
int aiohttp__head_rule_target(struct head *head, const char *data);

/* All lines were read: what is missing, where the body is. 0 or a negative error. */
int aiohttp__head_rule_end(struct head *head);

/* Keeps the error and returns its code. */
int aiohttp__head_fail(struct head *head, int code, uint32_t at, int status, const char *why)
    __attribute__((cold));

/* A host with or without a port, as RFC 3986 has it (no user, ASCII only); -1 when it is one, else
 * the place of the byte that it should not have. Bytes from `from` on may be read. */
int64_t aiohttp__host_fault(const char *from, struct span host, bool must_have_host,
                            bool must_have_port);
