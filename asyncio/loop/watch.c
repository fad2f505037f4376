/* SPDX-License-Identifier: MIT */
/* Plain descriptors, level-triggered on every backend: callbacks (add_reader, add_writer), and the
 * tasks of sock_recv and its like, which wait for the same readiness, once.
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
    struct list waiters;
    void (*wake)(struct list *waiters, int result);
};

enum { WATCHES_MIN = 64 };

struct watch {
    asyncio_loop *loop;
    int descriptor;
    sock socket;
    struct direction directions[2];   /* reader, writer */
};

static struct watch *find(const asyncio_loop *loop, int descriptor)
{
    return descriptor >= 0 && (size_t)descriptor < loop->watch_count ? loop->watches[descriptor]
                                                                     : NULL;
}

static bool is_used(const struct direction *direction)
{
    return direction->callback || !list_empty(&direction->waiters);
}

static void disarm_if_unused(struct direction *direction)
{
    struct backend *backend = direction->watch->loop->backend;
    if (!direction->in_backend || is_used(direction))
        return;
    (void)backend->type->cancel(backend, &direction->op);
    direction->in_backend = false;
}

static void drop_if_unused(struct watch *watch)
{
    if (is_used(&watch->directions[0]) || is_used(&watch->directions[1]))
        return;
    struct backend *backend = watch->loop->backend;
    int descriptor;
    watch->loop->watches[watch->descriptor] = NULL;
    (void)backend->type->detach(backend, watch->socket, &descriptor);
    asyncio__free(watch);
}

static void ready(struct op *op, int result)
{
    struct direction *direction = container_of(op, struct direction, op);
    asyncio_loop *loop = direction->watch->loop;
    if (result < 0) /* disarmed; the descriptor's owner learns of it by using it */
        direction->in_backend = false;
    if (!list_empty(&direction->waiters))
        direction->wake(&direction->waiters, result);
    if (!direction->callback) {
        disarm_if_unused(direction);
        drop_if_unused(direction->watch);
        return;
    }
    if (!list_empty(&direction->handle.link))
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

static int reserve(asyncio_loop *loop, int descriptor)
{
    size_t count = loop->watch_count ? loop->watch_count : WATCHES_MIN;
    if ((size_t)descriptor < loop->watch_count)
        return 0;
    while (count <= (size_t)descriptor)
        count *= 2;
    struct watch **grown = asyncio__realloc(loop->watches, count * sizeof(struct watch *));
    if (!grown)
        return -ENOMEM;
    for (size_t i = loop->watch_count; i < count; i++)
        grown[i] = NULL;
    loop->watches = grown;
    loop->watch_count = count;
    return 0;
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
        list_init(&direction->waiters);
        direction->op.complete = ready;
        direction->op.kind = i == 0 ? OP_POLL_IN : OP_POLL_OUT;
    }
    int r = loop->backend->type->adopt(loop->backend, descriptor, &watch->socket);
    /* it is open, so its number is a small one */
    if (r >= 0 && (r = reserve(loop, descriptor)) < 0)
        (void)loop->backend->type->detach(loop->backend, watch->socket, &descriptor);
    if (r < 0) {
        asyncio__free(watch);
        return r;
    }
    loop->watches[descriptor] = watch;
    *ret_watch = watch;
    return 0;
}

static int refused(int descriptor, int error)
{
    if (error == -EPERM)
        return asyncio_raise(
            error,
            "descriptor %d is a file or folder: always ready, it cannot be polled; "
            "asyncio_read and its like wait for the disk",
            descriptor);
    if (error == -EBUSY || error == -EEXIST)
        return asyncio_raise(-EBUSY, "descriptor %d is used by a stream or server", descriptor);
    return error < 0 ? error : -EIO;
}

static int arm(asyncio_loop *loop, int descriptor, int which, struct direction **ret_direction)
{
    if (descriptor < 0)
        return -EBADF;
    struct watch *watch = find(loop, descriptor);
    int r = watch ? 0 : new_watch(loop, descriptor, &watch);
    if (r < 0)
        return r == -EBUSY ? refused(descriptor, r) : r;
    struct direction *direction = &watch->directions[which];
    if (!direction->in_backend) {
        direction->op.socket = watch->socket;
        r = loop->backend->type->submit(loop->backend, &direction->op);
        if (r != OP_PENDING) {
            drop_if_unused(watch);
            return refused(descriptor, r);
        }
        direction->in_backend = true;
    }
    *ret_direction = direction;
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
    struct direction *direction;
    if ((r = arm(loop, descriptor, which, &direction)) < 0)
        return r;
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
    struct watch *watch = find(loop, descriptor);
    if (!watch || !watch->directions[which].callback)
        return 0;
    forget(&watch->directions[which]);
    if (find(loop, descriptor) == watch) { /* destroy may have removed it */
        disarm_if_unused(&watch->directions[which]);
        drop_if_unused(watch);
    }
    return 1;
}

int asyncio__loop_watch(asyncio_loop *loop, int descriptor, bool writes,
                        void (*wake)(struct list *waiters, int result), struct list **ret_waiters)
{
    struct direction *direction;
    int r = arm(loop, descriptor, writes, &direction);
    if (r < 0)
        return r;
    direction->wake = wake;
    *ret_waiters = &direction->waiters;
    return 0;
}

int asyncio__loop_may_use(const asyncio_loop *loop, int descriptor)
{
    const struct backend_type *type = loop->backend->type;
    int r = !type->has || find(loop, descriptor) ? 0 : type->has(loop->backend, descriptor);
    return r > 0 ? refused(descriptor, -EBUSY) : r;
}

void asyncio__loop_unwatch(asyncio_loop *loop, int descriptor, bool writes)
{
    struct watch *watch = find(loop, descriptor);
    if (!watch)
        return;
    disarm_if_unused(&watch->directions[writes]);
    drop_if_unused(watch);
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
    for (size_t i = 0; i < loop->watch_count; i++) {
        (void)remove_watch(loop, (int)i, 0);
        (void)remove_watch(loop, (int)i, 1);
        struct watch *watch = loop->watches[i];
        if (watch) { /* its tasks are no more */
            list_init(&watch->directions[0].waiters);
            list_init(&watch->directions[1].waiters);
            disarm_if_unused(&watch->directions[0]);
            disarm_if_unused(&watch->directions[1]);
            drop_if_unused(watch);
        }
    }
    asyncio__free(loop->watches);
    loop->watches = NULL;
    loop->watch_count = 0;
}
