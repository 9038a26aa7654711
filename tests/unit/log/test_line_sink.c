#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log/line_sink.h"

static char dir[] = "/tmp/weldr-sink-XXXXXX";
static char path[64], other_path[64];
static int saved_stdout;
static char text[512 * 1024];

static int make_dir(void **state)
{
    (void)state;
    saved_stdout = dup(STDOUT_FILENO);
    return mkdtemp(dir) != NULL && saved_stdout >= 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    close(saved_stdout);
    return rmdir(dir);
}

static int make_paths(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(other_path, sizeof(other_path), "%s/other", dir);
    return 0;
}

static int remove_paths(void **state)
{
    (void)state;
    fflush(stdout);
    dup2(saved_stdout, STDOUT_FILENO);
    (void)unlink(path);
    (void)unlink(other_path);
    return 0;
}

/* "<name> <i> xxx…\n" of so many bytes; false when it was lost. */
static bool put_line(struct line_sink *s, const char *name, unsigned i, size_t bytes)
{
    char *to = line_sink_reserve(s);
    char head[32];

    if (to == NULL)
        return false;
    memset(to, 'x', bytes);
    memcpy(to, head, (size_t)snprintf(head, sizeof(head), "%s %u ", name, i));
    to[bytes - 1] = '\n';
    line_sink_commit(s, bytes);
    return true;
}

static size_t read_all(int fd)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return len;
}

static size_t read_path(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    size_t len;

    assert_true(fd >= 0);
    len = read_all(fd);
    close(fd);
    return len;
}

/* Lines of this name in text, in order and each of so many bytes. */
static unsigned count_lines(const char *name, size_t bytes)
{
    unsigned n = 0;

    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
        char head[32];

        snprintf(head, sizeof(head), "%s %u ", name, n);
        if (strncmp(at, head, strlen(head)) != 0)
            continue;
        assert_int_equal(strcspn(at, "\n") + 1, bytes);
        n++;
    }
    return n;
}

/* As the manager opens for a worker. */
static int take_anew(struct line_sink *s, const char *at)
{
    uint8_t way;
    const int fd = line_sink_open((enum line_sink_kind)s->kind, at, &way);

    if (fd < 0)
        return WERR_IO;
    line_sink_take(s, fd, way);
    return 0;
}

static struct line_sink *new_at(enum line_sink_kind kind, const char *at)
{
    struct line_sink *s = line_sink_new(kind);

    assert_non_null(s);
    (void)take_anew(s, at);
    return s;
}

static void test_file(void **state)
{
    struct line_sink *s = new_at(LINE_SINK_FILE, path);
    struct stat st;

    (void)state;
    assert_true(put_line(s, "a", 0, 100));
    assert_true(line_sink_has_lines(s));
    assert_int_equal(read_path(path), 0);
    line_sink_flush(s);
    assert_false(line_sink_has_lines(s));
    assert_int_equal(read_path(path), 100);
    for (unsigned i = 1; i < 1000; i++) /* more than the buffer: written by itself */
        assert_true(put_line(s, "a", i, 100));
    assert_true(read_path(path) > LINE_SINK_BYTES / 2);
    line_sink_end(s);
    read_path(path);
    assert_int_equal(count_lines("a", 100), 1000);
    assert_int_equal(s->lost, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640U, 0);
    line_sink_free(s);
}

static void test_two_writers_of_a_file(void **state)
{
    struct line_sink *a = new_at(LINE_SINK_FILE, path);
    struct line_sink *b = new_at(LINE_SINK_FILE, path);

    (void)state;
    for (unsigned i = 0; i < 500; i++)
        assert_true(put_line(a, "a", i, 300) && put_line(b, "b", i, 411));
    line_sink_end(a);
    line_sink_end(b);
    read_path(path);
    assert_int_equal(count_lines("a", 300), 500);
    assert_int_equal(count_lines("b", 411), 500);
    line_sink_free(a);
    line_sink_free(b);
}

