/* SPDX-License-Identifier: MIT */
/* Another process's memory, read and nothing else: it is not stopped for that, asked or told. What
 * is read may change meanwhile, and any pointer in it may be stale: every read can fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the command ends with. */
enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,     /* no memory, or the program changes faster than it can be read */
    STATUS_USAGE = 2,
    STATUS_GONE = 3,       /* there is no such process */
    STATUS_FORBIDDEN = 4,  /* it is another user's */
    STATUS_FOREIGN = 5,    /* it does not use libasyncio */
    STATUS_VERSION = 6,    /* its libasyncio is one that this command does not know */
};

struct mapping {
    uint64_t begin, end;
    bool is_readable, is_code;
    char *path; /* NULL: of no file */
};

struct process {
    pid_t pid;
    char *program; /* the path of its executable; NULL: not known */
    struct mapping *mappings;
    size_t mapping_count;
    int error;     /* errno of the last read that failed */
};

/* 0, or one of STATUS_..., said on standard error. Ended by process_close in both cases. */
int process_open(struct process *process, pid_t pid);
void process_close(struct process *process);

/* True when all `size` bytes at `address` were read. */
bool process_read(struct process *process, uint64_t address, void *buffer, size_t size);
/* 0 when it cannot be read. */
uint64_t process_pointer(struct process *process, uint64_t address);
/* The text there, at most `size` - 1 bytes of it, what is not printable replaced. False:
 * unreadable. */
bool process_text(struct process *process, uint64_t address, char *text, size_t size);

/* "asyncio: ..." to standard error; returns `status`. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Why the process cannot be read any more, said: a status. */
int process_lost(const struct process *process);

/* realloc that ends the program when there is no memory. */
void *grow(void *memory, size_t count, size_t size);
