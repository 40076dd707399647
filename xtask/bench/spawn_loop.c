/* The bare loop the pool is compared with: each thread spawns, feeds, reads and waits. `spawn_loop PROGRAM TASKS THREADS` */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
extern char **environ;
static atomic_int left;
static const char *program;
static void *work(void *arg) {
    (void)arg;
    char input[200], buffer[65536];
    memset(input, 'x', sizeof input);
    while (atomic_fetch_sub(&left, 1) > 0) {
        int in[2], out[2], err[2];
        if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) abort();
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        posix_spawn_file_actions_adddup2(&actions, err[1], 2);
        posix_spawnattr_t attr;
        posix_spawnattr_init(&attr);
        posix_spawnattr_setpgroup(&attr, 0);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
        char *argv[] = {(char *)program, NULL};
        pid_t pid;
        if (posix_spawn(&pid, program, &actions, &attr, argv, environ)) abort();
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attr);
        close(in[0]); close(out[1]); close(err[1]);
        if (write(in[1], input, sizeof input) < 0 && errno != EPIPE) abort();
        close(in[1]);
        struct pollfd fds[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
        int open = 2;
        while (open) {
            poll(fds, 2, -1);
            for (int i = 0; i < 2; i++)
                if (fds[i].fd >= 0 && fds[i].revents && read(fds[i].fd, buffer, sizeof buffer) <= 0) {
                    close(fds[i].fd); fds[i].fd = -1; open--;
                }
        }
        int status;
        waitpid(pid, &status, 0);
    }
    return NULL;
}
int main(int argc, char **argv) {
    program = argv[1]; (void)argc;
    int tasks = atoi(argv[2]), threads = atoi(argv[3]);
    signal(SIGPIPE, SIG_IGN);
    left = tasks;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    pthread_t t[64];
    for (int i = 0; i < threads; i++) pthread_create(&t[i], NULL, work, NULL);
    for (int i = 0; i < threads; i++) pthread_join(t[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    double cpu = own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
    printf("%.0f %.2f\n", tasks / ((b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9), cpu * 1e6 / tasks);
}
