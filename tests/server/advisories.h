/* SPDX-License-Identifier: MIT */
/* What the tests that are named for an advisory share: a table of requests, each with what begins
 * its answer, how many answers there are in all, and what is in none of them. */
#pragma once

#include "web/web_test.h"

struct advice {
    const char *text;
    size_t size;
    int answers;           /* how many: what is smuggled in would be one more */
    const char *begins;    /* the first; NULL: nothing is answered */
    const char *has_not;   /* NULL: anything may be in them */
    bool may_be_reset;     /* it sends on after it has said that it will not */
};

#define ADVICE(answers, status, text, has_not, may_be_reset)                                       \
    { text, sizeof(text) - 1, answers, "HTTP/1.1 " #status " ", has_not, may_be_reset }
/* A request, refused: one answer, and the connection closes. */
#define REFUSED(status, text) ADVICE(1, status, text, "smuggled", false)
/* A request with `answers` answers, of which the first begins so. */
#define ANSWERED(answers, status, text) ADVICE(answers, status, text, NULL, false)
/* One, and what follows is not looked at. */
#define LAST(status, text) ADVICE(1, status, text, "smuggled", true)

/* What stands behind a request that is refused: it may never be answered. */
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

/* How many answers there are. */
static inline int count_answers(const char *text)
{
    int count = 0;
    for (; (text = strstr(text, "HTTP/1.1 ")); text++)
        count += text[9] >= '1' && text[9] <= '5' && text[12] == ' ';
    return count;
}

static inline int advised(struct live *live, const struct advice *advice, size_t count)
{
    static char answer[65536];
    for (size_t i = 0; i < count; i++) {
        memset(answer, 0, sizeof answer);
        int r = live_ask_bytes(live, advice[i].text, advice[i].size, answer, sizeof answer);
        if (r == -ECONNRESET && advice[i].may_be_reset)
            continue;
        if (r < 0) {
            print_error("%s: %s\n", asyncio_error_name(r), advice[i].text);
            return r;
        }
        CHECK_BEGINS(answer, advice[i].begins);
        if (count_answers(answer) != advice[i].answers ||
            (advice[i].has_not && strstr(answer, advice[i].has_not))) {
            print_error("%s\n-- was answered:\n%s\n", advice[i].text, answer);
            check_failed();
            return -EPROTO;
        }
    }
    return 0;
}
