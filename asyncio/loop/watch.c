/* SPDX-License-Identifier: MIT */
/* add_reader, add_writer: callbacks for plain descriptors, level-triggered on every backend.
 *
 * A watched descriptor is adopted by the backend while it has a reader or a writer, and handed
 * back untouched. The callback does not run inside the poll but as a handle of the turn, as
 * everything does; until it has run, further readiness is not queued again. */
#include "loop/handle.h"

#include "base/alloc.h"

struct direction {
    struct op op;
    struct handle handle;
    asyncio_fd_callback *callback;    /* NULL: not watched */
    void *data;
    void (*destroy)(void *data);
    struct watch *watch;
    bool in_backend;
};

struct watch {
    struct watch *next;
    asyncio_loop *loop;
    int descriptor;
    sock socket;
    struct direction directions[2];   /* reader, writer */
};

static void ready(struct op *op, int result)
{
    struct direction *direction = container_of(op, struct direction, op);
    asyncio_loop *loop = direction->watch->loop;
    if (result < 0) /* disarmed; the descriptor's owner learns of it by using it */
        direction->in_backend = false;
    if (!direction->callback || !list_empty(&direction->handle.link))
        return;
    struct handle *writer = &direction->watch->directions[1].handle;
    if (op->kind == OP_POLL_IN && !list_empty(&writer->link))
        /* one descriptor reads before it writes */
        list_append(&writer->link, &direction->handle.link);
    else
        asyncio__loop_call(loop, &direction->handle);
}

static void run(struct handle *handle, asyncio_loop *loop)
{
    struct direction *direction = container_of(handle, struct direction, handle);
    if (loop && direction->callback)
        direction->callback(direction->watch->descriptor, direction->data);
}

const void *asyncio__watch_function(const struct handle *handle)
{
    if (handle->run != run)
        return NULL;
    const struct direction *direction = container_of(handle, struct direction, handle);
    return (const void *)(uintptr_t)direction->callback;
}

static struct watch **find(asyncio_loop *loop, int descriptor)
{
    struct watch **link = &loop->watches;
    while (*link && (*link)->descriptor != descriptor)
        link = &(*link)->next;
    return link;
}

static void forget(struct direction *direction)
{
    void (*destroy)(void *) = direction->destroy;
    void *data = direction->data;
    direction->callback = NULL;
    direction->destroy = NULL;
    list_remove(&direction->handle.link);
    if (destroy)
        destroy(data);
}

static void drop_if_unused(struct watch **link)
{
    struct watch *watch = *link;
    if (watch->directions[0].callback || watch->directions[1].callback)
        return;
    struct backend *backend = watch->loop->backend;
    int descriptor;
    *link = watch->next;
    (void)backend->type->detach(backend, watch->socket, &descriptor);
    asyncio__free(watch);
}

static int new_watch(asyncio_loop *loop, int descriptor, struct watch **ret_watch)
{
    struct watch *watch = asyncio__calloc(1, sizeof *watch);
    if (!watch)
        return -ENOMEM;
    watch->loop = loop;
    watch->descriptor = descriptor;
    for (int i = 0; i < 2; i++) {
        struct direction *direction = &watch->directions[i];
        direction->watch = watch;
        direction->handle.run = run;
        list_init(&direction->handle.link);
        list_init(&direction->op.link);
        direction->op.complete = ready;
        direction->op.kind = i == 0 ? OP_POLL_IN : OP_POLL_OUT;
    }
    int r = loop->backend->type->adopt(loop->backend, descriptor, &watch->socket);
    if (r < 0) {
        asyncio__free(watch);
        return r;
    }
    watch->next = loop->watches;
    loop->watches = watch;
    *ret_watch = watch;
    return 0;
}

static int add(asyncio_loop *loop, int descriptor, int which, asyncio_fd_callback *callback,
               const asyncio_watch_options *options)
{
    int r = asyncio__loop_check(loop);
    if (r < 0)
        return r;
    if (!callback)
        return -EINVAL;
    if (descriptor < 0)
        return -EBADF;
    struct watch *watch = *find(loop, descriptor);
    if (!watch && (r = new_watch(loop, descriptor, &watch)) < 0)
        return r;
    struct direction *direction = &watch->directions[which];
    if (!direction->in_backend) {
        direction->op.socket = watch->socket;
        r = loop->backend->type->submit(loop->backend, &direction->op);
        if (r != OP_PENDING) {
            drop_if_unused(find(loop, descriptor));
            return r < 0 ? r : -EIO;
        }
        direction->in_backend = true;
    }
    void (*destroy)(void *) = direction->destroy;
    void *data = direction->data;
    list_remove(&direction->handle.link);
    direction->callback = callback;
    direction->data = options ? options->data : NULL;
    direction->destroy = options ? options->destroy : NULL;
    if (destroy)
        destroy(data); /* last: it may remove what was just added */
    return 0;
}

static int remove_watch(asyncio_loop *loop, int descriptor, int which)
{
    struct watch **link = find(loop, descriptor);
    if (!*link || !(*link)->directions[which].callback)
        return 0;
    struct direction *direction = &(*link)->directions[which];
    if (direction->in_backend) {
        (void)loop->backend->type->cancel(loop->backend, &direction->op);
        direction->in_backend = false;
    }
    forget(direction);
    link = find(loop, descriptor); /* destroy may have changed the list */
    if (*link)
        drop_if_unused(link);
    return 1;
}

int(asyncio_loop_add_reader)(asyncio_loop *loop, int descriptor, asyncio_fd_callback *callback,
                             const asyncio_watch_options *options)
{
    return add(loop, descriptor, 0, callback, options);
}

int(asyncio_loop_add_writer)(asyncio_loop *loop, int descriptor, asyncio_fd_callback *callback,
                             const asyncio_watch_options *options)
{
    return add(loop, descriptor, 1, callback, options);
}

int asyncio_loop_remove_reader(asyncio_loop *loop, int descriptor)
{
    int r = asyncio__loop_check(loop);
    return r < 0 ? r : remove_watch(loop, descriptor, 0);
}

int asyncio_loop_remove_writer(asyncio_loop *loop, int descriptor)
{
    int r = asyncio__loop_check(loop);
    return r < 0 ? r : remove_watch(loop, descriptor, 1);
}

void asyncio__loop_close_watches(asyncio_loop *loop)
{
    while (loop->watches) {
        int descriptor = loop->watches->descriptor;
        (void)remove_watch(loop, descriptor, 0);
        if (loop->watches && loop->watches->descriptor == descriptor)
            (void)remove_watch(loop, descriptor, 1);
    }
}
