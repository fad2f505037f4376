/* SPDX-License-Identifier: MIT */
/* Socket addresses: made from text, made into text. Nothing here asks anybody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage name;
    socklen_t size;
};

struct addresses {
    struct address *items;   /* asyncio__free'd by the owner */
    size_t count;
};

enum { ADDRESS_TEXT_SIZE = 80 };   /* of what format makes, scope included */

/* A literal IPv4 or IPv6 address, with a scope ("fe80::1%eth0") if it has one. False: it is no
 * literal, or not of `family` (0: either); *ret_is_literal tells which. */
bool asyncio__address_parse(const char *host, uint16_t port, int family,
                            struct address *ret_address, bool *ret_is_literal);

/* Any address of this host (`passive`), or its loopback address. */
void asyncio__address_of_none(int family, bool passive, uint16_t port, struct address *ret_address);

uint16_t asyncio__address_port(const struct sockaddr_storage *name);
void asyncio__address_set_port(struct sockaddr_storage *name, uint16_t port);
bool asyncio__address_is_equal(const struct address *a, const struct address *b);

/* "address:port", "[address]:port". 0, -ENOSPC, -EAFNOSUPPORT. */
int asyncio__address_format(const struct sockaddr_storage *name, char *text, size_t size);
