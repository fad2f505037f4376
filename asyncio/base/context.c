/* SPDX-License-Identifier: MIT */
/* Contexts, copied when they are written to: see context.h.
 *
 * A context is a sorted array of (variable, value). A value with a destroy is counted by a box
 * beside it, shared by all contexts and tokens that hold it. Nothing of a context is touched any
 * more once a destroy is called: it is the caller's code and may set variables itself. */
#include "base/context.h"

#include "base/alloc.h"
#include "base/thread.h"

#include <limits.h>
#include <string.h>

struct value_box {
    atomic_uint refs;
    void (*destroy)(void *value);
};

struct held_value {
    void *value;
    struct value_box *box;   /* NULL: nobody wants to know of its end */
    bool is_set;             /* false keeps the variable's place for a token */
};

struct context_entry {
    const asyncio_context_var *var;
    struct held_value held;
};

struct asyncio_context_token {
    struct asyncio_context *context;   /* an owned reference */
    const asyncio_context_var *var;
    struct held_value old;
    bool used;
};

int (*asyncio__call_coro)(const asyncio_coro *coro, struct held *held);
void (*asyncio__close_coro)(const asyncio_coro *coro);

static struct held_value hold(struct held_value held)
{
    if (held.box)
        atomic_fetch_add_explicit(&held.box->refs, 1, memory_order_relaxed);
    return held;
}

static void let_go(struct held_value held)
{
    if (!held.box || atomic_fetch_sub_explicit(&held.box->refs, 1, memory_order_acq_rel) != 1)
        return;
    void (*destroy)(void *value) = held.box->destroy;
    asyncio__free(held.box);
    destroy(held.value);
}

static bool has_identity(const struct asyncio_context *context)
{
    return context->pinned || context->tokens > 0;
}

static struct asyncio_context *context_ref(struct asyncio_context *context)
{
    if (context)
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

/* Empty, with room. */
static struct asyncio_context *context_alloc(unsigned capacity)
{
    struct asyncio_context *context = asyncio__malloc(sizeof *context);
    if (!context)
        return NULL;
    *context = (struct asyncio_context){ .capacity = capacity };
    atomic_init(&context->refs, 1);
    if (capacity) {
        context->entries = asyncio__malloc(capacity * sizeof *context->entries);
        if (!context->entries) {
            asyncio__free(context);
            return NULL;
        }
    }
    return context;
}

/* A new context without an identity. `from` NULL: empty. */
static struct asyncio_context *context_copy(const struct asyncio_context *from, unsigned room)
{
    struct asyncio_context *copy = context_alloc((from ? from->count : 0) + room);
    for (unsigned i = 0; copy && from && i < from->count; i++) {
        const struct context_entry *entry = &from->entries[i];
        if (entry->held.is_set)
            copy->entries[copy->count++] =
                (struct context_entry){ entry->var, hold(entry->held) };
    }
    return copy;
}

static void context_unref(struct asyncio_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct context_entry *entries = context->entries;
    unsigned count = context->count;
    asyncio__free(context);
    for (unsigned i = 0; i < count; i++)
        let_go(entries[i].held);
    asyncio__free(entries);
}

/* Where `var` is, or would be put. */
static unsigned place_of(const struct asyncio_context *context, const asyncio_context_var *var)
{
    unsigned low = 0, high = context->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if ((uintptr_t)context->entries[middle].var < (uintptr_t)var)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Drops the places that were kept for tokens. */
static void compact(struct asyncio_context *context)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < context->count; i++)
        if (context->entries[i].held.is_set)
            context->entries[kept++] = context->entries[i];
    context->count = kept;
}

