/* SPDX-License-Identifier: MIT */
/* A page about a directory, and a choice of pages. */
#define _GNU_SOURCE 1
#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES_MAX = 10000, PAGE_SIZE_MAX = 256 * 1024, DEPTH_MAX = 4 };

struct entry {
    char *name;
    bool is_folder;
    long long size;
    time_t changed;
};

static const char head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>";
static const char style[] =
    "</title><style>"
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2.5rem auto;padding:0 1rem}"
    "h1{font-size:1.3rem;font-weight:600;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}"
    "td{padding:.35rem .6rem;border-top:1px solid #8883}"
    "td+td{text-align:right;white-space:nowrap;color:#888;font-variant-numeric:tabular-nums}"
    "a{text-decoration:none;overflow-wrap:anywhere}a:hover{text-decoration:underline}"
    ".f{font-weight:600}p{color:#888}</style><h1>";

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        default: putc(*text, out);
        }
}

static void put_url(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || strchr("-._~", c);
        fprintf(out, is_plain ? "%c" : "%%%02X", c);
    }
}

static void put_size(FILE *out, long long size)
{
    static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB" };
    double value = (double)size;
    int unit = 0;
    while (value >= 1000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    fprintf(out, unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void put_entry(FILE *out, const struct entry *entry)
{
    const char *slash = entry->is_folder ? "/" : "";
    struct tm day;
    char date[32] = "";
    if (localtime_r(&entry->changed, &day))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &day);
    fprintf(out, "<tr><td><a%s href=\"./", entry->is_folder ? " class=f" : "");
    put_url(out, entry->name);
    fprintf(out, "%s\">", slash);
    put_escaped(out, entry->name);
    fprintf(out, "%s</a><td>", slash);
    if (!entry->is_folder)
        put_size(out, entry->size);
    fprintf(out, "<td>%s\n", date);
}

static int compare(const void *one, const void *other)
{
    const struct entry *a = one, *b = other;
    return a->is_folder != b->is_folder ? b->is_folder - a->is_folder : strcmp(a->name, b->name);
}

/* True for a file or folder that can be served; links are followed as far as they stay below. */
static bool look(int folder, const char *name, struct stat *ret_about)
{
    if (fstatat(folder, name, ret_about, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (S_ISLNK(ret_about->st_mode)) {
        int descriptor = folder_open(folder, name);
        if (descriptor < 0)
            return false;
        int r = fstat(descriptor, ret_about);
        close(descriptor);
        if (r < 0)
            return false;
    }
    return S_ISDIR(ret_about->st_mode) || S_ISREG(ret_about->st_mode);
}

/* Takes the directory's descriptor. What cannot be served is left out. */
static int read_entries(int descriptor, struct entry **ret_entries)
{
    int count = 0, capacity = 0;
    struct entry *entries = NULL;
    DIR *directory = fdopendir(descriptor);
    if (!directory) {
        close(descriptor);
        return 0;
    }
    for (struct dirent *found; count < ENTRIES_MAX && (found = readdir(directory)); ) {
        struct stat about;
        if (found->d_name[0] == '.' || !look(descriptor, found->d_name, &about))
            continue;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            struct entry *more = realloc(entries, (size_t)capacity * sizeof *entries);
            if (!more)
                break;
            entries = more;
        }
        char *name = strdup(found->d_name);
        if (!name)
            break;
        entries[count++] = (struct entry){ name, S_ISDIR(about.st_mode), about.st_size,
                                           about.st_mtime };
    }
    closedir(directory);
    if (count)
        qsort(entries, (size_t)count, sizeof *entries, compare);
    *ret_entries = entries;
    return count;
}

static void free_entries(struct entry *entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i].name);
    free(entries);
}

char *folder_listing(int descriptor, const char *path, size_t *ret_size)
{
    struct entry *entries = NULL;
    int count = read_entries(descriptor, &entries);
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    if (out) {
        fputs(head, out);
        put_escaped(out, path);
        fputs(style, out);
        put_escaped(out, path);
        fputs("</h1><table>\n", out);
        if (strcmp(path, "/") != 0)
            fputs("<tr><td><a class=f href=\"../\">..</a><td><td>\n", out);
        for (int i = 0; i < count; i++)
            put_entry(out, &entries[i]);
        fprintf(out, "</table><p>%d %s%s", count, count == 1 ? "entry" : "entries",
                count == ENTRIES_MAX ? " and more" : "");
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    free_entries(entries, count);
    return text;
}

static int add_pages(int descriptor, const char *path, int depth, char **pages, int count,
                     int capacity)
{
    struct entry *entries = NULL;
    int found = read_entries(fcntl(descriptor, F_DUPFD_CLOEXEC, 0), &entries);
    for (int i = 0; i < found && count < capacity; i++) {
        const struct entry *entry = &entries[i];
        char *name;
        if (asprintf(&name, "%s%s%s", path, entry->name, entry->is_folder ? "/" : "") < 0)
            break;
        int inner = -1;
        if (entry->is_folder && depth < DEPTH_MAX)
            inner = openat(descriptor, entry->name,
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (inner >= 0) {
            count = add_pages(inner, name, depth + 1, pages, count, capacity);
            close(inner);
        }
        if (!entry->is_folder && entry->size <= PAGE_SIZE_MAX)
            pages[count++] = name;
        else
            free(name);
    }
    free_entries(entries, found);
    return count;
}

int folder_pages(int root, char **ret_pages, int capacity)
{
    int count = 0;
    if (capacity > 0 && (ret_pages[0] = strdup("/")))
        count = 1;
    int fresh = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);   /* reads from the start */
    if (fresh < 0)
        return count;
    count = add_pages(fresh, "/", 0, ret_pages, count, capacity);
    close(fresh);
    return count;
}
