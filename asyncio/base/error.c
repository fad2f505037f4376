/* SPDX-License-Identifier: MIT */
/* The table of errors, and the records that go with them: see error.h. Printing them is
 * print_error.c.
 *
 * A record is one block: the struct, the pointers to a group's members, the sentence and the
 * place. What it points to (cause, members) are records too, reached through their views. */
#include "base/error.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/thread.h"

#include <limits.h>
#include <stdatomic.h>
#include <string.h>

struct error_record {
    atomic_uint refs;
    unsigned causes;            /* how long the chain behind it is */
    struct error_record *dead;  /* the next one to free */
    asyncio_error view;
    const asyncio_error *errors[];
};

/* The common ones, with Python's class and a sentence that says what happened to whoever called;
 * the rest are OSError, in libc's words. */
#define ERRNOS(X)                                                                                  \
    X(EPERM, "PermissionError", "operation not permitted")                                         \
    X(ENOENT, "FileNotFoundError", "no such file or directory")                                    \
    X(ESRCH, "ProcessLookupError", "no such process")                                              \
    X(EINTR, "KeyboardInterrupt", "interrupted")                                                   \
    X(EIO, "OSError", "input/output error")                                                        \
    X(EBADF, "OSError", "bad file descriptor")                                                     \
    X(ECHILD, "ChildProcessError", "no child processes")                                           \
    X(EAGAIN, "BlockingIOError", "resource temporarily unavailable")                               \
    X(ENOMEM, "MemoryError", "out of memory")                                                      \
    X(EACCES, "PermissionError", "permission denied")                                              \
    X(EBUSY, "OSError", "device or resource busy")                                                 \
    X(EEXIST, "FileExistsError", "file exists")                                                    \
    X(ENOTDIR, "NotADirectoryError", "not a directory")                                            \
    X(EISDIR, "IsADirectoryError", "is a directory")                                               \
    X(EINVAL, "ValueError", "invalid argument")                                                    \
    X(ENFILE, "OSError", "too many open files in the system")                                      \
    X(EMFILE, "OSError", "too many open files")                                                    \
    X(ENOSPC, "OSError", "no space left on device")                                                \
    X(EPIPE, "BrokenPipeError", "broken pipe")                                                     \
    X(ERANGE, "OverflowError", "result out of range")                                              \
    X(EDEADLK, "RuntimeError", "the wait would never end")                           \
    X(ENAMETOOLONG, "OSError", "file name too long")                                               \
    X(ENOSYS, "NotImplementedError", "not implemented here")                                       \
    X(EOVERFLOW, "OverflowError", "value too large")                                               \
    X(EMSGSIZE, "OSError", "message too long")                                                     \
    X(EOPNOTSUPP, "OSError", "operation not supported")                                            \
    X(EADDRINUSE, "OSError", "address already in use")                                             \
    X(EADDRNOTAVAIL, "OSError", "cannot assign requested address")                                 \
    X(ENETUNREACH, "OSError", "network is unreachable")                                            \
    X(ECONNABORTED, "ConnectionAbortedError", "connection aborted")                                \
    X(ECONNRESET, "ConnectionResetError", "connection reset by peer")                              \
    X(ENOBUFS, "OSError", "no buffer space available")                                             \
    X(EISCONN, "OSError", "already connected")                                                     \
    X(ENOTCONN, "OSError", "not connected")                                                        \
    X(ESHUTDOWN, "BrokenPipeError", "cannot send after shutdown")                                  \
    X(ETIMEDOUT, "TimeoutError", "the operation timed out")                                        \
    X(ECONNREFUSED, "ConnectionRefusedError", "connection refused")                                \
    X(EHOSTUNREACH, "OSError", "no route to host")                                                 \
    X(EALREADY, "BlockingIOError", "operation already in progress")                                \
    X(EINPROGRESS, "BlockingIOError", "operation now in progress")                                 \
    X(ECANCELED, "CancelledError", "cancelled")

