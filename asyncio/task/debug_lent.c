/* SPDX-License-Identifier: MIT */
/* Debug mode: arguments that point into a frame which is gone while the task lives.
 *
 *      the creator's stack                              another task
 *      | frame of who made the task |  <-----------  argument 1
 *      | asyncio_create_task        |
 *
 * MODEL      When a task is made, each of its words is looked up in the frames of who makes it: on
 *            the creator's stack, or outside of tasks on the thread's. One that lies in a frame has
 *            that frame remembered: where it ends, its function, and where it returns to. A frame
 *            is gone when the unwinder no longer finds it: looked for after each step of the
 *            creator, and for all of its frames when it ends. Who has lent nothing is not looked
 *            at.
 * SURE       A number that happens to be an address of the creator's stack does not occur. A frame
 *            that was left and entered anew from the same place, as low, by the next suspension of
 *            the creator cannot be told from itself: that one is missed. So is what points through
 *            other memory, into another task's stack, or from a frame that the compiler put into
 *            the one around it. A task that will never run its body uses no argument: not
 *            reported.
 * TOLD       Once for each argument. */
#include "task/debug_mode.h"

#include "base/alloc.h"
#include "task/stacks.h"
#include "task/task.h"

#include <stdio.h>

enum { FRAMES_MAX = 256, WORDS = 6 };

/* A frame that at least one argument points into. */
struct lent_frame {
    struct list link;         /* in its creator's creation, or in loop->lent_frames */
    struct stack_frame frame; /* end 0: the top of a stack, above all frames */
    struct list lents;
    size_t refs;
};

struct lent_word {
    struct list link;
    struct lent *lent;
    struct lent_frame *frame; /* NULL: this word is no pointer into a frame, or was told */
    unsigned index;
};

struct lent {
    asyncio_task *task;
    struct lent_word words[WORDS];
};

static void drop_word(struct lent_word *word)
{
    struct lent_frame *frame = word->frame;
    list_remove(&word->link);
    word->frame = NULL;
    if (--frame->refs > 0)
        return;
    list_remove(&frame->link);
    asyncio__free(frame);
}

void asyncio__debug_lent_end(struct creation *creation)
{
    if (!creation->arguments)
        return;
    for (unsigned i = 0; i < WORDS; i++)
        if (creation->arguments->words[i].frame)
            drop_word(&creation->arguments->words[i]);
    asyncio__free(creation->arguments);
    creation->arguments = NULL;
}

/* --- lending --- */

static const struct stack_frame *find(const struct stack_frame *frames, size_t count,
                                      uintptr_t address)
{
    for (size_t i = 0; i < count; i++)
        if (address >= frames[i].low && address < frames[i].end)
            return &frames[i];
    return NULL;
}

static bool is_same(const struct stack_frame *a, const struct stack_frame *b)
{
    return a->end == b->end && a->function == b->function && a->back == b->back;
}

static struct lent_frame *remember(struct list *frames, const struct stack_frame *frame)
{
    for (struct list *node = frames->next; node != frames; node = node->next) {
        struct lent_frame *known = container_of(node, struct lent_frame, link);
        if (is_same(&known->frame, frame))
            return known;
    }
    struct lent_frame *lent = asyncio__malloc(sizeof *lent);
    if (!lent)
        return NULL;
    *lent = (struct lent_frame){ .frame = *frame };
    list_init(&lent->lents);
    list_append(frames, &lent->link);
    return lent;
}

static void lend_word(struct creation *creation, struct list *frames, unsigned index,
                      const struct stack_frame *frame)
{
    if (!creation->arguments) {
        creation->arguments = asyncio__calloc(1, sizeof *creation->arguments);
        if (!creation->arguments)
            return;
        creation->arguments->task = (asyncio_task *)(void *)creation->future;
    }
    struct lent_frame *lent = remember(frames, frame);
    if (!lent)
        return;
    struct lent_word *word = &creation->arguments->words[index];
    *word = (struct lent_word){ .lent = creation->arguments, .frame = lent, .index = index };
    list_append(&lent->lents, &word->link);
    lent->refs++;
}

/* What lies above a task's first frame: arguments of its own that were copied. They stay until it
 * is over. */
static const struct stack_frame *above(const asyncio_task *creator, uintptr_t address)
{
    static const struct stack_frame top = { 0, 0, 0, 0 };
    if (!creator || address < (uintptr_t)creator->prepared)
        return NULL;
    const struct task_floor *floor = creator->future.loop->task_floor;
    const struct stack_pool *pool = floor->pools[creator->stack_class];
    return stack_slot_of(pool, (void *)address) == stack_slot_of(pool, creator->prepared) ? &top
                                                                                          : NULL;
}

static bool is_near(uintptr_t word)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return word > here && word - here < (uintptr_t)1 << 30;
}

