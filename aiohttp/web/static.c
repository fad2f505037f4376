/* SPDX-License-Identifier: MIT */
/* add_static: a resource whose part is a name below a directory. */
#include "web/application.h"
#include "web/file.h"

#include "base/bytes.h"
#include "wire/quote.h"

#include <aiohttp/web_exceptions.h>
#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <asyncio/file.h>
#include <asyncio/threads.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct root {
    struct web_opener opener;
    bool shows_index, has_dot_files, is_precompressed;
    const char *const *headers;
    char *index;
};

enum { NAMES_MAX = 10000, PAGE_MAX = 4 << 20 };

static int open_in(struct web_opener *opener, const char *name)
{
    return aiohttp__web_open_below(opener->directory, name, opener->may_leave, true);
}

static void free_root(void *data)
{
    struct root *root = data;
    if (root->opener.directory >= 0)
        asyncio_close(root->opener.directory);
    asyncio_mem_free(root->index);
    asyncio_mem_free(root);
}

/* Whether a segment begins with a dot; there is a '/' before `name`. */
static bool is_hidden(const char *name)
{
    for (; *name; name++)
        if (*name == '.' && name[-1] == '/')
            return true;
    return false;
}

/* What a page of names is made of: done in a thread. */
struct listing {
    int directory;              /* taken */
    struct dirent **names;
    int count, result;
};

static int read_names(struct listing *listing)
{
    DIR *folder = fdopendir(listing->directory);
    if (!folder)
        return -errno;
    listing->directory = -1;
    struct dirent *entry;
    while ((entry = readdir(folder)) && listing->count < NAMES_MAX) {
        if (entry->d_name[0] == '.')
            continue;
        struct dirent *copy = asyncio_mem_malloc(sizeof *copy);
        if (!copy)
            break;
        memcpy(copy, entry, offsetof(struct dirent, d_name) + strlen(entry->d_name) + 1);
        listing->names[listing->count++] = copy;
    }
    int result = entry && listing->count < NAMES_MAX ? -ENOMEM : 0;
    closedir(folder);
    return result;
}

static int compare(const void *a, const void *b)
{
    const struct dirent *const *x = a, *const *y = b;
    return strcmp((*x)->d_name, (*y)->d_name);
}

static void add_html(struct bytes *out, struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        switch (text.data[i]) {
        case '&':
            bytes_text(out, "&amp;");
            break;
        case '<':
            bytes_text(out, "&lt;");
            break;
        case '>':
            bytes_text(out, "&gt;");
            break;
        case '"':
            bytes_text(out, "&quot;");
            break;
        case '\'':
            bytes_text(out, "&#x27;");
            break;
        default:
            bytes_put(out, text.data[i]);
        }
}

