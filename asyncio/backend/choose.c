/* SPDX-License-Identifier: MIT */
/* Which backend a loop gets: what the caller or the environment names, else the best this machine
 * allows. */
#include "backend/backend.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The best first; sim is only to be had by name. */
static const struct backend_type *const types[] = {
#if defined(ASYNCIO__HAVE_LIBURING)
    &asyncio__backend_io_uring,
#endif
    &asyncio__backend_epoll,
    &asyncio__backend_sim,
};

static int make(const struct backend_type *type, const struct backend_limits *limits,
                struct backend **ret_backend)
{
    asyncio__forks_watch();
    struct backend *backend = asyncio__calloc(1, type->size);
    if (!backend)
        return -ENOMEM;
    backend->type = type;
    backend->forks = atomic_load(&asyncio__forks);
    int r = type->init(backend, limits);
    if (r < 0) {
        asyncio__free(backend);
        return r;
    }
    *ret_backend = backend;
    return 0;
}

static int no_such(const char *name, const char *source)
{
    char all[64] = "";
    if (strcmp(name, "io_uring") == 0)
        return asyncio_raise(-ENOSYS, "%sthis library was built without io_uring", source);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t length = strlen(all);
        (void)snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", types[i]->name);
    }
    return asyncio_raise(-EINVAL, "%sthere is no backend %s: there is %s", source, name, all);
}

/* `source` begins the sentence of what went wrong. */
static int make_named(const char *name, const char *source, const struct backend_limits *limits,
                      struct backend **ret_backend)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i]->name, name) != 0)
            continue;
        int r = make(types[i], limits, ret_backend);
        if (r < 0 && r != -ENOMEM)
            (void)asyncio_raise(r, "%sno %s here: %s", source, name, asyncio_error_text(r));
        return r;
    }
    return no_such(name, source);
}

/* Why the best had to be passed over. */
static const char *reason_against(int error)
{
    switch (error) {
    case -ENOSYS: return "epoll, since this kernel has no io_uring";
    case -EPERM:
    case -EACCES: return "epoll, since io_uring is forbidden here";
    case -ENOMEM: return "epoll, since there was not enough memory for io_uring";
    case -EMFILE:
    case -ENFILE: return "epoll, since there was no descriptor for io_uring";
    case -EINVAL: return "epoll, since this kernel's io_uring is too old";
    default: return "epoll, since io_uring could not be set up here";
    }
}

static int make_best(const struct backend_limits *limits, struct backend **ret_backend,
                     const char **ret_reason)
{
    int r = make(types[0], limits, ret_backend);
    *ret_reason = "the best of this machine";
    if (r >= 0 || types[0] == &asyncio__backend_epoll)
        return r;
    *ret_reason = reason_against(r);
    return make(&asyncio__backend_epoll, limits, ret_backend);
}

int asyncio__backend_new(const char *wanted, const struct backend_limits *limits,
                         struct backend **ret_backend, const char **ret_reason)
{
    static const struct backend_limits defaults;
    const char *reason = "asked for by name", *source = "";
    if (!limits)
        limits = &defaults;
    if (!wanted || !*wanted) {
        wanted = secure_getenv("ASYNCIO_BACKEND");
        reason = "asked for by ASYNCIO_BACKEND";
        source = "ASYNCIO_BACKEND: ";
    }
    int r = wanted && *wanted ? make_named(wanted, source, limits, ret_backend)
                              : make_best(limits, ret_backend, &reason);
    if (r >= 0 && ret_reason)
        *ret_reason = reason;
    return r;
}

void asyncio__backend_free(struct backend *backend)
{
    if (!backend)
        return;
    backend->type->fini(backend);
    asyncio__free(backend);
}
