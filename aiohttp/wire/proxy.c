/* SPDX-License-Identifier: MIT */
/* Proxies, the pure parts: see proxy.h. */
#include "wire/proxy.h"

#include "wire/ascii.h"
#include "wire/ip.h"

#include <aiohttp/error.h>
#include <errno.h>

/* --- no_proxy --- */

/* An address of either kind: 32 or 128 bits, or 0. IPv4 mapped into IPv6 is IPv4. */
static unsigned address(struct span text, unsigned char ret_address[16])
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    uint16_t groups[8];
    if (aiohttp__ipv4_parse(text, ret_address))
        return 32;
    if (!aiohttp__ipv6_parse(text, groups))
        return 0;
    for (unsigned i = 0; i < 8; i++) {
        ret_address[2 * i] = (unsigned char)(groups[i] >> 8);
        ret_address[2 * i + 1] = (unsigned char)groups[i];
    }
    if (memcmp(ret_address, mapped, sizeof mapped) != 0)
        return 128;
    memmove(ret_address, ret_address + 12, 4);
    return 32;
}

static bool is_same(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned rest = bits % 8;
    return memcmp(a, b, bits / 8) == 0 &&
           (rest == 0 || (unsigned char)((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0);
}

/* NETWORK/BITS. */
static bool in_network(struct span rule, size_t slash, struct span host)
{
    unsigned char network[16], ours[16];
    uint64_t bits;
    unsigned kind = address((struct span){ rule.data, slash }, network);
    struct span digits = { rule.data + slash + 1, rule.size - slash - 1 };
    return kind != 0 && ascii_number(digits, kind, &bits) && address(host, ours) == kind &&
           is_same(network, ours, (unsigned)bits);
}

/* Takes :port off a rule; false when it is for another port. */
static bool takes_port(struct span *rule, int port)
{
    size_t at = rule->size;
    uint64_t number;
    while (at > 0 && ascii_is_digit(rule->data[at - 1]))
        at--;
    if (at == 0 || at == rule->size || rule->data[at - 1] != ':')
        return true;
    bool is_bracketed = at >= 2 && rule->data[at - 2] == ']';
    if (!is_bracketed && memchr(rule->data, ':', at - 1))
        return true; /* IPv6: the number belongs to it */
    bool is_port = ascii_number((struct span){ rule->data + at, rule->size - at }, 65535, &number);
    rule->size = at - 1;
    return is_port && number == (uint64_t)port;
}

static bool rule_is_for(struct span rule, struct span host, int port)
{
    unsigned char theirs[16], ours[16];
    if (span_is(rule, SPAN("*")))
        return true;
    const char *slash = memchr(rule.data, '/', rule.size);
    if (slash)
        return in_network(rule, (size_t)(slash - rule.data), host);
    if (!takes_port(&rule, port))
        return false;
    if (rule.size > 2 && rule.data[0] == '[' && rule.data[rule.size - 1] == ']')
        rule = (struct span){ rule.data + 1, rule.size - 2 };
    unsigned kind = address(rule, theirs), own_kind = address(host, ours);
    if (kind != 0 || own_kind != 0)
        return kind == own_kind && is_same(theirs, ours, kind);
    if (rule.size > 1 && rule.data[0] == '*' && rule.data[1] == '.')
        rule = (struct span){ rule.data + 1, rule.size - 1 };
    if (rule.size > 0 && rule.data[0] == '.')
        rule = (struct span){ rule.data + 1, rule.size - 1 };
    if (rule.size > 0 && rule.data[rule.size - 1] == '.')
        rule.size--;
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    if (rule.size == 0 || host.size < rule.size)
        return false;
    struct span tail = { host.data + host.size - rule.size, rule.size };
    return span_is_case(tail, rule) && (tail.data == host.data || tail.data[-1] == '.');
}

bool aiohttp__no_proxy(struct span list, struct span host, int port)
{
    for (size_t at = 0; at < list.size;) {
        size_t first = at;
        while (at < list.size && list.data[at] != ',' && !ascii_is_blank(list.data[at]))
            at++;
        struct span rule = { list.data + first, at - first };
        if (rule.size > 0 && rule_is_for(rule, host, port))
            return true;
        at++;
    }
    return false;
}

/* --- SOCKS5 --- */

enum { VERSION = 5, USER_VERSION = 1, NO_AUTH = 0, USER = 2, NONE = 0xff, CONNECT = 1 };
enum { IPV4 = 1, NAME = 3, IPV6 = 4 };

static unsigned char byte(struct span text, size_t at)
{
    return (unsigned char)text.data[at];
}

void aiohttp__socks_greeting(struct bytes *out, bool has_user)
{
    const char with_user[] = { VERSION, 2, NO_AUTH, USER }, without[] = { VERSION, 1, NO_AUTH };
    aiohttp__bytes_append(out, has_user ? with_user : without,
                          has_user ? sizeof with_user : sizeof without);
}

int aiohttp__socks_method(struct span text, bool has_user, bool *ret_wants_user)
{
    if (text.size > 0 && byte(text, 0) != VERSION)
        return -AIOHTTP_SOCKS_PROTOCOL;
    if (text.size < 2)
        return 0;
    if (byte(text, 1) == NONE)
        return -AIOHTTP_SOCKS_NO_METHOD;
    if (byte(text, 1) != NO_AUTH && (byte(text, 1) != USER || !has_user))
        return -AIOHTTP_SOCKS_PROTOCOL;
    *ret_wants_user = byte(text, 1) == USER;
    return 2;
}

static void put_short(struct bytes *out, struct span text)
{
    bytes_put(out, (char)(unsigned char)text.size);
    bytes_add(out, text);
}

void aiohttp__socks_user(struct bytes *out, struct span user, struct span password)
{
    if (user.size == 0 || user.size > 255 || password.size > 255) {
        out->error = out->error ? out->error : -EINVAL;
        return;
    }
    bytes_put(out, USER_VERSION);
    put_short(out, user);
    put_short(out, password);
}

int aiohttp__socks_user_answer(struct span text)
{
    if (text.size > 0 && byte(text, 0) != USER_VERSION)
        return -AIOHTTP_SOCKS_PROTOCOL;
    if (text.size < 2)
        return 0;
    return byte(text, 1) == 0 ? 2 : -AIOHTTP_SOCKS_AUTH;
}

void aiohttp__socks_request(struct bytes *out, struct span host, int port)
{
    unsigned char four[4];
    uint16_t groups[8];
    if (host.size == 0 || host.size > 255 || port < 1 || port > 65535 ||
        memchr(host.data, '\0', host.size)) {
        out->error = out->error ? out->error : -EINVAL;
        return;
    }
    const char head[] = { VERSION, CONNECT, 0 };
    aiohttp__bytes_append(out, head, sizeof head);
    if (aiohttp__ipv4_parse(host, four)) {
        bytes_put(out, IPV4);
        aiohttp__bytes_append(out, four, sizeof four);
    } else if (aiohttp__ipv6_parse(host, groups)) {
        bytes_put(out, IPV6);
        for (size_t i = 0; i < 8; i++) {
            bytes_put(out, (char)(groups[i] >> 8));
            bytes_put(out, (char)groups[i]);
        }
    } else {
        bytes_put(out, NAME);
        put_short(out, host);
    }
    bytes_put(out, (char)(port >> 8));
    bytes_put(out, (char)port);
}

int aiohttp__socks_reply(struct span text)
{
    static const int errors[] = { -AIOHTTP_SOCKS_FAILURE, -AIOHTTP_SOCKS_NOT_ALLOWED,
                                  -AIOHTTP_SOCKS_NETWORK_UNREACHABLE,
                                  -AIOHTTP_SOCKS_HOST_UNREACHABLE, -AIOHTTP_SOCKS_REFUSED,
                                  -AIOHTTP_SOCKS_TTL_EXPIRED, -AIOHTTP_SOCKS_COMMAND,
                                  -AIOHTTP_SOCKS_ADDRESS };
    if (text.size > 0 && byte(text, 0) != VERSION)
        return -AIOHTTP_SOCKS_PROTOCOL;
    if (text.size < 2)
        return 0;
    if (byte(text, 1) > sizeof errors / sizeof *errors)
        return -AIOHTTP_SOCKS_PROTOCOL;
    if (byte(text, 1) != 0)
        return errors[byte(text, 1) - 1];
    if (text.size < 5)
        return text.size > 2 && byte(text, 2) != 0 ? -AIOHTTP_SOCKS_PROTOCOL : 0;
    unsigned kind = byte(text, 3);
    size_t size = kind == IPV4 ? 10 : kind == IPV6 ? 22 : kind == NAME ? 7u + byte(text, 4) : 0;
    if (byte(text, 2) != 0 || size == 0)
        return -AIOHTTP_SOCKS_PROTOCOL;
    return text.size < size ? 0 : (int)size;
}
