/* A private key that people bring: after it was read, the only copy in the whole process is
 * the one in memory that is not dumped; when that is freed, there is none. */
#include "pool_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The sanitizer would overwrite what is freed, and hide what was left in it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "max_free_fill_size=0";
}

/* Before the mark: the first bytes of what is freed are the allocator's at once. */
enum { PAD_BYTES = 32, MARK_BYTES = 32, KEY_BYTES = PAD_BYTES + MARK_BYTES };
enum { BODY_BYTES = 200, PIECE_BYTES = 1 << 20, MAPPING_MAX = 1 << 30 };

/* What is looked for, spelled so that looking for it is no copy. */
static bool is_mark(const char *at)
{
    for (unsigned i = 0; i < MARK_BYTES; i++) {
        if (at[i] != (char)('A' + (i * 7 + 3) % 26))
            return false;
    }
    return true;
}

static void put_key(char *at)
{
    memset(at, 'x', PAD_BYTES);
    for (unsigned i = 0; i < MARK_BYTES; i++)
        at[PAD_BYTES + i] = (char)('A' + (i * 7 + 3) % 26);
}

static unsigned count_in(const char *piece, size_t n)
{
    unsigned found = 0;
    for (size_t i = 0; i + MARK_BYTES <= n; i++)
        found += piece[i] == 'D' && is_mark(piece + i);
    return found;
}

/* Pieces overlap, so that none hides between two; a mark in both is counted twice at most. */
static unsigned count_mapping(int mem, char *piece, uintptr_t from, uintptr_t to)
{
    unsigned found = 0;
    for (uintptr_t at = from; at < to; at += PIECE_BYTES - MARK_BYTES) {
        const size_t wanted = to - at < PIECE_BYTES ? to - at : PIECE_BYTES;
        const ssize_t n = pread(mem, piece, wanted, (off_t)at);
        found += n > 0 ? count_in(piece, (size_t)n) : 0;
    }
    return found;
}

/* In all memory of the process that can be written, freed or not, but the stack: there a
 * dynamic loader saves whatever registers hold. A sanitizer's own, which is vast, is left out.
 */
static unsigned count_marks(void)
{
    const int mem = open("/proc/self/mem", O_RDONLY);
    FILE *maps = fopen("/proc/self/maps", "r");
    char *piece =
        mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char line[512];
    unsigned found = 0;
    assert_true(mem >= 0 && maps != NULL && piece != MAP_FAILED);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[1] != 'w' ||
            to - from > MAPPING_MAX || strstr(line, "[stack]") != NULL)
            continue;
        const uintptr_t own = (uintptr_t)piece;
        found += count_mapping(mem, piece, from, own > from && own < to ? own : to);
        if (own >= from && own < to)
            found += count_mapping(mem, piece, own + PIECE_BYTES, to);
    }
    munmap(piece, PIECE_BYTES);
    fclose(maps);
    close(mem);
    return found;
}

/* A chain may be a file that holds the key too. */
static void test_there_is_one_copy_and_then_none(void **state)
{
    static const char *const begins[] = {"{\"chain\":\"c\",\"name\":\"a\",\"key\":\"",
                                         "{\"key\":\"k\",\"name\":\"a\",\"chain\":\""};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const size_t at = strlen(begins[i]);
        char *body = malloc(BODY_BYTES);
        struct pool_code_pem pem;
        memcpy(body, begins[i], at);
        put_key(body + at);
        memcpy(body + at + KEY_BYTES, "\"}", sizeof("\"}"));
        assert_true(count_marks() > 0); /* it is found when it is there */
        assert_int_equal(pool_code_pem_from_json(span_from_str(body), &pem, NULL), 0);
        explicit_bzero(body, BODY_BYTES);
        const struct seal_opened *holds = i == 0 ? &pem.key : &pem.chain;
        assert_true(holds->len == KEY_BYTES && is_mark(holds->ptr + PAD_BYTES));
        assert_int_equal(count_marks(), 1);
        pool_code_pem_fini(&pem);
        assert_int_equal(count_marks(), 0);
        free(body);
    }
}

/* Refused behind the key: nothing is kept either. */
static void test_none_is_left_of_a_refused_body(void **state)
{
    static const char begin[] = "{\"key\":\"";
    char *body = malloc(BODY_BYTES);
    struct pool_code_pem pem;
    struct pool_error error = {.code = ""};
    (void)state;
    memcpy(body, begin, sizeof(begin));
    put_key(body + sizeof(begin) - 1);
    memcpy(body + sizeof(begin) - 1 + KEY_BYTES, "\",\"x\":1}", sizeof("\",\"x\":1}"));
    assert_int_equal(pool_code_pem_from_json(span_from_str(body), &pem, &error), WERR_INVALID);
    assert_string_equal(error.field, "x");
    explicit_bzero(body, BODY_BYTES);
    assert_int_equal(count_marks(), 0);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_one_copy_and_then_none),
        cmocka_unit_test(test_none_is_left_of_a_refused_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
