/* SPDX-License-Identifier: MIT */
/* What the pages that are sent events share. */
#include "events.h"

void events_pulse(struct events *events)
{
    asyncio_event_set(&events->changed);
    asyncio_event_clear(&events->changed);
}

int events_wait(struct events *events, double seconds)
{
    int r = asyncio_wait_for(asyncio_coro(asyncio_event_wait, &events->changed), seconds);
    return r == -ETIMEDOUT ? 0 : r < 0 ? r : 1;
}

void json_write(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            fputc(*text, out);
    fputc('"', out);
}