static void write_page(struct bytes *out, const char *path, const struct listing *listing)
{
    bytes_text(out, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Index of ");
    add_html(out, span_of(path));
    bytes_text(out, "</title></head>\n<body><h1>Index of ");
    add_html(out, span_of(path));
    bytes_text(out, "</h1>\n<ul>\n");
    for (int i = 0; i < listing->count; i++) {
        struct span name = span_of(listing->names[i]->d_name);
        const char *slash = listing->names[i]->d_type == DT_DIR ? "/" : "";
        bytes_text(out, "<li><a href=\"./");
        aiohttp__quote(out, name, QUOTE_SEGMENT);
        bytes_text(out, slash);
        bytes_text(out, "\">");
        add_html(out, name);
        bytes_text(out, slash);
        bytes_text(out, "</a></li>\n");
    }
    bytes_text(out, "</ul></body></html>\n");
}

static int answer_page(aiohttp_web_request *request, const struct listing *listing)
{
    const char *path = aiohttp_web_request_path(request);
    struct bytes page = bytes_up_to(PAGE_MAX);
    if (!path)
        return -ENOMEM;
    write_page(&page, path, listing);
    int r = page.error ? page.error
                       : aiohttp_web_respond_bytes(request, page.data, page.size,
                                                   .content_type = "text/html; charset=utf-8");
    aiohttp__bytes_fini(&page);
    return r;
}

static int show_index(aiohttp_web_request *request, int directory)
{
    struct listing listing = { .directory = directory };
    listing.names = asyncio_mem_calloc(NAMES_MAX, sizeof *listing.names);
    if (!listing.names) {
        asyncio_close(directory);
        return -ENOMEM;
    }
    int r = asyncio_to_thread(asyncio_coro(read_names, &listing));
    if (r >= 0) {
        qsort(listing.names, (size_t)listing.count, sizeof *listing.names, compare);
        r = answer_page(request, &listing);
    }
    for (int i = 0; i < listing.count; i++)
        asyncio_mem_free(listing.names[i]);
    asyncio_mem_free(listing.names);
    if (listing.directory >= 0)
        asyncio_close(listing.directory);
    return r;
}

/* A directory: its index, a page of its names, or nothing. `path` has to end with a slash for links
 * to be right. */
static int answer_directory(aiohttp_web_request *request, struct root *root, const char *name)
{
    struct arena *arena = &request->exchange->arena;
    const char *path = aiohttp_web_request_raw_path(request);
    if (!path)
        return -ENOMEM;
    if (!root->index && !root->shows_index)
        return aiohttp_web_http_forbidden(request);
    if (path[strlen(path) - 1] != '/') {
        while (path[0] == '/' && path[1] == '/')
            path++; /* no way to another host */
        const char *there = aiohttp__arena_printf(arena, "%s/", path);
        return there ? aiohttp_web_http_found(request, there) : -ENOMEM;
    }
    if (root->index) {
        struct web_file file;
        const char *index = aiohttp__arena_printf(arena, "%s/%s", name, root->index);
        int r = index ? aiohttp__web_open_best(request, &root->opener, index,
                                               root->is_precompressed, &file)
                      : -ENOMEM;
        if (r >= 0)
            return aiohttp__web_send_file(request, &file, root->headers);
        if (r == -EISDIR)
            r = aiohttp_web_http_forbidden(request);
        if (aiohttp_web_http_status(r) != 404 || !root->shows_index)
            return r;
    }
    int directory = aiohttp__web_open_below(root->opener.directory, name, root->opener.may_leave,
                                            true);
    return directory < 0 ? aiohttp_web_http_forbidden(request) : show_index(request, directory);
}

static int serve_static(aiohttp_web_request *request, void *data)
{
    struct root *root = data;
    struct web_file file;
    const char *part = aiohttp_web_request_match_info(request, "filename");
    if (!part)
        return aiohttp_web_http_not_found(request);
    const char *name = aiohttp__arena_printf(&request->exchange->arena, "/%s", part);
    if (!name)
        return -ENOMEM;
    if (!root->has_dot_files && is_hidden(name + 1))
        return aiohttp_web_http_not_found(request);
    int r = aiohttp__web_open_best(request, &root->opener, name, root->is_precompressed, &file);
    if (r == -EISDIR)
        return answer_directory(request, root, name);
    return r < 0 ? r : aiohttp__web_send_file(request, &file, root->headers);
}

static int new_root(const char *directory, const aiohttp_web_static_options *options,
                    struct root **ret_root)
{
    struct root *root = asyncio_mem_calloc(1, sizeof *root);
    if (!root)
        return -ENOMEM;
    *root = (struct root){ .opener = { open_in, -1, options->break_symlink_sandbox != 0 },
                           .shows_index = options->show_index,
                           .has_dot_files = options->dot_files,
                           .is_precompressed = options->precompressed,
                           .headers = options->headers };
    int r = 0;
    if (options->index && !(root->index = asyncio_mem_strdup(options->index)))
        r = -ENOMEM;
    if (r >= 0)
        r = root->opener.directory = aiohttp__web_open_directory(directory);
    if (r >= 0) {
        *ret_root = root;
        return 0;
    }
    free_root(root);
    return r;
}

int(aiohttp_web_application_add_static)(aiohttp_web_application *app, const char *prefix,
                                        const char *directory,
                                        const aiohttp_web_static_options *options)
{
    static const aiohttp_web_static_options usual = { .size = sizeof usual };
    struct root *root = NULL;
    char path[512];
    if (!options)
        options = &usual;
    int r = directory ? new_root(directory, options, &root) : -EINVAL;
    if (r < 0)
        return aiohttp__application_failed(app, r, "static files of %s",
                                             directory ? directory : "NULL");
    size_t size = strlen(prefix);
    while (size && prefix[size - 1] == '/')
        size--;
    snprintf(path, sizeof path, "%.*s/{filename:.*}", (int)size, prefix);
    return aiohttp_web_application_add_get(app, path, serve_static, .name = options->name,
                                           .data = root, .destroy = free_root);
}
