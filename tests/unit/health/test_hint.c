#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/num.h"
#include "health/hint.h"

enum { TEXT_MAX = 4096 };

static struct addr addr_of(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_text(span_from_str(text), &a), 0);
    return a;
}

static struct health_hints *make(void)
{
    struct health_hints *h = health_hints_new(4);

    h->at_us = 1764432000000001;
    h->list[h->n++] = (struct health_hint){900, 0x1f, addr_of("[2001:db8::1]:443")};
    h->list[h->n++] = (struct health_hint){17, UINT64_MAX, addr_of("192.0.2.7:80")};
    h->list[h->n++] = (struct health_hint){17, UINT64_MAX, addr_of("192.0.2.8:80")};
    h->list[h->n++] = (struct health_hint){UINT64_MAX, 0, addr_of("192.0.2.9:65535")};
    return h;
}

static size_t write_it(char *text)
{
    struct health_hints *h = make();

    assert_true(health_hints_room(h->n) <= TEXT_MAX);
    const size_t len = health_hints_write(h, text);
    free(h);
    return len;
}

static int read_it(const char *text, size_t len)
{
    struct health_hints *h = NULL;
    const int rc = health_hints_read(span_from(text, len), &h);

    assert_true((rc == 0) == (h != NULL));
    free(h);
    return rc;
}

static void test_what_is_written_is_read(void **state)
{
    char text[TEXT_MAX];
    struct health_hints *h = NULL;
    const struct addr other = addr_of("192.0.2.8:80"), unknown = addr_of("192.0.2.8:81");

    (void)state;
    const size_t len = write_it(text);
    assert_int_equal(health_hints_read(span_from(text, len), &h), 0);
    assert_int_equal(h->at_us, 1764432000000001);
    assert_int_equal(h->n, 4);
    for (unsigned i = 1; i < h->n; i++)
        assert_true(h->list[i - 1].server_id <= h->list[i].server_id);
    assert_non_null(health_hints_find(h, 17, UINT64_MAX, &other));
    assert_non_null(health_hints_find(
        h, UINT64_MAX, 0,
        &(struct addr){.family = AF_INET, .port = 65535, .ip = {192, 0, 2, 9}}));
    assert_null(health_hints_find(h, 17, UINT64_MAX, &unknown));
    assert_null(health_hints_find(h, 17, 1, &other)); /* other settings */
    assert_null(health_hints_find(h, 18, UINT64_MAX, &other));
    free(h);
}

/* The longest line there is fits. */
static void test_room(void **state)
{
    struct health_hints *h = health_hints_new(1);
    char text[3 * HEALTH_HINT_LINE_MAX];

    (void)state;
    assert_int_equal(health_hints_room(1), sizeof(text));
    h->at_us = UINT64_MAX;
    h->list[h->n++] = (struct health_hint){
        UINT64_MAX, UINT64_MAX, addr_of("[2001:db08:1111:2222:3333:4444:5555:6666]:65535")};
    const size_t len = health_hints_write(h, text);
    assert_int_equal(read_it(text, len), 0);
    free(h);
}

static void test_each_flipped_byte_and_each_cut_is_refused(void **state)
{
    char text[TEXT_MAX];
    const size_t len = write_it(text);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        text[i] ^= 1;
        assert_int_equal(read_it(text, len), WERR_CORRUPT);
        text[i] ^= 1;
        assert_int_equal(read_it(text, i), WERR_CORRUPT);
    }
}

static const struct {
    const char *text; /* before the checksum */
    int rc;
} texts[] = {
    {"weldr-health 1 5\n", 0},
    {"weldr-health 1 5\n7 0000000000000001 192.0.2.1:80\n", 0},
    {"weldr-health 2 whatever\n", WERR_UNSUPPORTED},
    {"weldr-healthy 1 5\n", WERR_CORRUPT},
    {"weldr-health 1\n", WERR_CORRUPT},
    {"weldr-health 1 5 6\n", WERR_CORRUPT},
    {"\n", WERR_CORRUPT},
    {"weldr-health 1 5\n\n", WERR_CORRUPT},
    {"weldr-health 1 5\n7 1 192.0.2.1:80\n", WERR_CORRUPT},
    {"weldr-health 1 5\n7 000000000000000A 192.0.2.1:80\n", WERR_CORRUPT},
    {"weldr-health 1 5\n-7 0000000000000001 192.0.2.1:80\n", WERR_CORRUPT},
    {"weldr-health 1 5\n7 0000000000000001 192.0.2.1\n", WERR_CORRUPT},
    {"weldr-health 1 5\n7 0000000000000001 192.0.2.1:80 \n", WERR_CORRUPT},
};

static void test_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[TEXT_MAX];
        size_t len = strlen(texts[i].text);

        memcpy(text, texts[i].text, len);
        num_to_hex16(XXH3_64bits(text, len), text + len);
        len += 16;
        text[len++] = '\n';
        if (read_it(text, len) != texts[i].rc)
            fail_msg("%s", texts[i].text);
    }
}

static void test_without_memory(void **state)
{
    char text[TEXT_MAX];
    const size_t len = write_it(text);

    (void)state;
    fault_set(1);
    assert_int_equal(read_it(text, len), WERR_NOMEM);
    assert_false(fault_is_armed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_each_flipped_byte_and_each_cut_is_refused),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
