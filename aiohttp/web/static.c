/* SPDX-License-Identifier: MIT */
/* add_static: a resource whose part is a name below a directory. */
#include "web/application.h"
#include "web/file.h"
#include "web/page.h"

#include "base/bytes.h"
#include "wire/quote.h"

#include <aiohttp/web_exceptions.h>
#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <asyncio/file.h>
#include <asyncio/threads.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct root {
    struct web_opener opener;
    bool shows_index, has_dot_files, is_precompressed;
    const char *const *headers;
    char *index;
};

enum { NAMES_MAX = 10000, PAGE_MAX = 4 << 20 };

static int open_in(struct web_opener *opener, const char *name)
{
    return aiohttp__web_open_below(opener->directory, name, opener->may_leave);
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
struct entry {
    bool is_directory;
    int64_t size, modified;
    char name[];
};

struct listing {
    int directory;              /* taken */
    struct entry **entries;
    int count, result;
    bool has_dot_files, has_more;
};

static int read_entry(int directory, const char *name, struct entry **ret_entry)
{
    struct stat status;
    if (fstatat(directory, name, &status, 0) < 0 && fstatat(directory, name, &status,
                                                            AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* it has gone meanwhile */
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        return 0; /* nothing that is served */
    size_t size = strlen(name) + 1;
    struct entry *entry = asyncio_mem_malloc(sizeof *entry + size);
    if (!entry)
        return -ENOMEM;
    *entry = (struct entry){ S_ISDIR(status.st_mode), status.st_size, status.st_mtime };
    memcpy(entry->name, name, size);
    *ret_entry = entry;
    return 1;
}

static bool is_left_out(const struct listing *listing, const char *name)
{
    return name[0] == '.' &&
           (!listing->has_dot_files || !name[1] || (name[1] == '.' && !name[2]));
}

static int read_names(struct listing *listing)
{
    DIR *folder = fdopendir(listing->directory);
    if (!folder)
        return -errno;
    listing->directory = -1;
    struct dirent *entry;
    int r = 0;
    while (r >= 0 && (entry = readdir(folder))) {
        if (is_left_out(listing, entry->d_name))
            continue;
        if ((listing->has_more = listing->count == NAMES_MAX))
            break;
        r = read_entry(dirfd(folder), entry->d_name, &listing->entries[listing->count]);
        listing->count += r > 0;
    }
    closedir(folder);
    return r < 0 ? r : 0;
}

/* Directories first. */
static int compare(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    if ((*x)->is_directory != (*y)->is_directory)
        return (*y)->is_directory - (*x)->is_directory;
    return strcmp((*x)->name, (*y)->name);
}

static void add_size(struct bytes *out, int64_t size)
{
    static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB" };
    char text[32];
    double value = (double)size;
    size_t unit = 0;
    for (; value >= 1023.95 && unit < sizeof units / sizeof *units - 1; unit++)
        value /= 1024;
    snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    bytes_text(out, text);
}

static void add_row(struct bytes *out, const struct entry *entry)
{
    char date[32] = "";
    struct tm parts;
    struct span name = span_of(entry->name);
    const char *slash = entry->is_directory ? "/" : "";
    time_t when = (time_t)entry->modified;
    if (gmtime_r(&when, &parts))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts);
    bytes_text(out, "<tr><td><a href=\"./");
    aiohttp__quote(out, name, QUOTE_SEGMENT);
    bytes_text(out, slash);
    bytes_text(out, "\">");
    aiohttp__page_text(out, name);
    bytes_text(out, slash);
    bytes_text(out, "</a></td><td>");
    bytes_text(out, date);
    bytes_text(out, "</td><td>");
    if (!entry->is_directory)
        add_size(out, entry->size);
    bytes_text(out, "</td></tr>\n");
}

static void write_page(struct bytes *out, struct span path, bool has_parent,
                       const struct listing *listing)
{
    char title[256];
    struct bytes text = bytes_in(title, sizeof title);
    bytes_text(&text, "Index of ");
    bytes_add(&text, path);
    aiohttp__page_begin(out, bytes_span(&text),
                        "h1 { font-size: 1.5rem; overflow-wrap: anywhere; }\n"
                        "table { border-collapse: collapse; width: 100%; }\n"
                        "th, td { padding: .3rem .6rem; text-align: left; border-bottom: "
                        "1px solid #8884; }\n"
                        "th { font-weight: 600; }\n"
                        "td:first-child { overflow-wrap: anywhere; }\n"
                        "td + td { white-space: nowrap; opacity: .75; }\n"
                        "th:first-child, td:first-child { padding-left: 0; }\n"
                        "th:last-child, td:last-child { text-align: right; padding-right: 0; }\n");
    bytes_text(out, "<h1>Index of ");
    aiohttp__page_text(out, path);
    bytes_text(out, "</h1>\n<table>\n<tr><th>Name</th><th>Changed (UTC)</th><th>Size</th></tr>\n");
    if (has_parent)
        bytes_text(out, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    for (int i = 0; i < listing->count; i++)
        add_row(out, listing->entries[i]);
    bytes_text(out, "</table>\n");
    if (listing->has_more)
        bytes_text(out, "<p>There is more than this.</p>\n");
    aiohttp__page_end(out);
}

static int answer_page(aiohttp_web_request *request, const struct listing *listing)
{
    const char *path = aiohttp_web_request_path(request);
    const char *part = aiohttp_web_request_match_info(request, "filename");
    struct bytes page = bytes_up_to(PAGE_MAX);
    if (!path)
        return -ENOMEM;
    write_page(&page, span_of(path), part && *part, listing);
    int r = page.error ? page.error
                       : aiohttp_web_respond_bytes(request, page.data, page.size,
                                                   .content_type = "text/html; charset=utf-8");
    aiohttp__bytes_fini(&page);
    return r;
}

static int show_index(aiohttp_web_request *request, const struct root *root, int directory)
{
    struct listing listing = { .directory = directory, .has_dot_files = root->has_dot_files };
    listing.entries = asyncio_mem_calloc(NAMES_MAX, sizeof *listing.entries);
    if (!listing.entries) {
        asyncio_close(directory);
        return -ENOMEM;
    }
    int r = asyncio_to_thread(asyncio_coro(read_names, &listing));
    if (r >= 0) {
        qsort(listing.entries, (size_t)listing.count, sizeof *listing.entries, compare);
        r = answer_page(request, &listing);
    }
    for (int i = 0; i < listing.count; i++)
        asyncio_mem_free(listing.entries[i]);
    asyncio_mem_free(listing.entries);
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
    int directory = aiohttp__web_open_below(root->opener.directory, name, root->opener.may_leave);
    return directory < 0 ? aiohttp_web_http_forbidden(request)
                         : show_index(request, root, directory);
}

static int serve_static(aiohttp_web_request *request, void *data)
{
    struct root *root = data;
    struct web_file file;
    const char *part = aiohttp_web_request_match_info(request, "filename");
    if (!part)
        return aiohttp_web_http_not_found(request);
    size_t size = strlen(part) + 1;
    char *name = arena_alloc(&request->exchange->arena, size + 1);
    if (!name)
        return -ENOMEM;
    name[0] = '/'; /* so that a name begins behind one everywhere */
    memcpy(name + 1, part, size);
    if (!root->has_dot_files && is_hidden(name + 1))
        return aiohttp_web_http_not_found(request);
    int r = aiohttp__web_open_best(request, &root->opener, name, root->is_precompressed, &file);
    if (r == -EISDIR)
        return answer_directory(request, root, name);
    return r < 0 ? r : aiohttp__web_send_file(request, &file, root->headers);
}

/* A hash (FNV-1a) of when it was changed, and of its size. */
static void add_version(void *data, const char *name, struct bytes *out)
{
    struct root *root = data;
    struct stat status;
    char text[24];
    int descriptor = aiohttp__web_open_below_at_once(root->opener.directory, name,
                                                     root->opener.may_leave);
    int r = descriptor < 0 ? descriptor : fstat(descriptor, &status);
    if (descriptor >= 0)
        asyncio_close(descriptor);
    if (r < 0 || !S_ISREG(status.st_mode))
        return;
    uint64_t parts[] = { (uint64_t)status.st_mtim.tv_sec, (uint64_t)status.st_mtim.tv_nsec,
                         (uint64_t)status.st_size };
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < sizeof parts; i++)
        hash = (hash ^ ((const unsigned char *)parts)[i]) * 0x100000001b3;
    snprintf(text, sizeof text, "v=%016" PRIx64, hash);
    bytes_text(out, text);
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
    int r = aiohttp__application_may_change(app);
    if (r < 0)
        return r;
    r = directory && prefix ? new_root(directory, options, &root) : -EINVAL;
    if (r < 0)
        return aiohttp__application_failed(app, r, "static files of %s",
                                             directory ? directory : "NULL");
    size_t size = strlen(prefix);
    while (size && prefix[size - 1] == '/')
        size--;
    if (snprintf(path, sizeof path, "%.*s/{filename:.*}", (int)size, prefix) >= (int)sizeof path) {
        free_root(root);
        return aiohttp__application_failed(app, -EINVAL,
                                           "static files of %s: the prefix is too long", directory);
    }
    r = aiohttp_web_application_add_get(app, path, serve_static, .name = options->name,
                                        .data = root, .destroy = free_root);
    if (r >= 0)
        app->newest->version = add_version;
    return r;
}
