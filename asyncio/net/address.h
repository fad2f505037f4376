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

enum { ADDRESS_TEXT_SIZE = 112 };   /* of what format makes: scope included, and paths */

/* A literal IPv4 or IPv6 address, with a scope ("fe80::1%eth0") if it has one. False: it is no
 * literal, or not of `family` (0: either); *ret_is_literal tells which. */
bool asyncio__address_parse(const char *host, uint16_t port, int family,
                            struct address *ret_address, bool *ret_is_literal);

/* Any address of this host (`passive`), or its loopback address. */
void asyncio__address_of_none(int family, bool passive, uint16_t port, struct address *ret_address);

/* Of an AF_UNIX socket: a path, or "@name" of the abstract kind. -ENAMETOOLONG, -EINVAL: empty. */
int asyncio__address_of_path(const char *path, struct address *ret_address);

/* 0 for those that have none. */
uint16_t asyncio__address_port(const struct sockaddr_storage *name);
void asyncio__address_set_port(struct sockaddr_storage *name, uint16_t port);
bool asyncio__address_is_equal(const struct address *a, const struct address *b);

/* RFC 8305, section 4: families take turns, after the first `first_count` of the family that comes
 * first. 0, or -ENOMEM and nothing has changed. */
int asyncio__addresses_interleave(struct addresses *addresses, size_t first_count);

/* "address:port", "[address]:port", "path", "@name", "" for an AF_UNIX socket without a name. 0,
 * -ENOSPC, -EAFNOSUPPORT. */
int asyncio__address_format(const struct address *address, char *text, size_t size);
