/* SPDX-License-Identifier: MIT */
/* The answer that most requests get: a status, a content type, a length, and a body that is there.
 *
 * MODEL      Such heads differ in their length only, within a second. So what comes up to it, with
 *            the last one, and what comes behind it is kept ready, by whoever owns the connections;
 *            head and body go behind what is held back in three copies. What is not so plain goes
 *            the long way (http1_write.c), which writes the very same bytes.
 * INVARIANT  `type` is static text: the same place means the same text. Copies are of
 *            PLAIN_MOST bytes, or PLAIN_BEFORE, or PLAIN_BEHIND. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PLAIN_MOST = 96, PLAIN_BEFORE = 128, PLAIN_BEHIND = 192 };

struct plain_head {
    const char *type;
    int status; /* 0: nothing is kept */
    uint32_t begin_size;        /* of `before`, without the length */
    uint32_t before_size, behind_size;
    size_t length;              /* that is written there; SIZE_MAX: none yet */
    int64_t seconds;            /* of the date behind */
    /* "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13" */
    char before[PLAIN_BEFORE];
    char behind[PLAIN_BEHIND];  /* "\r\nDate: ...\r\nServer: ...\r\n\r\n" */
};
