/* SPDX-License-Identifier: MIT */
/* Whole files and whole folders, into the memory of the innermost scope. */
#include <asyncio/exit_stack.h>
#include <asyncio/file.h>

#include "base/alloc.h"
#include "files/files.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { GUESS = 4096 }; /* for a file that does not tell its size, as those in /proc */

/* One block: the pointers, then the texts. */
static char **names_of(const struct file_op *op, size_t count)
{
    size_t pointers = (count + 1) * sizeof(char *);
    char **names = asyncio_alloc(pointers + op->size);
    if (!names)
        return NULL;
    char *text = (char *)names + pointers;
    if (op->size)
        memcpy(text, op->data, op->size);
    for (size_t i = 0; i < count; i++) {
        names[i] = text;
        text += strlen(text) + 1;
    }
    names[count] = NULL;
    return names;
}

int asyncio_listdir(const char *path, char ***ret_names)
{
    if (task_current())
        TASK_CHECK_SCOPES(task_current());
    if (!path)
        return -EFAULT;
    struct file_op op = { .kind = FILE_LIST, .path = path };
    int count = asyncio__file_do(&op);
    if (count < 0)
        return count;
    char **names = names_of(&op, (size_t)count);
    asyncio__free(op.data);
    if (!names)
        return -ENOMEM;
    *ret_names = names;
    return count;
}

struct whole {
    struct held held; /* the descriptor is the task's while it is suspended */
    int descriptor;
    char *data;
    size_t size, capacity, max;
    bool tells_size;
    struct stat status;
};

static void close_it(struct held *held)
{
    struct file_op op = { .kind = FILE_CLOSE,
                          .descriptor = container_of(held, struct whole, held)->descriptor };
    (void)asyncio__file_run(&op);
}

/* The old block stays in the arena until its scope ends: so it is made twice as large. */
static int grow(struct whole *whole)
{
    size_t capacity = whole->capacity * 2;
    char *data = asyncio_alloc(capacity);
    if (!data)
        return -ENOMEM;
    memcpy(data, whole->data, whole->size);
    whole->data = data;
    whole->capacity = capacity;
    return 0;
}

static int read_on(struct whole *whole)
{
    for (;;) {
        int r = whole->size + 1 < whole->capacity ? 0 : grow(whole);
        if (r < 0)
            return r;
        size_t asked = whole->capacity - whole->size - 1;
        r = asyncio_read(whole->descriptor, whole->data + whole->size, asked);
        if (r <= 0)
            return r;
        whole->size += (size_t)r;
        if (whole->max && whole->size > whole->max)
            return -EFBIG;
        if ((size_t)r < asked && whole->tells_size &&
            whole->size >= (size_t)whole->status.st_size)
            return 0; /* the end; short before it says nothing */
    }
}

/* Behind what is there already. */
static int read_opened(struct whole *whole)
{
    int r = whole->status.st_mode ? 0 : asyncio_fstat(whole->descriptor, &whole->status);
    if (r < 0)
        return r;
    const char *begun = whole->data;
    uint64_t size = (uint64_t)whole->status.st_size;
    whole->tells_size = S_ISREG(whole->status.st_mode) && size > 0 && size < SSIZE_MAX - 2;
    if (whole->max && whole->tells_size && size > whole->max)
        return -EFBIG;
    /* one more than the end: that it is there is seen without growing */
    whole->capacity = whole->tells_size ? (size_t)size + 2 : GUESS;
    if (whole->capacity < whole->size * 2)
        whole->capacity = whole->size * 2;
    whole->data = asyncio_alloc(whole->capacity);
    if (!whole->data)
        return -ENOMEM;
    if (whole->size)
        memcpy(whole->data, begun, whole->size);
    return read_on(whole);
}

int(asyncio_read_file)(const char *path, char **ret_data, size_t *ret_size,
                       const asyncio_read_file_options *options)
{
    asyncio_task *task = task_current();
    if (task)
        TASK_CHECK_SCOPES(task);
    struct whole whole = { .max = options ? options->max_size : 0 };
    struct file_op op = { .kind = FILE_WHOLE, .path = path, .status = &whole.status };
    int r = path ? asyncio__file_do(&op) : -EFAULT;
    if (r < 0)
        return r;
    whole.size = (size_t)r;
    whole.data = op.data;
    whole.descriptor = op.descriptor;
    r = whole.max && whole.size > whole.max ? -EFBIG : 0;
    if (whole.descriptor >= 0) {
        task_hold(task, &whole.held, close_it);
        r = r < 0 ? r : read_opened(&whole);
        task_let_go(task, &whole.held);
        close_it(&whole.held); /* only read: there is nothing to wait for */
    }
    if (r < 0)
        return r;
    whole.data[whole.size] = '\0';
    *ret_data = whole.data;
    if (ret_size)
        *ret_size = whole.size;
    return 0;
}
