/* SPDX-License-Identifier: MIT */
/* Addresses as text: see ip.h. */
#include "wire/ip.h"

#include "wire/ascii.h"

bool aiohttp__ipv4_parse(struct span text, unsigned char ret_address[4])
{
    unsigned char address[4];
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && (at >= text.size || text.data[at++] != '.'))
            return false;
        size_t first = at;
        while (at < text.size && ascii_is_digit(text.data[at]))
            at++;
        uint64_t number;
        struct span digits = { text.data + first, at - first };
        if (!ascii_number(digits, 255, &number) || (digits.size > 1 && digits.data[0] == '0'))
            return false;
        address[part] = (unsigned char)number;
    }
    if (at != text.size)
        return false;
    memcpy(ret_address, address, sizeof address);
    return true;
}

/* Up to four hexadecimal digits from `at`; how many, and their value. */
static size_t group(struct span text, size_t at, uint16_t *ret_value)
{
    size_t count = 0;
    unsigned value = 0;
    for (int digit; at + count < text.size && (digit = ascii_hex(text.data[at + count])) >= 0;) {
        if (++count > 4)
            return 0;
        value = value * 16 + (unsigned)digit;
    }
    *ret_value = (uint16_t)value;
    return count;
}

bool aiohttp__ipv6_parse(struct span text, uint16_t ret_address[8])
{
    uint16_t address[8] = { 0 };
    size_t count = 0, gap = 9, at = 0;
    if (text.size >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < text.size) {
        unsigned char last[4];
        struct span rest = { text.data + at, text.size - at };
        if (count <= 6 && aiohttp__ipv4_parse(rest, last)) {
            address[count++] = (uint16_t)(last[0] << 8 | last[1]);
            address[count++] = (uint16_t)(last[2] << 8 | last[3]);
            at = text.size;
            break;
        }
        size_t digits = count < 8 ? group(text, at, &address[count]) : 0;
        if (digits == 0)
            return false;
        count++;
        at += digits;
        if (at == text.size)
            break;
        if (text.data[at++] != ':' || at == text.size)
            return false;
        if (text.data[at] == ':') {
            if (gap != 9)
                return false;
            gap = count;
            at++;
        }
    }
    if (gap == 9 ? count != 8 : count > 7)
        return false;
    if (gap != 9) {
        memmove(address + 8 - (count - gap), address + gap, (count - gap) * sizeof *address);
        memset(address + gap, 0, (8 - count) * sizeof *address);
    }
    memcpy(ret_address, address, sizeof address);
    return true;
}

static void put_group(struct bytes *out, uint16_t group_value)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 12; shift >= 0; shift -= 4)
        if (shift == 0 || group_value >> shift)
            bytes_put(out, digits[group_value >> shift & 15]);
}

void aiohttp__ipv6_write(struct bytes *out, const uint16_t address[8])
{
    /* the longest run of zeros, the first of the longest, two at least */
    size_t best = 8, longest = 1;
    for (size_t i = 0; i < 8;) {
        size_t run = 0;
        while (i + run < 8 && address[i + run] == 0)
            run++;
        if (run > longest) {
            best = i;
            longest = run;
        }
        i += run + 1;
    }
    for (size_t i = 0; i < 8;) {
        if (i == best) {
            bytes_text(out, "::");
            i += longest;
            continue;
        }
        put_group(out, address[i++]);
        if (i < 8 && i != best)
            bytes_put(out, ':');
    }
}

bool aiohttp__looks_like_ipv4(struct span host)
{
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    size_t first = host.size;
    while (first > 0 && host.data[first - 1] != '.')
        first--;
    struct span label = { host.data + first, host.size - first };
    if (label.size == 0)
        return false;
    if (label.size >= 2 && label.data[0] == '0' && ascii_lower(label.data[1]) == 'x') {
        label = (struct span){ label.data + 2, label.size - 2 };
        for (size_t i = 0; i < label.size; i++)
            if (ascii_hex(label.data[i]) < 0)
                return false;
        return true;
    }
    return ascii_has_all((struct ascii_set){ ASCII_DIGITS, 0 }, label);
}
