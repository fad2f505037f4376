/* SPDX-License-Identifier: MIT */
/* asyncio_process_communicate: up to three things at once, each a task of a group, but for the last
 * of them, which the caller does itself.
 *
 * What was read lies in the process, and so does how far the input was accepted: a cancelled call
 * can be made again, and nothing is lost. */
#include "process/process.h"

#include "base/alloc.h"

#include <asyncio/task_group.h>
#include <errno.h>

enum {
    CHUNK = 65536,      /* of input written at a time: not all of it is copied */
    OUTPUT_MIN = 4096,
};

struct talk {
    asyncio_process *process;
    const asyncio_process_communicate_options *options;
};

static int feed(struct talk *talk)
{
    asyncio_process *process = talk->process;
    asyncio_stream *stream = process->streams[STD_IN];
    int r = 0;
    while (talk->options->input && process->fed < talk->options->input_size) {
        size_t size = talk->options->input_size - process->fed;
        if (size > CHUNK)
            size = CHUNK;
        r = asyncio_stream_write_nowait(
            stream, (const char *)talk->options->input + process->fed, size);
        if (r < 0)
            break;
        process->fed += size;
        if ((r = asyncio_stream_drain(stream)) < 0)
            break;
    }
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    asyncio_stream_close(stream); /* a child that does not read is no error */
    return 0;
}

static int grow(struct output *output)
{
    if (output->capacity - output->size > 1)
        return 0;
    size_t capacity = output->capacity ? output->capacity * 2 : OUTPUT_MIN;
    char *data = asyncio__realloc(output->data, capacity);
    if (!data)
        return -ENOMEM;
    output->data = data;
    output->capacity = capacity;
    return 0;
}

static int collect(struct talk *talk, int which)
{
    struct output *output = &talk->process->outputs[which];
    asyncio_stream *stream = talk->process->streams[which];
    size_t max = talk->options->max_output;
    for (;;) {
        int r = grow(output);
        if (r < 0)
            return r;
        int n = asyncio_stream_read(stream, output->data + output->size,
                                    output->capacity - output->size - 1);
        if (n < 0 && n != -ECONNRESET)
            return n;
        if (n <= 0)
            break;
        output->size += (size_t)n;
        if (max && output->size > max)
            return -ASYNCIO_LIMIT_OVERRUN;
    }
    output->data[output->size] = '\0';
    asyncio_stream_close(stream);
    return 0;
}

static int do_part(struct talk *talk, int which)
{
    return which == STD_IN ? feed(talk) : collect(talk, which);
}

/* All at once: a child may write before it has read, and on either output. */
static int do_parts(struct talk *talk)
{
    int parts[STREAMS], count = 0;
    for (int i = 0; i < STREAMS; i++)
        if (talk->process->streams[i])
            parts[count++] = i;
    if (count == 0)
        return 0;
    if (count == 1)
        return do_part(talk, parts[0]);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = 0;
    for (int i = 0; i < count - 1 && r >= 0; i++)
        r = asyncio_task_group_create_task(
            &group, asyncio_coro(do_part, talk, parts[i]), NULL);
    if (r >= 0)
        r = do_part(talk, parts[count - 1]);
    return asyncio_task_group_exit(&group, r);
}

static const char *text_of(const asyncio_process *process, int which)
{
    return process->streams[which] ? process->outputs[which].data : NULL;
}

int(asyncio_process_communicate)(asyncio_process *process, asyncio_process_output *ret_output,
                                 const asyncio_process_communicate_options *options)
{
    static const asyncio_process_communicate_options none = { .size = sizeof none };
    net_check_scopes(NET_CALLER());
    struct talk talk = { process, options ? options : &none };
    if (talk.options->input_size && !(talk.options->input && process->streams[STD_IN]))
        return asyncio_raise(-EINVAL, "standard input is no pipe");
    if (process->is_communicating)
        return -EBUSY;
    process->is_communicating = true;
    int r = do_parts(&talk);
    if (r >= 0)
        r = asyncio_process_wait(process, NULL);
    process->is_communicating = false;
    if (r >= 0 && ret_output)
        *ret_output = (asyncio_process_output){
            .std_out = text_of(process, STD_OUT),
            .std_out_size = process->outputs[STD_OUT].size,
            .std_err = text_of(process, STD_ERR),
            .std_err_size = process->outputs[STD_ERR].size,
        };
    return r;
}
