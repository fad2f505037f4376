/* SPDX-License-Identifier: MIT */
/* Files as answers, from the inside. */
#pragma once

#include "web/request.h"

#include <aiohttp/web_file.h>
#include <sys/stat.h>

/* What is sent of a file. */
struct web_file {
    int descriptor;
    struct stat status;
    const char *type;      /* its media type */
    const char *coding;    /* of a sibling: "br"; NULL: none */
    bool varies;           /* there is a choice of codings */
};

/* A piece of a body that is several ranges: text before it, then bytes of the file. */
struct web_part {
    struct web_part *next;
    struct span text;
    int64_t offset, size;
};

/* Sets the answer to an open file (taken, also on failure), as conditions and ranges of the request
 * want it. As aiohttp_web_file_response; does not suspend. */
int aiohttp__web_send_file(aiohttp_web_request *request, struct web_file *file,
                           const char *const *headers);

/* What headers say of the file, in the arena: they lend it, and so it is known which of them are
 * ours. */
struct web_described {
    char tag[40];
    char date[32];
    char range[80];
    const char *coding; /* static */
};

/* Takes away the headers that describe a file which is not sent after all. */
void aiohttp__web_file_forget(struct aiohttp_web_response *response);

/* The media type that the end of a name stands for. Static. */
const char *aiohttp__web_type_of(const char *name);

/* Closes what was opened for reading, at once: nothing has to be brought to the disk. */
void aiohttp__web_close(int descriptor);

/* static_open.c: open `name` below a directory; a `name` that is "" is the directory itself. The
 * first suspends where the disk has to be asked, the second lets the thread wait. */
int aiohttp__web_open_directory(const char *path);
int aiohttp__web_open_below(int directory, const char *name, bool may_leave);
int aiohttp__web_open_below_at_once(int directory, const char *name, bool may_leave);

/* Opens any file, as aiohttp__web_open_below. */
int aiohttp__web_open_path(const char *path);

/* Opens what the request wants most of `name` and the files beside it, by `open`. -EISDIR: it is a
 * directory; else as aiohttp_web_file_response. */
struct web_opener {
    int (*open)(struct web_opener *opener, const char *name);
    int directory;
    bool may_leave;
};
int aiohttp__web_open_best(aiohttp_web_request *request, struct web_opener *opener,
                           const char *name, bool is_precompressed, struct web_file *ret_file);
