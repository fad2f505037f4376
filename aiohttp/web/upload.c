/* SPDX-License-Identifier: MIT */
/* Files of forms: in memory, or in a temporary file without a name; saved where the user says. */
#include "web/upload.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <asyncio/file.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

enum { COPY = 65536 };

int aiohttp__web_upload_new(struct arena *arena, aiohttp_body_part_reader *part,
                            struct web_upload **ret_file)
{
    struct web_upload *file = aiohttp__arena_calloc(arena, 1, sizeof *file);
    const aiohttp_headers *headers = aiohttp_body_part_reader_headers(part);
    const char *type = aiohttp_headers_get(headers, "Content-Type");
    if (!file)
        return -ENOMEM;
    aiohttp_web_file_field *field = &file->field;
    field->descriptor = -1;
    field->name = aiohttp__arena_text(arena, span_of(aiohttp_body_part_reader_name(part)));
    field->filename = aiohttp__arena_text(arena, span_of(aiohttp_body_part_reader_filename(part)));
    field->content_type =
        aiohttp__arena_text(arena, type ? span_of(type) : SPAN("application/octet-stream"));
    if (!field->name || !field->filename || !field->content_type)
        return -ENOMEM;
    field->headers = aiohttp_headers_ref((aiohttp_headers *)(uintptr_t)headers);
    file->kept = bytes_up_to(PTRDIFF_MAX);
    *ret_file = file;
    return 0;
}

void aiohttp__web_upload_end(struct web_upload *file)
{
    aiohttp__bytes_fini(&file->kept);
    aiohttp_headers_unref((aiohttp_headers *)(uintptr_t)file->field.headers);
    if (file->field.descriptor >= 0)
        asyncio_close(file->field.descriptor); /* without a name it is gone with it */
    file->field.descriptor = -1;
}

/* --- temporary files --- */

/* Where the file system knows no O_TMPFILE the name is there for a moment. */
static int open_named(const char *directory)
{
    char path[4096];
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -EIO;
    int size = snprintf(path, sizeof path, "%s/aiohttp-%016" PRIx64, directory, number);
    if (size < 0 || (size_t)size >= sizeof path)
        return -ENAMETOOLONG;
    int descriptor = asyncio_open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, .mode = 0600);
    int r = descriptor < 0 ? descriptor : asyncio_unlink(path);
    if (r < 0 && descriptor >= 0)
        asyncio_close(descriptor);
    return r < 0 ? r : descriptor;
}

static int open_temporary(const char *directory)
{
    int r = asyncio_open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, .mode = 0600);
    return r == -EOPNOTSUPP || r == -EISDIR || r == -EINVAL ? open_named(directory) : r;
}

static int write_at(int descriptor, int64_t offset, const char *data, size_t size)
{
    while (size) {
        int r = asyncio_pwrite(descriptor, data, size, offset);
        if (r <= 0)
            return r < 0 ? r : -EIO;
        offset += r;
        data += r;
        size -= (size_t)r;
    }
    return 0;
}

static int write_all(struct web_upload *file, const char *data, size_t size)
{
    int r = write_at(file->field.descriptor, file->field.length, data, size);
    file->field.length += r < 0 ? 0 : (int64_t)size;
    return r;
}

/* What was kept in memory goes to the disk. */
static int move_out(struct web_upload *file, const char *directory)
{
    int r = open_temporary(directory);
    if (r < 0)
        return r;
    file->field.descriptor = r;
    file->field.length = 0;
    r = write_all(file, file->kept.data, file->kept.size);
    aiohttp__bytes_fini(&file->kept);
    return r;
}

int aiohttp__web_upload_add(struct web_upload *file, const struct upload_room *room,
                            const void *data, size_t size)
{
    if (file->field.descriptor < 0 && size > room->in_memory - file->kept.size) {
        int r = move_out(file, room->directory);
        if (r < 0)
            return r;
    }
    if (file->field.descriptor >= 0)
        return write_all(file, data, size);
    aiohttp__bytes_append(&file->kept, data, size);
    file->field.length += (int64_t)size;
    return file->kept.error;
}

int aiohttp__web_upload_done(struct web_upload *file)
{
    if (file->field.descriptor >= 0)
        return 0;
    bytes_put(&file->kept, '\0');
    file->field.data = file->kept.data;
    return file->kept.error;
}

/* --- what users do with them --- */

int aiohttp_web_file_field_read(const aiohttp_web_file_field *file, int64_t offset, void *buffer,
                                size_t size)
{
    if (offset < 0)
        return -EINVAL;
    if (offset >= file->length || size == 0)
        return 0;
    if ((uint64_t)(file->length - offset) < size)
        size = (size_t)(file->length - offset);
    if (size > INT32_MAX)
        size = INT32_MAX;
    if (file->descriptor >= 0)
        return asyncio_pread(file->descriptor, buffer, size, offset);
    memcpy(buffer, file->data + offset, size);
    return (int)size;
}

static int copy(const aiohttp_web_file_field *file, int out)
{
    if (file->descriptor < 0)
        return write_at(out, 0, file->data, (size_t)file->length);
    char *buffer = asyncio_mem_malloc(COPY);
    int r = buffer ? 0 : -ENOMEM;
    for (int64_t at = 0; r >= 0 && at < file->length;) {
        int count = asyncio_pread(file->descriptor, buffer, COPY, at);
        r = count > 0 ? write_at(out, at, buffer, (size_t)count) : count < 0 ? count : -EIO;
        at += count;
    }
    asyncio_mem_free(buffer);
    return r;
}

int aiohttp_web_file_field_save(const aiohttp_web_file_field *file, const char *path)
{
    if (!file || !path)
        return -EINVAL;
    int out = asyncio_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, .mode = 0666);
    if (out < 0)
        return out;
    int r = copy(file, out);
    int closed = asyncio_close(out);
    if (r >= 0)
        r = closed;
    int removed = r < 0 ? asyncio_unlink(path) : 0;
    return r < 0 ? r : removed;
}
