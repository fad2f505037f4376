/* SPDX-License-Identifier: MIT */
/* asyncio fetch: what a file is called. A name comes from a URL and is no path: it has no slash, is
 * not hidden, and no two are the same. See fetch.h. */
#include "fetch.h"

#include <errno.h>
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
    const char *name = aiohttp_url_name(url);
    size_t size = 0;
    for (; *name && size < NAME_MOST; name++)
        ret_name[size++] = (unsigned char)*name < ' ' || *name == '/' || *name == 127 ? '_' : *name;
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

static int is_taken(const struct fetch *fetch, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++)
        if (strcmp(fetch->downloads[i].name, name) == 0)
            return 1;
    return 0;
}

static int name_one(struct fetch *fetch, size_t index)
{
    char base[NAME_MOST + 1];
    struct download *download = &fetch->downloads[index];
    int r = base_of(download->url, base);
    if (r < 0) {
        (void)fprintf(stderr, "asyncio fetch: '%s' is no URL of http or https\n", download->url);
        return r == -ENOMEM ? r : -EINVAL;
    }
    if (fetch->output) {
        download->name = strdup(fetch->output);
    } else {
        for (int number = 1; number <= 1 + (int)index; number++) {
            free(download->name);
            download->name = joined(fetch->folder, base, number, "");
            if (!download->name || !is_taken(fetch, index, download->name))
                break;
        }
    }
    if (!download->name)
        return -ENOMEM;
    download->part = joined(NULL, download->name, 0, ".part");
    download->tag = joined(NULL, download->name, 0, ".part.tag");
    return download->part && download->tag ? 0 : -ENOMEM;
}

int fetch_names(struct fetch *fetch)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < fetch->count; i++)
        r = name_one(fetch, i);
    return r;
}
