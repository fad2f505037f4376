/* SPDX-License-Identifier: MIT */
/* The limit of files: a pool of threads that open, fstat, read and close.
 *
 *   files FILES [THREADS] */
#include "../files.h"

#include <pthread.h>
#include <sys/stat.h>

static struct small_files files;

static void *read_files(void *data)
{
    char name[64];
    (void)data;
    while (next_file(&files, name, sizeof name)) {
        struct stat status;
        int file = open(name, O_RDONLY | O_CLOEXEC);
        if (file < 0 || fstat(file, &status) < 0)
            die(name, errno);
        char *text = malloc((size_t)status.st_size + 1);
        ssize_t n = read(file, text, (size_t)status.st_size + 1);
        if (n != SMALL_FILE)
            die(name, errno);
        text[n] = '\0';
        close(file);
        free(text);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    long count = argument(argc, argv, 1, 10000), pool = argument(argc, argv, 2, 4);
    if (pool > MOST)
        pool = MOST;
    make_files(&files, count);
    int64_t begin = wall();
    for (long i = 0; i < pool; i++)
        if (pthread_create(&threads[i], NULL, read_files, NULL))
            die("pthread_create", EAGAIN);
    for (long i = 0; i < pool; i++)
        pthread_join(threads[i], NULL);
    int64_t spent = wall() - begin;
    remove_files(&files);
    figure("ns", (double)spent / (double)count);
    return 0;
}
