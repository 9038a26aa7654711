/* clock_step.c - a wall clock that a test steps while the processes of one node run.
 *
 * Nodes of a test share the machine's clock. LD_PRELOAD (clocks.py) puts this library into all
 * processes of a node: their wall clock is the machine's plus the seconds in the file that
 * CLOCK_STEP_FILE names, an int64_t. It is mapped before main, for a worker opens no files. The
 * clocks that only go forwards stay as they are, as when an administrator sets the time. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t nothing;
static const volatile int64_t *step_s = &nothing;

__attribute__((constructor)) static void map_step(void)
{
    const char *path = getenv("CLOCK_STEP_FILE");
    const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = MAP_FAILED;

    if (fd >= 0) {
        at = mmap(NULL, sizeof(*step_s), PROT_READ, MAP_SHARED, fd, 0);
        (void)close(fd);
    }
    if (at == MAP_FAILED) { /* a test that steps nothing must not pass */
        perror("CLOCK_STEP_FILE");
        _exit(127);
    }
    step_s = at;
}

/* The system call: the C library's own function has the name of this one. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    if (syscall(SYS_clock_gettime, id, t) != 0)
        return -1;
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        t->tv_sec += *step_s;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *t = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
