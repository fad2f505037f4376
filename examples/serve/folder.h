/* SPDX-License-Identifier: MIT */
/* The folder that is served. Everything here blocks on the disk: it is called in a thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a path leads to: a file, of which the first bytes have been read, or text in memory. */
struct folder_item {
    int descriptor;              /* of the file; -1: none */
    char *text;                  /* malloc'ed, or NULL */
    long long length;            /* of all of it */
    size_t begun;                /* bytes of the file that are in the buffer already */
    const char *type;
};

#define FOLDER_NOTHING { .descriptor = -1 }

/* Opens what `path` (decoded, beginning with '/') leads to and reads its first bytes into `buffer`;
 * for a directory its index.html, or a listing. Nothing leads out of `root`: neither "..", nor a
 * symbolic link, nor a name that begins with a dot. Returns a status: 200, 301 (a directory
 * without its '/' at the end), 403, 404, 500, 503. */
int folder_look(int root, const char *path, struct folder_item *item, char *buffer, size_t size);

/* Reads on in a file: how many bytes, 0 at its end, or -errno. */
int folder_read(int descriptor, char *buffer, size_t size, long long offset);

void folder_release(struct folder_item *item);

/* Makes a list of some pages: paths of files up to 256 KiB, "/" first, each malloc'ed. Returns how
 * many. */
int folder_pages(int root, char **ret_pages, int capacity);

/* Opens what `path` leads to from `folder`, and not out of it. -1 and errno. */
int folder_open(int folder, const char *path);

/* listing.c: a page about the directory, which is closed. NULL without memory. */
char *folder_listing(int descriptor, const char *path, size_t *ret_size);
