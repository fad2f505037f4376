/* SPDX-License-Identifier: MIT */
/* Children and files. */
#include "ours.h"

#include "../files.h"

/* One child after another, made and waited for. */
int subprocesses(long count)
{
    static const char *const arguments[] = { "/bin/true", NULL };
    int64_t begin = wall();
    for (long i = 0; i < count; i++) {
        asyncio_process *process;
        int code;
        sure(asyncio_create_subprocess_exec(arguments, &process));
        sure(asyncio_process_wait(process, &code));
        if (code)
            die("/bin/true", code);
        asyncio_process_unref(process);
    }
    per(wall() - begin, count);
    return 0;
}

enum { READERS = 64 };

static int read_files(struct small_files *files)
{
    for (;;) {
        char name[64], *text;
        size_t size;
        if (!next_file(files, name, sizeof name))
            return 0;
        asyncio_exit_stack stack;
        asyncio_exit_stack_enter(&stack);
        int r = sure(asyncio_read_file(name, &text, &size));
        if (size != SMALL_FILE)
            die(name, (int)size);
        sure(asyncio_exit_stack_exit(&stack, r));
    }
}

int reading_files(long count)
{
    struct small_files files;
    make_files(&files, count);
    int64_t begin = wall();
    asyncio_task_group group;
    sure(asyncio_task_group_enter(&group));
    for (int i = 0; i < READERS; i++)
        sure(asyncio_task_group_create_task(&group, asyncio_coro(read_files, &files), NULL));
    sure(asyncio_task_group_exit(&group, 0));
    int64_t spent = wall() - begin;
    remove_files(&files);
    per(spent, count);
    return 0;
}
