/* SPDX-License-Identifier: MIT */
/* Internationalised hosts: see idna.h. */
#include "message/idna.h"

#include "wire/url.h"
#include "wire/utf8.h"

#include <aiohttp/error.h>
#include <errno.h>

#if AIOHTTP__HAVE_IDN2
#include <idn2.h>

/* Unicode's Default_Ignorable_Code_Point: UTS 46 takes them out in silence. */
static const struct {
    uint32_t first, last;
} ignorable[] = {
    { 0xad, 0xad },       { 0x34f, 0x34f },     { 0x61c, 0x61c },     { 0x115f, 0x1160 },
    { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },   { 0x202a, 0x202e },
    { 0x2060, 0x206f },   { 0x3164, 0x3164 },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
    { 0xffa0, 0xffa0 },   { 0xfff0, 0xfff8 },   { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
    { 0xe0000, 0xe0fff },
};

static bool is_plain(struct span host)
{
    while (host.size > 0) {
        size_t bad, size = utf8_next(host, &bad);
        if (size == 0)
            return false;
        uint32_t c = utf8_value(host.data, size);
        for (size_t i = 0; i < sizeof ignorable / sizeof *ignorable; i++)
            if (c >= ignorable[i].first && c <= ignorable[i].last)
                return false;
        host = (struct span){ host.data + size, host.size - size };
    }
    return true;
}

int aiohttp__idna_encode(struct bytes *out, struct span host)
{
    /* four bytes a character at most; what is longer can become no host */
    char text[URL_HOST_MAX * 4 + 2];
    if (host.size >= sizeof text || !is_plain(host))
        return -AIOHTTP_INVALID_URL;
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    uint8_t *encoded = NULL;
    int r = idn2_lookup_u8((const uint8_t *)text, &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (r == IDN2_MALLOC)
        return -ENOMEM;
    if (r != IDN2_OK)
        return -AIOHTTP_INVALID_URL;
    bytes_text(out, (const char *)encoded);
    idn2_free(encoded);
    return out->error;
}

void aiohttp__idna_decode(struct bytes *out, struct span host)
{
    char text[URL_HOST_MAX + 2];
    char *decoded = NULL;
    if (host.size >= sizeof text) {
        bytes_add(out, host);
        return;
    }
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    int r = idn2_to_unicode_8z8z(text, &decoded, 0);
    bytes_text(out, r == IDN2_OK ? decoded : text);
    idn2_free(decoded);
}

#else

int aiohttp__idna_encode(struct bytes *out, struct span host)
{
    (void)out, (void)host;
    return -AIOHTTP_INVALID_URL;
}

void aiohttp__idna_decode(struct bytes *out, struct span host)
{
    bytes_add(out, host);
}
#endif
