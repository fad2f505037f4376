/* SPDX-License-Identifier: MIT */
/* Task factories: what create_task calls in place of asyncio_task_new, and those that start what
 * they make at once. Rules as CPython's create_eager_task_factory. */
#include "base/error.h"
#include "task/task.h"

/* The reference goes to who wanted one; a factory always gives one, so that one that made no task
 * is seen. */
int asyncio__task_create_by_factory(asyncio_loop *loop, const asyncio_coro *coro,
                                    asyncio_task **ret_task,
                                    const asyncio_create_task_options *options)
{
    asyncio_task *task = NULL;
    int r = loop->task_factory(loop, *coro, &task, options, loop->task_factory_data);
    if (r < 0)
        return r;
    if (!task)
        return asyncio_raise(-EINVAL, "the task factory returned no task");
    if (ret_task)
        *ret_task = task;
    else
        asyncio_task_unref(task);
    return 0;
}

void asyncio_loop_set_task_factory(asyncio_loop *loop, asyncio_task_factory *factory, void *data)
{
    loop->task_factory = factory;
    loop->task_factory_data = data;
}

asyncio_task_factory *asyncio_loop_get_task_factory(const asyncio_loop *loop)
{
    return loop->task_factory;
}

/* Eager, unless the one who makes the task says that it is not to be: as from Python 3.14 on. */
static asyncio_create_task_options eager(const asyncio_create_task_options *options)
{
    asyncio_create_task_options chosen =
        options ? *options : (asyncio_create_task_options){ .size = sizeof chosen };
    if (chosen.eager_start == 0)
        chosen.eager_start = 1;
    return chosen;
}

int asyncio_eager_task_factory(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                               const asyncio_create_task_options *options, void *data)
{
    (void)data;
    asyncio_create_task_options chosen = eager(options);
    return asyncio__task_create(loop, &coro, ret_task, &chosen);
}

static int construct_eagerly(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                             const asyncio_create_task_options *options, void *data)
{
    const asyncio_eager_task_constructor *made = data;
    asyncio_create_task_options chosen = eager(options);
    return made->constructor(loop, coro, ret_task, &chosen, made->data);
}

asyncio_eager_task_constructor asyncio_create_eager_task_factory(asyncio_task_factory *constructor,
                                                                 void *data)
{
    return (asyncio_eager_task_constructor){
        .factory = constructor ? construct_eagerly : asyncio_eager_task_factory,
        .constructor = constructor,
        .data = data,
    };
}
