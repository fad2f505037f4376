/* SPDX-License-Identifier: MIT */
/* libaiohttp's parser of request heads: with its limits, its rules and its look-up of names. */
#include "requests.h"

#include "wire/head.h"

static aiohttp_limits limits;

static size_t parse(const char *request, size_t size)
{
    struct head head;
    struct head_field fields[64];
    aiohttp__head_begin(&head, HEAD_REQUEST, &limits, 0, fields, 64);
    return (size_t)aiohttp__head_parse(&head, request, size);
}

int main(int count, char **arguments)
{
    limits = aiohttp_server_limits();
    return measure(count, arguments, parse);
}