static const asyncio_error_row own_rows[] = {
#define ROW(code, python, sentence) { code, #code, python, sentence },
    ERRNOS(ROW)
#undef ROW
#define ROW(name, code, python, sentence) { code, "ASYNCIO_" #name, python, sentence },
    ASYNCIO_ERRORS(ROW)
#undef ROW
};

static asyncio_error_table own_table = { own_rows, sizeof own_rows / sizeof *own_rows, NULL };
static asyncio_error_table *_Atomic tables = &own_table;

void asyncio_error_table_add(asyncio_error_table *table)
{
    asyncio_error_table *first = atomic_load(&tables);
    do
        table->next = first;
    while (!atomic_compare_exchange_weak(&tables, &first, table));
}

static const asyncio_error_row *find(int result)
{
    if (result <= -INT_MAX)
        return NULL;
    for (const asyncio_error_table *table = atomic_load(&tables); table; table = table->next)
        for (size_t i = 0; i < table->count; i++)
            if (table->rows[i].code == -result)
                return &table->rows[i];
    return NULL;
}

/* libc's own, where its text is static. */
static const char *libc_name(int result)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    return result > -INT_MAX ? strerrorname_np(-result) : NULL;
#else
    (void)result;
    return NULL;
#endif
}

static const char *libc_sentence(int result)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    return result > -INT_MAX ? strerrordesc_np(-result) : NULL;
#else
    (void)result;
    return NULL;
#endif
}

const char *asyncio_error_name(int result)
{
    if (result >= 0)
        return "0";
    const asyncio_error_row *row = find(result);
    const char *name = row ? row->name : libc_name(result);
    return name ? name : "UNKNOWN";
}

const char *asyncio_error_class(int result)
{
    if (result >= 0)
        return "None";
    const asyncio_error_row *row = find(result);
    return row ? row->python : "OSError";
}

const char *asyncio_error_text(int result)
{
    if (result >= 0)
        return "success";
    const asyncio_error_row *row = find(result);
    const char *sentence = row ? row->sentence : libc_sentence(result);
    return sentence ? sentence : "unknown error";
}

static struct error_record *record_of(const asyncio_error *view)
{
    return view ? (struct error_record *)(uintptr_t)((uintptr_t)view -
                                                     offsetof(struct error_record, view))
                : NULL;
}

/* A record with room for `count` members and `size` bytes of text, which is where *ret_text
 * points. */
static struct error_record *record_alloc(int code, size_t count, size_t size, char **ret_text)
{
    size_t members = count * sizeof(asyncio_error *);
    if (count > SIZE_MAX / 2 / sizeof(asyncio_error *) || size > SIZE_MAX / 4)
        return NULL;
    struct error_record *record = asyncio__malloc(sizeof *record + members + size);
    if (!record)
        return NULL;
    *record = (struct error_record){ .view = { .code = code } };
    atomic_init(&record->refs, 1);
    *ret_text = (char *)record + sizeof *record + members;
    return record;
}

struct error_record *asyncio__record_new(int code, const char *file, int line, const char *function,
                                         const char *format, va_list arguments)
{
    static const char place[] = "%s:%d (%s)";
    int text_length = -1, where_length = 0;
    va_list again;
    va_copy(again, arguments);
    if (format)
        text_length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (file)
        where_length = snprintf(NULL, 0, place, file, line, function ? function : "?");
    size_t text_size = text_length < 0 ? 0 : (size_t)text_length + 1;
    size_t where_size = where_length <= 0 ? 0 : (size_t)where_length + 1;

    char *text;
    struct error_record *record = record_alloc(code, 0, text_size + where_size, &text);
    if (!record)
        return NULL;
    record->view.text = asyncio_error_text(code);
    if (text_size) {
        (void)vsnprintf(text, text_size, format, arguments);
        record->view.text = text;
    }
    if (where_size) {
        (void)snprintf(text + text_size, where_size, place, file, line, function ? function : "?");
        record->view.where = text + text_size;
    }
    return record;
}

struct error_record *asyncio__record_ref(struct error_record *record)
{
    if (record)
        atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    return record;
}

