/* SPDX-License-Identifier: MIT */
/* A coroutine of one's own kind, driven by a table of functions: here a tiny language, whose
 * programs are texts. Each letter is a step: a digit waits for so many tenths of a second, a point
 * for one turn of the loop, and all others are printed. It has no stack: it returns what it waits
 * for. */
#include <asyncio.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct script {
    const char *name, *at;
};

static int resume(void *state, int sent, asyncio_future **ret_awaits)
{
    struct script *script = state;
    if (sent < 0) {
        printf("%s: %s\n", script->name, asyncio_error_name(sent));
        return sent;                         /* an error of what it waited for, or a cancellation */
    }
    for (; *script->at; script->at++) {
        if (*script->at == '.') {
            script->at++;
            return ASYNCIO_SUSPENDED;        /* nothing to wait for: one turn */
        }
        if (isdigit((unsigned char)*script->at)) {
            asyncio_task *nap;
            double delay = (*script->at++ - '0') / 10.0;
            int r = asyncio_create_task(asyncio_coro(asyncio_sleep, delay), &nap);
            if (r < 0)
                return r;
            *ret_awaits = asyncio_future_ref(nap);
            asyncio_task_unref(nap);
            return ASYNCIO_SUSPENDED;        /* goes on when that is done */
        }
        printf("%s: %c\n", script->name, *script->at);
    }
    return 0;
}

static void destroy(void *state)
{
    struct script *script = state;
    printf("%s: is gone\n", script->name);   /* also when it never ran */
    free(script);
}

static void trace(void *state, char *text, size_t size)
{
    struct script *script = state;
    snprintf(text, size, "before \"%s\"", script->at);
}

static const asyncio_coroutine_type script_type = { .size = sizeof script_type,
                                                    .name = "script",
                                                    .resume = resume,
                                                    .destroy = destroy,
                                                    .trace = trace };

/* A coroutine object, as asyncio_coro makes one of a C function. Without memory it is none, which
 * whoever takes it says. */
static asyncio_coro script(const char *name, const char *text)
{
    struct script *made = malloc(sizeof *made);
    if (made)
        *made = (struct script){ name, text };
    return asyncio_coro_of(made ? &script_type : NULL, made);
}

static int program(void)
{
    int r = asyncio_gather(script("one", "a.b.c"), script("two", "x2y"));
    if (r >= 0)
        r = asyncio_await(script("in place", "p1q"));
    if (r >= 0)
        r = asyncio_wait_for(script("slow", "s9t"), 0.3);
    printf("the slow one: %s\n", asyncio_error_name(r));
    asyncio_task *task;
    r = asyncio_create_task(script("never", "n"), &task);
    if (r < 0)
        return r;
    asyncio_task_cancel(task);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r == -ECANCELED ? 0 : r;
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