void asyncio__debug_lend(asyncio_task *task)
{
    struct creation *creation = creation_of(&task->future);
    const struct loop_inspector *inspector = asyncio__loop_inspector;
    const asyncio_coro *coro = &task->prepared->coro;
    asyncio_task *creator = task_on_stack(task_current());
    struct creation *lender = creator ? creation_of(&creator->future) : NULL;
    bool is_any = false;
    for (unsigned i = 0; i < WORDS; i++)
        is_any = is_any || is_near(coro->args[i]);
    if (!is_any || !creation || !inspector || (creator && !lender))
        return;
    struct stack_frame *frames = asyncio__malloc(FRAMES_MAX * sizeof *frames);
    if (!frames)
        return;
    size_t count = inspector->frames(NULL, frames, FRAMES_MAX);
    struct list *list = lender ? &lender->lent_frames : &task->future.loop->lent_frames;
    for (unsigned i = 0; i < WORDS; i++) {
        const struct stack_frame *frame = NULL;
        if (is_near(coro->args[i]) && !(frame = find(frames, count, coro->args[i])))
            frame = above(creator, coro->args[i]);
        if (frame)
            lend_word(creation, list, i, frame);
    }
    asyncio__free(frames);
}

/* --- gone --- */

static void report(struct lent_word *word, const struct stack_frame *frame)
{
    asyncio_task *task = word->lent->task;
    char name[256] = "", message[512];
    if (frame->function && asyncio__loop_inspector)
        (void)asyncio__loop_inspector->describe((const void *)frame->function, name, sizeof name);
    (void)snprintf(message, sizeof message,
                   "An argument points into a frame that is gone while the task lives: "
                   "argument %u, into a variable of %s",
                   word->index + 1, name[0] ? name : "who made the task");
    asyncio__loop_report_at(task->future.loop, message, NULL, &task->future, task);
}

static bool will_run(const asyncio_task *task)
{
    return (task->future.task_flags & TASK_STARTED) ||
           !(task->future.task_flags & TASK_MUST_CANCEL);
}

/* The frame may go with its last word; a handler may do anything but run tasks. */
static void frame_is_gone(struct lent_frame *gone)
{
    struct stack_frame frame = gone->frame;
    struct list words = LIST_INIT(words), *node;
    list_splice(&words, &gone->lents);
    gone->refs++;
    while ((node = list_pop(&words))) {
        struct lent_word *word = container_of(node, struct lent_word, link);
        asyncio_task *task = word->lent->task;
        list_init(&word->link);
        word->frame = NULL;
        gone->refs--;
        if (future_done(&task->future) || !will_run(task))
            continue;
        future_ref(&task->future);
        report(word, &frame);
        future_unref(&task->future);
    }
    list_remove(&gone->link);
    asyncio__free(gone);
}

static void look(struct list *lent_frames, const struct coro *suspended)
{
    const struct loop_inspector *inspector = asyncio__loop_inspector;
    struct stack_frame *frames =
        inspector ? asyncio__malloc(FRAMES_MAX * sizeof *frames) : NULL;
    if (!frames)
        return;
    size_t count = inspector->frames(suspended, frames, FRAMES_MAX);
    struct list gone = LIST_INIT(gone), *node;
    for (node = lent_frames->next; node != lent_frames;) {
        struct lent_frame *lent = container_of(node, struct lent_frame, link);
        bool is_there = lent->frame.end == 0 || count == 0 || count == FRAMES_MAX;
        for (size_t i = 0; i < count && !is_there; i++)
            is_there = is_same(&frames[i], &lent->frame);
        node = node->next;
        if (!is_there) {
            list_remove(&lent->link);
            list_append(&gone, &lent->link);
        }
    }
    asyncio__free(frames);
    while ((node = list_pop(&gone)))
        frame_is_gone(container_of(node, struct lent_frame, link));
}

/* Nobody runs any more. */
void asyncio__debug_forget_frames(struct creation *creation)
{
    struct list *node, *word;
    while ((node = list_pop(&creation->lent_frames))) {
        struct lent_frame *frame = container_of(node, struct lent_frame, link);
        while ((word = list_pop(&frame->lents)))
            container_of(word, struct lent_word, link)->frame = NULL;
        asyncio__free(frame);
    }
}

void asyncio__debug_frames_left(asyncio_task *task, bool is_over)
{
    struct creation *creation = creation_of(&task->future);
    if (!creation || list_empty(&creation->lent_frames))
        return;
    if (!is_over) {
        look(&creation->lent_frames, &task->coro);
        return;
    }
    struct list *node;
    while ((node = list_pop(&creation->lent_frames)))
        frame_is_gone(container_of(node, struct lent_frame, link));
}

/* Those above the run's own frame stay as long as it runs: looked at when it begins. What a
 * callback has lent is gone when it returns. */
void asyncio__debug_stack_left(asyncio_loop *loop, bool has_entered)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    bool is_below = has_entered;
    for (struct list *node = loop->lent_frames.next; node != &loop->lent_frames && !is_below;
         node = node->next)
        is_below = container_of(node, struct lent_frame, link)->frame.low < here;
    if (is_below)
        look(&loop->lent_frames, NULL);
}
