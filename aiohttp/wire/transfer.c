/* SPDX-License-Identifier: MIT */
/* Content-Transfer-Encoding, undone: see transfer.h. */
#include "wire/transfer.h"

#include "wire/ascii.h"
#include "wire/base64.h"

#include <errno.h>
#include <limits.h>

enum { NOTHING = -1 }; /* a byte that gives none */

/* Of base64: how many letters of four there are, what `held` has the rest of; or behind them. */
enum { LETTERS = 3, ONE_PAD_MORE, PADDED };

/* Of quoted-printable: within "=XY". */
enum { PLAIN, EQUALS, HIGH, CR };

enum { BROKEN = 0xff };

int aiohttp__transfer_of(struct span name)
{
    if (span_is_case(name, SPAN("base64")))
        return TRANSFER_BASE64;
    if (span_is_case(name, SPAN("quoted-printable")))
        return TRANSFER_QUOTED;
    return span_is_case(name, SPAN("7bit")) || span_is_case(name, SPAN("8bit")) ||
                   span_is_case(name, SPAN("binary")) ?
               TRANSFER_NONE :
               -1;
}

struct transfer aiohttp__transfer_begin(enum transfer_kind kind)
{
    return (struct transfer){ .kind = (uint8_t)kind };
}

/* One byte of base64: what it gives, NOTHING, or -EINVAL. */
static int base64_byte(struct transfer *at, char c)
{
    if (c == '\r' || c == '\n' || c == ' ' || c == '\t')
        return NOTHING;
    if (c == '=') {
        bool is_right = at->state == ONE_PAD_MORE ||
                        ((at->state == 2 || at->state == 3) && !at->held);
        at->state = at->state == 2 ? ONE_PAD_MORE : PADDED;
        return is_right ? NOTHING : -EINVAL;
    }
    int value = base64_value(c);
    if (value < 0 || at->state > LETTERS)
        return -EINVAL;
    int whole = at->held << 6 | value; /* what was held is above six new bits */
    unsigned rest = at->state == 0 ? 6 : 6 - 2u * at->state; /* of these, bits not given yet */
    bool gives = at->state > 0;
    at->held = (uint8_t)(whole & ((1 << rest) - 1));
    at->state = (uint8_t)((at->state + 1) & LETTERS);
    return gives ? whole >> rest : NOTHING;
}

/* Likewise, of quoted-printable. */
static int quoted_byte(struct transfer *at, char c)
{
    int value = ascii_hex(c);
    switch (at->state) {
    case PLAIN:
        if (c != '=')
            return (unsigned char)c;
        at->state = EQUALS;
        return NOTHING;
    case EQUALS:
        at->held = (uint8_t)value;
        at->state = c == '\r' ? CR : c == '\n' ? PLAIN : HIGH;
        return value >= 0 || c == '\r' || c == '\n' ? NOTHING : -EINVAL;
    case HIGH:
        at->state = PLAIN;
        return value >= 0 ? at->held << 4 | value : -EINVAL;
    default: /* CR */
        at->state = PLAIN;
        return c == '\n' ? NOTHING : -EINVAL;
    }
}

int aiohttp__transfer_step(struct transfer *transfer, struct span *in, char *out, size_t size)
{
    size_t room = size < INT_MAX ? size : INT_MAX, given = 0;
    while (in->size && given < room && transfer->state != BROKEN) {
        int byte = transfer->kind == TRANSFER_BASE64 ? base64_byte(transfer, *in->data) :
                                                       quoted_byte(transfer, *in->data);
        if (byte == -EINVAL) {
            transfer->state = BROKEN;
            break;
        }
        if (byte != NOTHING)
            out[given++] = (char)byte;
        *in = (struct span){ in->data + 1, in->size - 1 };
    }
    return transfer->state == BROKEN && !given ? -EINVAL : (int)given;
}

int aiohttp__transfer_finish(const struct transfer *transfer)
{
    bool is_end = transfer->state == 0 ||
                  (transfer->kind == TRANSFER_BASE64 && transfer->state == PADDED);
    return is_end ? 0 : -EINVAL;
}