static void test_full_disk(void **state)
{
    struct line_sink *s = new_at(LINE_SINK_FILE, "/dev/full");
    unsigned kept = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        kept += put_line(s, "a", i, 500);
    assert_true(s->is_stuck);
    assert_in_range(kept, (LINE_SINK_BYTES - LINE_SINK_LINE_MAX) / 500, LINE_SINK_BYTES / 500);
    assert_int_equal(s->lost, 1000 - kept);
    assert_int_equal(s->error, ENOSPC);
    assert_non_null(strstr(line_sink_why(s), "space"));
    line_sink_end(s); /* what was kept in hope is lost in the end */
    assert_int_equal(s->lost, 1000);
    line_sink_free(s);
}

static void test_disk_with_room_again(void **state)
{
    struct line_sink *s = new_at(LINE_SINK_FILE, "/dev/full");
    int fd;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_true(put_line(s, "a", i, 500));
    line_sink_flush(s);
    assert_true(line_sink_has_lines(s));
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dup2(fd, s->fd);
    close(fd);
    line_sink_flush(s);
    assert_false(line_sink_has_lines(s));
    read_path(path);
    assert_int_equal(count_lines("a", 500), 10);
    assert_int_equal(s->lost, 0);
    line_sink_end(s);
    line_sink_free(s);
}

/* Renamed by logrotate: old lines in the old file, new ones in the new, none twice or never. */
static void test_reopen(void **state)
{
    struct line_sink *s = new_at(LINE_SINK_FILE, path);

    (void)state;
    assert_true(put_line(s, "a", 0, 50));
    assert_int_equal(rename(path, other_path), 0);
    assert_true(put_line(s, "a", 1, 50));
    assert_int_equal(take_anew(s, path), 0);
    assert_true(put_line(s, "b", 0, 50));
    line_sink_end(s);
    assert_int_equal(read_path(other_path), 100);
    assert_int_equal(count_lines("a", 50), 2);
    assert_int_equal(read_path(path), 50);
    assert_int_equal(count_lines("b", 50), 1);
    line_sink_free(s);
}

static void test_reopen_that_fails(void **state)
{
    struct line_sink *s = new_at(LINE_SINK_FILE, path);

    (void)state;
    assert_int_equal(rename(path, other_path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(take_anew(s, path), WERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_true(put_line(s, "a", 0, 50));
    line_sink_end(s);
    assert_int_equal(read_path(other_path), 50);
    assert_int_equal(rmdir(path), 0);
    line_sink_free(s);
}

static void test_file_that_comes_later(void **state)
{
    struct line_sink *s;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    s = new_at(LINE_SINK_FILE, path);
    assert_int_equal(s->fd, -1);
    assert_true(put_line(s, "a", 0, 50));
    line_sink_flush(s);
    assert_true(line_sink_has_lines(s));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(take_anew(s, path), 0);
    line_sink_flush(s);
    assert_int_equal(read_path(path), 50);
    line_sink_end(s);
    assert_int_equal(s->lost, 0);
    line_sink_free(s);
}

static void test_stuck_pipe(void **state)
{
    struct line_sink *s;
    unsigned kept = 0;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDOUT_FILENO);
    s = new_at(LINE_SINK_STDOUT, NULL);
    for (unsigned i = 0; i < 500; i++)
        kept += put_line(s, "a", kept, 1000);
    assert_true(s->is_stuck);
    assert_true(kept > 100 && kept < 500);
    assert_int_equal(s->lost, 500 - kept);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0); /* the shell's is untouched */
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    dup2(saved_stdout, STDOUT_FILENO);
    assert_true(read_all(fds[0]) > 0); /* whole lines only */
    assert_int_equal(text[strlen(text) - 1], '\n');
    kept -= count_lines("a", 1000);
    line_sink_flush(s);
    assert_false(line_sink_has_lines(s));
    assert_int_equal(read_all(fds[0]), (size_t)kept * 1000);
    line_sink_end(s);
    line_sink_free(s);
    close(fds[0]);
    close(fds[1]);
}

static void test_stdout_that_is_a_socket(void **state)
{
    struct line_sink *s;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    dup2(fds[1], STDOUT_FILENO);
    s = new_at(LINE_SINK_STDOUT, NULL);
    for (unsigned i = 0; i < 2000; i++)
        (void)put_line(s, "a", i, 1000);
    dup2(saved_stdout, STDOUT_FILENO);
    assert_true(s->lost > 0);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    read_all(fds[0]);
    assert_memory_equal(text, "a 0 xx", 6);
    line_sink_end(s);
    line_sink_free(s);
    close(fds[0]);
    close(fds[1]);
}

static void test_stdout_to_a_file_is_appended(void **state)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct line_sink *s;

    (void)state;
    assert_int_equal(write(fd, "before\n", 7), 7);
    dup2(fd, STDOUT_FILENO);
    s = new_at(LINE_SINK_STDOUT, NULL);
    dup2(saved_stdout, STDOUT_FILENO);
    assert_true(put_line(s, "a", 0, 20));
    line_sink_end(s);
    assert_int_equal(read_path(path), 27);
    assert_memory_equal(text, "before\na 0 ", 11);
    line_sink_free(s);
    close(fd);
}

