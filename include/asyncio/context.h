/* SPDX-License-Identifier: MIT */
/* Context variables: Python's contextvars.
 *
 * MODEL      A context maps variables to values. Each task runs in a context of its own, a copy of
 *            its creator's, made at the cost of a reference: what a task sets is seen by the tasks
 *            it creates from then on, and by nobody else. A variable is the caller's, usually
 *            static: `static asyncio_context_var user = ASYNCIO_CONTEXT_VAR("user");`.
 * OWNERSHIP  A value is a pointer. With `.destroy`, the last context that holds it calls
 *            destroy(value).
 * THREADS    A context belongs to one thread at a time. Outside of tasks and callbacks, each
 *            thread has one of its own. */
#pragma once

#include <asyncio/coroutine.h>

ASYNCIO__BEGIN

/* A context variable; its address is its identity. `default_value` is what get gives where nothing
 * is set. */
typedef struct asyncio_context_var {
    const char *name;
    int has_default;
    void *default_value;
} asyncio_context_var;

#define ASYNCIO_CONTEXT_VAR(name_) { (name_), 0, NULL }
#define ASYNCIO_CONTEXT_VAR_DEFAULT(name_, value) { (name_), 1, (value) }

/* What a variable was before it was set; made by asyncio_context_var_set, ended by
 * asyncio_context_var_reset. */
typedef struct asyncio_context_token asyncio_context_token;

typedef struct asyncio_context_var_set_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_context_var_set_options));
    /* called once, when no context holds the value any more */
    void (*destroy)(void *value) ASYNCIO__0;
} asyncio_context_var_set_options;

/* Lends the variable's value in the current context to *ret_value, else its default.
 * -ASYNCIO_LOOKUP when there is neither. Does not suspend. */
ASYNCIO_API int asyncio_context_var_get(const asyncio_context_var *var, void **ret_value);

/* Sets the variable in the current context, until this context is gone or the token is used.
 * ret_token (NULL: not wanted) gets a new token, to be given to reset or unref'ed. -ENOMEM leaves
 * everything as it was, the value yours. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_context_var_set(
    asyncio_context_var *var, void *value, asyncio_context_token **ret_token,
    const asyncio_context_var_set_options *options);
#define asyncio_context_var_set(...) asyncio__context_var_set_m(__VA_ARGS__, )
#define asyncio__context_var_set_m(var, value, ret_token, ...)                                     \
    asyncio__context_var_set_v(                                                                    \
        var, value, ret_token,                                                                     \
        ASYNCIO__OPTIONS(asyncio_context_var_set_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__context_var_set_v(
    asyncio_context_var *var, void *value, asyncio_context_token **ret_token,
    asyncio_context_var_set_options options)
{
    return (asyncio_context_var_set)(var, value, ret_token, &options);
}

/* Puts the variable back to what it was when the token was made, and takes the token: it is gone
 * then. -EINVAL, and the token stays yours, when it was made in another context or for another
 * variable; -ASYNCIO_INVALID_STATE inside the destroy that its use calls. Does not suspend. */
ASYNCIO_API int asyncio_context_var_reset(asyncio_context_var *var, asyncio_context_token *token);

/* Gives a token back unused. NULL allowed. Does not suspend. */
ASYNCIO_API void asyncio_context_token_unref(asyncio_context_token *token);

/* Returns new: a copy of the current context. -ENOMEM. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_copy_context(asyncio_context **ret_context);

/* Returns new: an empty context. -ENOMEM. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_context_new(asyncio_context **ret_context);

/* Takes one more reference and returns it. NULL allowed. Does not suspend. */
ASYNCIO_API asyncio_context *asyncio_context_ref(asyncio_context *context);

/* Gives a reference back. NULL allowed. Does not suspend. */
ASYNCIO_API void asyncio_context_unref(asyncio_context *context);

/* As asyncio_context_var_get, but in `context`. Does not suspend. */
ASYNCIO_API int asyncio_context_get(asyncio_context *context, const asyncio_context_var *var,
                                    void **ret_value);

/* Python's Context.run: awaits the coroutine in the running task, with `context` current instead
 * of the task's; what it sets stays in `context`. Outside of tasks it calls the coroutine's
 * function, which then must not suspend. Returns the coroutine's result. -ASYNCIO_INVALID_STATE
 * when the context is entered already. Can suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_context_run(asyncio_context *context, asyncio_coro coro);
#if !defined(ASYNCIO__BUILD)
#define asyncio_context_run(context, coro) (asyncio_context_run)(context, ASYNCIO__CORO(coro))
#endif

ASYNCIO__END