static int grow(struct asyncio_context *context)
{
    if (context->capacity > UINT_MAX / 4)
        return -ENOMEM;
    unsigned capacity = context->capacity ? context->capacity * 2 : 4;
    struct context_entry *grown = asyncio__realloc(context->entries, capacity * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    context->entries = grown;
    context->capacity = capacity;
    return 0;
}

/* The entry of `var`, made when there is none; NULL without memory. The context is the caller's
 * alone. */
static struct context_entry *entry_for(struct asyncio_context *context,
                                       const asyncio_context_var *var)
{
    unsigned place = place_of(context, var);
    if (place < context->count && context->entries[place].var == var)
        return &context->entries[place];
    if (context->count == context->capacity && context->tokens == 0)
        compact(context);
    if (context->count == context->capacity && grow(context) < 0)
        return NULL;
    place = place_of(context, var);
    struct context_entry *entry = context->entries + place;
    memmove(entry + 1, entry, (context->count - place) * sizeof *entry);
    context->count++;
    *entry = (struct context_entry){ .var = var };
    return entry;
}

/* Makes *slot a context that may be changed in place. */
static int make_writable(struct asyncio_context **slot)
{
    struct asyncio_context *old = *slot;
    if (old && (has_identity(old) ||
                atomic_load_explicit(&old->refs, memory_order_acquire) == 1))
        return 0;
    struct asyncio_context *copy = context_copy(old, 1);
    if (!copy)
        return -ENOMEM;
    *slot = copy;
    asyncio__thread_keeps(asyncio__env());
    context_unref(old);
    return 0;
}

int asyncio__context_inherit(struct asyncio_context **ret_context)
{
    struct asyncio_context *current = asyncio__env()->context;
    if (!current || current->count == 0) { /* a copy of the empty context is the empty one */
        *ret_context = NULL;
        return 0;
    }
    if (has_identity(current)) {
        struct asyncio_context *copy = context_copy(current, 0);
        if (!copy)
            return -ENOMEM;
        *ret_context = copy;
        return 0;
    }
    *ret_context = context_ref(current);
    return 0;
}

int asyncio__context_pin(struct asyncio_context **slot)
{
    int r = make_writable(slot);
    if (r == 0)
        (*slot)->pinned = true;
    return r;
}

int asyncio_context_get(asyncio_context *context, const asyncio_context_var *var, void **ret_value)
{
    if (!var)
        return -EINVAL;
    void *value = var->default_value;
    bool found = var->has_default;
    if (context) {
        unsigned place = place_of(context, var);
        if (place < context->count && context->entries[place].var == var &&
            context->entries[place].held.is_set) {
            value = context->entries[place].held.value;
            found = true;
        }
    }
    if (!found)
        return -ASYNCIO_LOOKUP;
    if (ret_value)
        *ret_value = value;
    return 0;
}

int asyncio_context_var_get(const asyncio_context_var *var, void **ret_value)
{
    return asyncio_context_get(asyncio__env()->context, var, ret_value);
}

/* All that can fail comes first. */
int(asyncio_context_var_set)(asyncio_context_var *var, void *value,
                             asyncio_context_token **ret_token,
                             const asyncio_context_var_set_options *options)
{
    if (!var)
        return -EINVAL;
    void (*destroy)(void *value) = options ? options->destroy : NULL;
    struct held_value held = { .value = value, .is_set = true };
    struct asyncio_context_token *token = NULL;
    struct context_entry *entry = NULL;
    if (destroy && !(held.box = asyncio__malloc(sizeof *held.box)))
        return -ENOMEM;
    if (!ret_token || (token = asyncio__malloc(sizeof *token))) {
        struct asyncio_context **slot = &asyncio__env()->context;
        if (make_writable(slot) == 0)
            entry = entry_for(*slot, var);
    }
    if (!entry) {
        asyncio__free(held.box);
        asyncio__free(token);
        return -ENOMEM;
    }
    if (destroy) {
        atomic_init(&held.box->refs, 1);
        held.box->destroy = destroy;
    }
    struct held_value old = entry->held;
    entry->held = held;
    if (token) {
        struct asyncio_context *context = asyncio__env()->context;
        *token = (struct asyncio_context_token){ context_ref(context), var, old, false };
        context->tokens++;
        *ret_token = token;
        return 0;
    }
    let_go(old);
    return 0;
}

void asyncio_context_token_unref(asyncio_context_token *token)
{
    if (!token)
        return;
    struct asyncio_context *context = token->context;
    struct held_value old = token->old;
    asyncio__free(token);
    context->tokens--;
    context_unref(context);
    let_go(old);
}

int asyncio_context_var_reset(asyncio_context_var *var, asyncio_context_token *token)
{
    if (!token)
        return -EINVAL;
    if (token->used)
        return -ASYNCIO_INVALID_STATE;
    if (token->context != asyncio__env()->context || token->var != var)
        return -EINVAL;
    struct context_entry *entry = &token->context->entries[place_of(token->context, var)];
    struct held_value now = entry->held;
    entry->held = token->old;
    token->old = (struct held_value){ 0 };
    token->used = true;
    let_go(now);
    asyncio_context_token_unref(token);
    return 0;
}

int asyncio_copy_context(asyncio_context **ret_context)
{
    struct asyncio_context *copy = context_copy(asyncio__env()->context, 0);
    if (!copy)
        return -ENOMEM;
    copy->pinned = true;
    *ret_context = copy;
    return 0;
}

int asyncio_context_new(asyncio_context **ret_context)
{
    struct asyncio_context *context = context_alloc(0);
    if (!context)
        return -ENOMEM;
    context->pinned = true;
    *ret_context = context;
    return 0;
}

asyncio_context *asyncio_context_ref(asyncio_context *context)
{
    return context_ref(context);
}

void asyncio_context_unref(asyncio_context *context)
{
    context_unref(context);
}

/* A run under way: what was current before. */
struct context_run {
    struct held held;
    struct env *env;
    struct asyncio_context *context, *outer;
};

static void leave(struct held *held)
{
    struct context_run *run = (struct context_run *)(void *)held;
    struct asyncio_context *inner = run->env->context;
    run->context->entered = false;
    run->env->context = run->outer;
    context_unref(inner);
}

int asyncio_context_run(asyncio_context *context, asyncio_coro coro)
{
    struct env *env = asyncio__env();
    int r = 0;
    if (!context)
        r = -EINVAL;
    else if (context->entered || env->context == context)
        r = -ASYNCIO_INVALID_STATE;
    else if (!asyncio__call_coro)
        r = -ENOSYS;
    if (r < 0) {
        if (asyncio__close_coro)
            asyncio__close_coro(&coro);
        return r;
    }
    struct context_run run = { { NULL, leave }, env, context, env->context };
    env->context = context_ref(context);
    context->entered = true;
    r = asyncio__call_coro(&coro, &run.held);
    leave(&run.held);
    return r;
}