static int open_daemon(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    strcpy(at.sun_path, path);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static void receive_line(int fd, const char *want)
{
    char month[4], pid[64];
    int day, hour, minute, second, len = 0;
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(
        sscanf(text, "<134>%3s %2d %2d:%2d:%2d %n", month, &day, &hour, &minute, &second, &len),
        5);
    snprintf(pid, sizeof(pid), "weldr[%d]: %s ", (int)getpid(), want);
    assert_int_equal(strncmp(text + len, pid, strlen(pid)), 0);
    assert_null(strchr(text, '\n'));
}

static void test_syslog(void **state)
{
    int fd = open_daemon();
    struct line_sink *s = new_at(LINE_SINK_SYSLOG, path);

    (void)state;
    assert_true(put_line(s, "a", 0, 100) && put_line(s, "a", 1, 4000));
    line_sink_flush(s);
    receive_line(fd, "a 0");
    receive_line(fd, "a 1");
    close(fd);
    fd = open_daemon(); /* started again */
    assert_true(put_line(s, "a", 2, 100));
    line_sink_flush(s);
    assert_int_equal(s->fd, -1);
    assert_int_equal(take_anew(s, path), 0);
    line_sink_flush(s);
    receive_line(fd, "a 2");
    close(fd);
    (void)unlink(path);
    assert_true(put_line(s, "a", 3, 100)); /* away */
    line_sink_flush(s);
    assert_true(line_sink_has_lines(s));
    assert_int_equal(s->fd, -1);
    assert_int_equal(take_anew(s, path), WERR_IO);
    fd = open_daemon();
    assert_int_equal(take_anew(s, path), 0);
    line_sink_flush(s);
    receive_line(fd, "a 3");
    assert_int_equal(s->lost, 0);
    for (unsigned i = 0; i < 5000; i++) /* does not read: never waited for */
        (void)put_line(s, "a", i, 1000);
    assert_true(s->lost > 0);
    line_sink_end(s);
    line_sink_free(s);
    close(fd);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_paths, remove_paths)
    const struct CMUnitTest tests[] = {
        TEST(test_file),
        TEST(test_two_writers_of_a_file),
        TEST(test_full_disk),
        TEST(test_disk_with_room_again),
        TEST(test_reopen),
        TEST(test_reopen_that_fails),
        TEST(test_file_that_comes_later),
        TEST(test_stuck_pipe),
        TEST(test_stdout_that_is_a_socket),
        TEST(test_stdout_to_a_file_is_appended),
        TEST(test_syslog),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
