/* SPDX-License-Identifier: MIT */
/* Requests are read strictly: what is in doubt is answered by 400 and ends the connection, so that
 * nobody can make two readers see two different requests. */
#define _GNU_SOURCE 1
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *begin, *end;
};

static bool text_is(struct text text, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(text.end - text.begin) == size && memcmp(text.begin, word, size) == 0;
}

static bool text_is_nocase(struct text text, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(text.end - text.begin) == size && strncasecmp(text.begin, word, size) == 0;
}

/* Cuts off what stands before `separator`, and the separator; false when there is none. */
static bool cut(struct text *text, const char *separator, struct text *ret_part)
{
    size_t size = strlen(separator);
    const char *at = memmem(text->begin, (size_t)(text->end - text->begin), separator, size);
    if (!at)
        return false;
    *ret_part = (struct text){ text->begin, at };
    text->begin = at + size;
    return true;
}

static struct text trim(struct text text)
{
    while (text.begin < text.end && (*text.begin == ' ' || *text.begin == '\t'))
        text.begin++;
    while (text.begin < text.end && (text.end[-1] == ' ' || text.end[-1] == '\t'))
        text.end--;
    return text;
}

/* A name of a method or a header. */
static bool is_token(struct text text)
{
    for (const char *p = text.begin; p < text.end; p++)
        if (*p <= ' ' || *p >= 127 || strchr("\"(),/:;<=>?@[\\]{}", *p))
            return false;
    return text.begin < text.end;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The path of a target, without query, decoded. */
static int read_path(struct text target, char *path)
{
    if (target.end - target.begin > 7 && strncasecmp(target.begin, "http://", 7) == 0) {
        target.begin += 7;                             /* as proxies are asked */
        while (target.begin < target.end && *target.begin != '/')
            target.begin++;
    }
    if (target.begin == target.end || *target.begin != '/')
        return 400;
    size_t used = 0;
    for (const char *p = target.begin; p < target.end && *p != '?' && *p != '#'; p++) {
        int c = (unsigned char)*p;
        if (c == '%') {
            int high = target.end - p > 2 ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;
            if (low < 0)
                return 400;
            c = high << 4 | low;
            p += 2;
        } else if (c <= ' ' || c == 127) {
            return 400;
        }
        if (c == 0)
            return 400;
        if (used == HTTP_PATH_MAX - 1)
            return 414;
        path[used++] = (char)c;
    }
    path[used] = 0;
    return 0;
}

static int read_headers(struct text headers, bool is_11, struct http_request *request)
{
    int hosts = 0;
    struct text line, name;
    while (cut(&headers, "\r\n", &line)) {
        if (!cut(&line, ":", &name) || !is_token(name) ||
            memchr(line.begin, 0, (size_t)(line.end - line.begin)))
            return 400;
        struct text value = trim(line);
        if (text_is_nocase(name, "Host")) {
            hosts++;
        } else if (text_is_nocase(name, "Transfer-Encoding") ||
                   (text_is_nocase(name, "Content-Length") && !text_is(value, "0"))) {
            request->keep_alive = false;               /* a body that nobody reads */
        } else if (text_is_nocase(name, "Connection")) {
            struct text word = { value.begin, value.begin };
            for (bool more = true; more; ) {
                more = cut(&value, ",", &word);
                word = trim(more ? word : value);
                if (text_is_nocase(word, "close"))
                    request->keep_alive = false;
            }
        }
    }
    return hosts > 1 || (is_11 && hosts == 0) ? 400 : 0;
}

static int read_head(struct text head, struct http_request *request)
{
    struct text line, method, target;
    if (!cut(&head, "\r\n", &line) || !cut(&line, " ", &method) || !cut(&line, " ", &target) ||
        !is_token(method))
        return 400;
    bool is_11 = text_is(line, "HTTP/1.1");
    if (!is_11 && !text_is(line, "HTTP/1.0"))
        return line.end - line.begin == 8 && memcmp(line.begin, "HTTP/", 5) == 0 ? 505 : 400;
    request->keep_alive = is_11;
    request->is_head = text_is(method, "HEAD");
    int status = read_path(target, request->path);
    if (!status)
        status = read_headers(head, is_11, request);
    if (!status && !request->is_head && !text_is(method, "GET"))
        status = 405;
    return status;
}

int http_read_request(asyncio_stream *stream, struct http_request *request)
{
    request->is_head = false;
    request->keep_alive = false;
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, HTTP_HEAD_SECONDS);
    const char *head;
    int n = asyncio_stream_readuntil_view(stream, "\r\n\r\n", 4, &head);
    n = asyncio_timeout_exit(&limit, n);
    if (n == -ETIMEDOUT)                               /* silence is no request that was too slow */
        return asyncio_stream_peek(stream, &head) ? 408 : 1;
    if (n == -ASYNCIO_LIMIT_OVERRUN || n > HTTP_HEAD_MAX)
        return 431;
    if (n == -ASYNCIO_INCOMPLETE_READ)
        return 1;
    return n < 0 ? n : read_head((struct text){ head, head + n - 2 }, request);
}

const char *http_reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 301: return "Moved Permanently";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
    }
}

int http_write_head(asyncio_stream *stream, const struct http_answer *answer, const void *body,
                    size_t size)
{
    char head[512 + 3 * HTTP_PATH_MAX];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %d %s\r\n"
                          "Server: libasyncio\r\n"
                          "Content-Type: %s\r\n"
                          "Content-Length: %lld\r\n"
                          "X-Content-Type-Options: nosniff\r\n"
                          "%s%s%s%s%s\r\n",
                          answer->status, http_reason(answer->status), answer->type,
                          answer->length,
                          answer->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                          answer->location ? "Location: " : "",
                          answer->location ? answer->location : "",
                          answer->location ? "\r\n" : "",
                          answer->keep_alive ? "" : "Connection: close\r\n");
    struct iovec pieces[2] = { { head, (size_t)length }, { (void *)(uintptr_t)body, size } };
    return asyncio_stream_writelines(stream, pieces, size ? 2 : 1);
}

bool http_quote(const char *path, char *text, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr("-._~/", c);
        if (used + 4 > size)
            return false;
        if (is_plain) {
            text[used++] = (char)c;
        } else {
            text[used++] = '%';
            text[used++] = digits[c >> 4];
            text[used++] = digits[c & 15];
        }
    }
    if (used == size)
        return false;
    text[used] = 0;
    return true;
}
