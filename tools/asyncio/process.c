/* SPDX-License-Identifier: MIT */
/* See process.h: /proc/PID/maps and process_vm_readv. */
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

int complain(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fflush(stdout);
    (void)fputs("asyncio: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputs("\n", stderr);
    va_end(arguments);
    return status;
}

void *grow(void *memory, size_t count, size_t size)
{
    size_t bytes;
    void *grown = __builtin_mul_overflow(count ? count : 1, size, &bytes) ? NULL
                                                                          : realloc(memory, bytes);
    if (!grown)
        exit(complain(STATUS_FAILED, "there is not enough memory"));
    return grown;
}

bool process_read(struct process *process, uint64_t address, void *buffer, size_t size)
{
    struct iovec here = { buffer, size };
    struct iovec there = { (void *)(uintptr_t)address, size };
    ssize_t count = process_vm_readv(process->pid, &here, 1, &there, 1, 0);
    if (count == (ssize_t)size)
        return true;
    process->error = count < 0 ? errno : EFAULT;
    return false;
}

uint64_t process_pointer(struct process *process, uint64_t address)
{
    uint64_t value;
    return process_read(process, address, &value, sizeof value) ? value : 0;
}

/* Not beyond the page in which the text ends: the next one may be missing. */
bool process_text(struct process *process, uint64_t address, char *text, size_t size)
{
    size_t length = 0;
    while (length + 1 < size) {
        size_t part = 64 - (address + length) % 64;
        part = part < size - 1 - length ? part : size - 1 - length;
        if (!process_read(process, address + length, text + length, part))
            return false;
        const char *end = memchr(text + length, 0, part);
        length += end ? (size_t)(end - (text + length)) : part;
        if (end)
            break;
    }
    text[length] = 0;
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return true;
}

/* A line of /proc/PID/maps. */
static void add_mapping(struct process *process, char *line)
{
    unsigned long long begin, end;
    char rights[8];
    int at = 0;
    if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %n", &begin, &end, rights, &at) < 3 || at == 0)
        return;
    line[strcspn(line, "\n")] = 0;
    process->mappings = grow(process->mappings, process->mapping_count + 1, sizeof(struct mapping));
    process->mappings[process->mapping_count++] = (struct mapping){
        .begin = begin,
        .end = end,
        .is_readable = rights[0] == 'r',
        .is_code = rights[2] == 'x',
        .path = line[at] == '/' ? strdup(line + at) : NULL,
    };
}

static void read_program(struct process *process)
{
    char link[64], path[PATH_MAX + 1];
    (void)snprintf(link, sizeof link, "/proc/%d/exe", (int)process->pid);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length <= 0)
        return;
    path[length] = 0;
    process->program = strdup(path);
}

/* One that has ended and was not waited for has no memory; nor have the kernel's own threads. */
static int no_memory(pid_t pid)
{
    char path[64], line[256], state = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "State: %c", &state) == 1)
            break;
    if (file)
        (void)fclose(file);
    if (!file || state == 'Z' || state == 'X')
        return complain(STATUS_GONE, "process %d has ended", (int)pid);
    return complain(STATUS_FOREIGN, "process %d is a part of the kernel", (int)pid);
}

static int forbidden(pid_t pid)
{
    return complain(STATUS_FORBIDDEN,
                    "not allowed to look into process %d: it belongs to another user, or the "
                    "system forbids it",
                    (int)pid);
}

int process_lost(const struct process *process)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d", (int)process->pid);
    if (process->error == ESRCH || access(path, F_OK) < 0)
        return complain(STATUS_GONE, "process %d has ended meanwhile", (int)process->pid);
    if (process->error == EPERM || process->error == EACCES)
        return forbidden(process->pid);
    return complain(STATUS_FAILED, "process %d changes faster than it can be read: try again",
                    (int)process->pid);
}

int process_open(struct process *process, pid_t pid)
{
    char path[64], *line = NULL;
    size_t size = 0;
    *process = (struct process){ .pid = pid };
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file && (errno == EACCES || errno == EPERM))
        return forbidden(pid);
    if (!file)
        return complain(STATUS_GONE, "there is no process %d", (int)pid);
    errno = 0;
    while (getline(&line, &size, file) >= 0)
        add_mapping(process, line);
    int error = errno;
    free(line);
    (void)fclose(file);
    if (process->mapping_count == 0 && (error == EACCES || error == EPERM))
        return forbidden(pid);
    if (process->mapping_count == 0)
        return no_memory(pid);
    char probe;
    for (size_t i = 0; i < process->mapping_count; i++) {
        if (!process->mappings[i].is_readable)
            continue;
        if (process_read(process, process->mappings[i].begin, &probe, 1))
            break;
        if (process->error != EFAULT)
            return process_lost(process);
    }
    read_program(process);
    return STATUS_OK;
}

void process_close(struct process *process)
{
    for (size_t i = 0; i < process->mapping_count; i++)
        free(process->mappings[i].path);
    free(process->mappings);
    free(process->program);
    *process = (struct process){ .pid = 0 };
}
