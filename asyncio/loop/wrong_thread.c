/* SPDX-License-Identifier: MIT */
/* Debug mode: calls from another thread than the loop's.
 *
 * Who can return an error returns it. What returns nothing, or wakes somebody on the way, does not
 * do it, and leaves a post for the loop, which tells its exception handler: that one is not to be
 * called from other threads either. */
#include "loop/loop.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

#define SENTENCE "%s is not thread-safe, and was called from another thread than the loop's"

struct complaint {
    struct post post;
    char message[160];
};

bool asyncio__loop_is_elsewhere(const asyncio_loop *loop)
{
    return loop->debug && atomic_load(&loop->running) &&
           !pthread_equal(loop->thread, pthread_self());
}

int asyncio__loop_check_thread_slow(const asyncio_loop *loop, const char *function)
{
    if (!asyncio__loop_is_elsewhere(loop))
        return 0;
    return asyncio_raise(-ASYNCIO_WRONG_THREAD, SENTENCE, function);
}

static void tell(struct handle *handle, asyncio_loop *loop)
{
    struct complaint *complaint = container_of(handle, struct complaint, post.handle);
    if (loop)
        asyncio__loop_report(loop, complaint->message, -ASYNCIO_WRONG_THREAD, NULL, NULL, NULL);
    asyncio__free(complaint);
}

bool asyncio__loop_refuses_thread(asyncio_loop *loop, const char *function)
{
    if (!asyncio__loop_is_elsewhere(loop))
        return false;
    struct complaint *complaint = asyncio__malloc(sizeof *complaint);
    if (!complaint)
        return true;
    *complaint = (struct complaint){ .post.handle.run = tell };
    list_init(&complaint->post.handle.link);
    (void)snprintf(complaint->message, sizeof complaint->message,
                   SENTENCE, function);
    if (asyncio__loop_post(loop, &complaint->post) < 0)
        asyncio__free(complaint);
    return true;
}
