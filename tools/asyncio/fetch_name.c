/* SPDX-License-Identifier: MIT */
/* asyncio fetch: what a file is called. A name comes from a URL and is no path: it has no slash, is
 * not hidden, and no two are the same. See fetch.h. */
#include "fetch.h"

#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 200 };

/* The last part of the URL's path as a file may be called, at most NAME_MOST bytes. */
static int base_of(const char *text, char ret_name[NAME_MOST + 1])
{
    aiohttp_url *url;
    int r = aiohttp_url_new(text, &url);
    if (r < 0)
        return r;
    const char *scheme = aiohttp_url_scheme(url);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        aiohttp_url_unref(url);
        return -EINVAL;
    }
    const unsigned char *name = (const unsigned char *)aiohttp_url_name(url);
    size_t size = 0;
    while (*name && size < NAME_MOST) {
        bool is_control = *name < ' ' || *name == 127;
        bool is_wide = *name == 0xc2 && name[1] >= 0x80 && name[1] < 0xa0; /* one of U+0080 on */
        ret_name[size++] = is_control || is_wide || *name == '/' ? '_' : (char)*name;
        name += is_wide ? 2 : 1;
    }
    while (size > 0 && (*name & 0xc0) == 0x80) { /* not half a character */
        name--;
        size--;
    }
    ret_name[size] = '\0';
    if (ret_name[0] == '.')
        ret_name[0] = '_';
    if (size == 0)
        snprintf(ret_name, NAME_MOST + 1, "index.html");
    aiohttp_url_unref(url);
    return 0;
}

static char *joined(const char *folder, const char *name, int number, const char *end)
{
    char *text = NULL;
    char more[16] = "";
    if (number > 1)
        snprintf(more, sizeof more, ".%d", number);
    if (asprintf(&text, "%s%s%s%s%s", folder ? folder : "", folder ? "/" : "", name, more, end) < 0)
        return NULL;
    return text;
}

/* --- names that are taken: a tree of texts, which are the downloads' --- */

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void leave(void *text)
{
    (void)text;
}

/* Whether any of its files is another's too: "a.part" is what "a" is called on its way. */
static int is_taken(void *const *taken, const struct download *download)
{
    return tfind(download->name, taken, compare) || tfind(download->part, taken, compare) ||
           tfind(download->tag, taken, compare);
}

static int take(void **taken, const struct download *download)
{
    return tsearch(download->name, taken, compare) && tsearch(download->part, taken, compare) &&
                   tsearch(download->tag, taken, compare)
               ? 0
               : -ENOMEM;
}

static int name_files(struct download *download, char *name)
{
    free(download->name);
    free(download->part);
    free(download->tag);
    download->name = name;
    download->part = name ? joined(NULL, name, 0, ".part") : NULL;
    download->tag = name ? joined(NULL, name, 0, ".part.tag") : NULL;
    return download->part && download->tag ? 0 : -ENOMEM;
}

static int name_one(struct fetch *fetch, struct download *download, void **taken)
{
    char base[NAME_MOST + 1];
    int r = base_of(download->url, base);
    if (r < 0) {
        (void)fprintf(stderr, "asyncio fetch: '%s' is no URL of http or https\n", download->url);
        return r == -ENOMEM ? r : -EINVAL;
    }
    if (fetch->output)
        return name_files(download, strdup(fetch->output));
    for (int number = 1; r >= 0; number++) {
        r = name_files(download, joined(fetch->folder, base, number, ""));
        if (r >= 0 && !is_taken(taken, download))
            return take(taken, download);
    }
    return r;
}

int fetch_names(struct fetch *fetch)
{
    void *taken = NULL;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < fetch->count; i++)
        r = name_one(fetch, &fetch->downloads[i], &taken);
    tdestroy(taken, leave);
    return r;
}