static bool was_last(struct error_record *record)
{
    return record && atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) == 1;
}

/* Without recursion: a chain or a nest of groups may be longer than a stack is deep. */
void asyncio__record_unref(struct error_record *record)
{
    if (!was_last(record))
        return;
    record->dead = NULL;
    while (record) {
        struct error_record *rest = record->dead;
        for (size_t i = 0; i <= record->view.error_count; i++) {
            struct error_record *other = record_of(i < record->view.error_count
                                                       ? record->errors[i]
                                                       : record->view.cause);
            if (was_last(other)) {
                other->dead = rest;
                rest = other;
            }
        }
        asyncio__free(record);
        record = rest;
    }
}

const asyncio_error *asyncio__record_view(const struct error_record *record)
{
    return record ? &record->view : NULL;
}

struct error_record *asyncio__record_take(int code)
{
    struct env *env = asyncio__env();
    struct error_record *record = env->record;
    if (!record || record->view.code != code)
        return NULL;
    env->record = NULL;
    return record;
}

unsigned long (*asyncio__step_number)(void);

static unsigned long step_number(void)
{
    return asyncio__step_number ? asyncio__step_number() : 0;
}

void asyncio__record_put(struct error_record *record)
{
    struct env *env = asyncio__env();
    struct error_record *old = env->record;
    env->record = record;
    asyncio__thread.fresh = record ? env : NULL;
    asyncio__thread.fresh_step = step_number();
    asyncio__thread_keeps(env);
    asyncio__record_unref(old);
}

static struct error_record *record_of_code(int code)
{
    char *unused;
    struct error_record *record = record_alloc(code, 0, 0, &unused);
    if (record)
        record->view.text = asyncio_error_text(code);
    return record;
}

struct error_record *asyncio__record_group(int code, const char *text,
                                           struct error_record *const *members, const int *codes,
                                           size_t count)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy;
    struct error_record *group = record_alloc(code, count, size, &copy);
    if (!group)
        return NULL;
    group->view.text = text ? memcpy(copy, text, size) : asyncio_error_text(code);
    group->view.errors = count ? group->errors : NULL;
    for (size_t i = 0; i < count; i++) {
        struct error_record *member = members ? asyncio__record_ref(members[i]) : NULL;
        if (!member)
            member = record_of_code(codes[i]);
        if (!member) {
            asyncio__record_unref(group);
            return NULL;
        }
        group->errors[i] = &member->view;
        group->view.error_count = i + 1;
    }
    return group;
}

/* An error raised while another one is fresh came of that, unless both are the same: then somebody
 * tried again. What became known before the task last suspended, or was printed, may have been
 * handled long ago: C has no end of an except block that would tell. */
static void chain(struct error_record *record, const struct env *env)
{
    struct error_record *before = env->record;
    bool is_fresh = asyncio__thread.fresh == env && asyncio__thread.fresh_step == step_number();
    if (before && is_fresh && before->view.code != record->view.code &&
        before->causes < RECORD_CAUSES_MAX) {
        record->view.cause = &before->view;
        record->causes = before->causes + 1;
        asyncio__record_ref(before);
    }
}

int asyncio__raise(const char *file, int line, const char *function, int code, const char *format,
                   ...)
{
    if (code >= 0)
        return code;
    va_list arguments;
    va_start(arguments, format);
    struct error_record *record =
        asyncio__record_new(code, file, line, function, format, arguments);
    va_end(arguments);
    if (record)
        chain(record, asyncio__env());
    asyncio__record_put(record);
    return code;
}

int(asyncio_raise)(int code, const char *format, ...)
{
    if (code >= 0)
        return code;
    va_list arguments;
    va_start(arguments, format);
    struct error_record *record = asyncio__record_new(code, NULL, 0, NULL, format, arguments);
    va_end(arguments);
    if (record)
        chain(record, asyncio__env());
    asyncio__record_put(record);
    return code;
}

const asyncio_error *asyncio_last_error(int result)
{
    struct error_record *record = asyncio__env()->record;
    return record && record->view.code == result ? &record->view : NULL;
}
