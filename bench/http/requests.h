/* SPDX-License-Identifier: MIT */
/* Request heads as clients send them, for parsers: whoever measures one parses each in turn, again
 * and again, and tells the nanoseconds of the whole set. */
#pragma once

#include "../common.h"

static const char *const requests[] = {
    /* wrk */
    "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
    /* curl */
    "GET /api/v1/items?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/7.88.1\r\n"
    "Accept: */*\r\n\r\n",
    /* a program with a JSON body */
    "POST /api/v1/items HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nUser-Agent: Python/3.11 aiohttp/3.8.4\r\n"
    "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0\r\n"
    "X-Request-ID: 4f7c8a2e-0d2b-4a9c-9f2e-3c1d5b6a7e8f\r\nContent-Length: 187\r\n"
    "Content-Type: application/json\r\n\r\n",
    /* Firefox */
    "GET /docs/index.html HTTP/1.1\r\nHost: localhost:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
    "image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\n\r\n",
    /* Chromium, with cookies, behind a proxy */
    "GET /static/app.js?v=3 HTTP/1.1\r\nHost: www.example.com\r\nX-Forwarded-For: 203.0.113.7\r\n"
    "X-Forwarded-Proto: https\r\nsec-ch-ua: \"Chromium\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36\r\nsec-ch-ua-platform: \"Linux\"\r\n"
    "Accept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\nReferer: https://www.example.com/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=0f8fad5b-d9cb-469f-a165-70867728950e; theme=dark; "
    "_ga=GA1.2.1234567890.1700000000; _gid=GA1.2.987654321.1700000001; "
    "consent=eyJhIjoxLCJiIjoyfQ\r\n"
    "If-None-Match: \"65f1a2b3-1f4c\"\r\n\r\n",
};

enum { REQUESTS = sizeof requests / sizeof *requests };

/* Returns how many bytes it took. */
typedef size_t parser(const char *request, size_t size);

static UNUSED int measure(int count, char **arguments, parser *parse)
{
    long rounds = count > 1 ? atol(arguments[count - 1]) : 100000;
    size_t sizes[REQUESTS];
    for (int i = 0; i < REQUESTS; i++)
        sizes[i] = strlen(requests[i]);
    int64_t begin = cpu();
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < REQUESTS; i++)
            if (parse(requests[i], sizes[i]) != sizes[i])
                die("a request was not parsed", EINVAL);
    figure("ns", (double)(cpu() - begin) / (double)rounds);
    return 0;
}
