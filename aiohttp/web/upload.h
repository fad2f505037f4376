/* SPDX-License-Identifier: MIT */
/* A file of a form, as it comes: see form.c. */
#pragma once

#include "base/bytes.h"
#include "web/request.h"

#include <aiohttp/web_form.h>

/* Where files may grow. */
struct upload_room {
    const char *directory;
    size_t in_memory;
};

struct web_upload {
    struct web_upload *next;
    aiohttp_web_file_field field;
    struct bytes kept; /* while it is in memory */
};

/* A file for that part, in the arena: its names are copied, its headers kept. -ENOMEM. */
int aiohttp__web_upload_new(struct arena *arena, aiohttp_body_part_reader *part,
                            struct web_upload **ret_file);

/* Appends; goes to the disk when it becomes too large for memory. -ENOMEM, -ENOSPC and so on,
 * -ECANCELED. Suspends. */
int aiohttp__web_upload_add(struct web_upload *file, const struct upload_room *room,
                            const void *data, size_t size);

/* All has come. -ENOMEM. */
int aiohttp__web_upload_done(struct web_upload *file);

/* Gives back what is not in the arena. */
void aiohttp__web_upload_end(struct web_upload *file);
