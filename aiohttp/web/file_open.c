/* SPDX-License-Identifier: MIT */
/* Which file is sent: the one that was asked for, or one beside it that is compressed already; and
 * what kind of thing it is by its name. */
#include "web/file.h"

#include "wire/media.h"

#include <aiohttp/web_exceptions.h>
#include <errno.h>

static const struct {
    const char *end, *type;
} types[] = {
    { "html", "text/html; charset=utf-8" },
    { "htm", "text/html; charset=utf-8" },
    { "css", "text/css; charset=utf-8" },
    { "js", "text/javascript; charset=utf-8" },
    { "mjs", "text/javascript; charset=utf-8" },
    { "json", "application/json" },
    { "map", "application/json" },
    { "txt", "text/plain; charset=utf-8" },
    { "md", "text/markdown; charset=utf-8" },
    { "csv", "text/csv; charset=utf-8" },
    { "xml", "application/xml" },
    { "svg", "image/svg+xml" },
    { "png", "image/png" },
    { "jpg", "image/jpeg" },
    { "jpeg", "image/jpeg" },
    { "gif", "image/gif" },
    { "webp", "image/webp" },
    { "avif", "image/avif" },
    { "ico", "image/vnd.microsoft.icon" },
    { "woff", "font/woff" },
    { "woff2", "font/woff2" },
    { "ttf", "font/ttf" },
    { "otf", "font/otf" },
    { "pdf", "application/pdf" },
    { "wasm", "application/wasm" },
    { "zip", "application/zip" },
    { "gz", "application/gzip" },
    { "tar", "application/x-tar" },
    { "mp3", "audio/mpeg" },
    { "ogg", "audio/ogg" },
    { "wav", "audio/x-wav" },
    { "mp4", "video/mp4" },
    { "webm", "video/webm" },
};

const char *aiohttp__web_type_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (span_is_case(span_of(dot + 1), span_of(types[i].end)))
            return types[i].type;
    return "application/octet-stream";
}

/* The best first when the peer has no opinion. */
static const struct {
    const char *coding, *end;
} siblings[] = { { "zstd", ".zst" }, { "br", ".br" }, { "gzip", ".gz" } };

enum { SIBLINGS = sizeof siblings / sizeof *siblings };

/* 0 for a regular file, else the answer. */
static int check(aiohttp_web_request *request, struct web_file *file)
{
    int r = fstat(file->descriptor, &file->status) < 0 ? -errno : 0;
    if (r >= 0 && S_ISREG(file->status.st_mode))
        return 0;
    aiohttp__web_close(file->descriptor);
    if (r >= 0 && S_ISDIR(file->status.st_mode))
        return -EISDIR;
    return r < 0 ? r : aiohttp_web_http_forbidden(request);
}

/* Tries siblings by what the peer thinks of them; -ENOENT when it gets the file itself. */
static int open_sibling(aiohttp_web_request *request, struct web_opener *opener, const char *name,
                        struct web_file *file)
{
    struct span accept = aiohttp__web_request_list(request, HEADER_ACCEPT_ENCODING);
    bool is_tried[SIBLINGS] = { false };
    if (!accept.data)
        return -ENOENT;
    for (;;) {
        int best = -1, most = 0;
        for (int i = 0; i < SIBLINGS; i++) {
            int quality = aiohttp__accept_coding_quality(accept, span_of(siblings[i].coding));
            if (!is_tried[i] && quality > most) {
                most = quality;
                best = i;
            }
        }
        if (best < 0)
            return -ENOENT;
        is_tried[best] = true;
        const char *beside = aiohttp__arena_printf(&request->exchange->arena, "%s%s", name,
                                                   siblings[best].end);
        if (!beside)
            return -ENOMEM;
        file->descriptor = opener->open(opener, beside);
        if (file->descriptor < 0)
            continue;
        if (fstat(file->descriptor, &file->status) >= 0 && S_ISREG(file->status.st_mode)) {
            file->coding = siblings[best].coding;
            return 0;
        }
        aiohttp__web_close(file->descriptor);
    }
}

int aiohttp__web_open_best(aiohttp_web_request *request, struct web_opener *opener,
                           const char *name, bool is_precompressed, struct web_file *ret_file)
{
    *ret_file = (struct web_file){ .descriptor = -1,
                                   .type = aiohttp__web_type_of(name),
                                   .varies = is_precompressed };
    if (is_precompressed) {
        int r = open_sibling(request, opener, name, ret_file);
        if (r != -ENOENT)
            return r;
    }
    int r = ret_file->descriptor = opener->open(opener, name);
    if (r == -ENOENT || r == -ENOTDIR || r == -ENAMETOOLONG)
        return aiohttp_web_http_not_found(request);
    if (r == -EACCES || r == -EPERM || r == -ELOOP || r == -EXDEV || r == -ENXIO)
        return aiohttp_web_http_forbidden(request);
    return r < 0 ? r : check(request, ret_file);
}
