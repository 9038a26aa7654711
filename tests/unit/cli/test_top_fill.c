#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "cli/top_model.h"

static struct doc *parse(const char *text)
{
    char why[256];
    struct doc *d = doc_parse(span_from_str(text), why, sizeof(why));

    assert_non_null(d);
    return d;
}

static struct top_model *new_model(void)
{
    struct top_model *m = malloc(sizeof(*m));

    assert_non_null(m);
    top_model_init(m);
    return m;
}

static void free_model(struct top_model *m)
{
    top_model_fini(m);
    free(m);
}

static double number(const struct top_model *m, enum top_list_id id, const char *key,
                     enum top_column_id column)
{
    const struct top_row *row = top_list_find(&m->list[id], key);

    assert_non_null(row);
    return top_row_value(&m->list[id], row, column)->number;
}

static const char *text(const struct top_model *m, enum top_list_id id, const char *key,
                        enum top_column_id column)
{
    const struct top_row *row = top_list_find(&m->list[id], key);

    assert_non_null(row);
    return top_row_value(&m->list[id], row, column)->text;
}

static void test_samples(void **state)
{
    struct top_model *m = new_model();
    struct doc *d = parse("{\"requests\":[100,0,0,10,20,20],\"failed\":[9,0,0,0,5,0],"
                          "\"latency_below_us\":[256,512,1024],"
                          "\"latency\":[[0,10],[],[],[90],[],[]]}");

    (void)state;
    assert_true(isnan(m->numbers.rate));
    top_fill_samples(m, d);
    assert_true(m->numbers.rate == 10); /* of the last five */
    assert_true(m->numbers.failed_percent == 10);
    assert_int_equal(m->numbers.sample_n, 6);
    assert_true(m->numbers.sample[5] == 20);
    assert_true(fabs(m->numbers.half_us - 256 * 50 / 90.0) < 1e-9);
    assert_true(fabs(m->numbers.most_us - (256 + 256 * 0.9)) < 1e-9);
    doc_free(d);
    d = parse("{\"requests\":[],\"failed\":[],\"latency\":[],\"latency_below_us\":[]}");
    top_fill_samples(m, d);
    assert_true(m->numbers.rate == 0 && m->numbers.failed_percent == 0);
    assert_true(isnan(m->numbers.half_us));
    doc_free(d);
    free_model(m);
}

#define SERVER(id, state, ok, failed)                                      \
    "{\"id\":\"" id "\",\"url\":\"http://10.0.0.1:80\",\"state\":\"" state \
    "\",\"reason\":null,\"success\":" ok ",\"failed\":" failed ",\"in_flight\":3}"

static void fill(struct top_model *m, const char *servers, bool is_first, double at)
{
    assert_int_equal(top_fill_servers(m, parse(servers), is_first, at), 0);
}

static void test_rates_of_servers(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    fill(m, "{\"servers\":[" SERVER("s-1", "active", "10", "0") "],\"total\":1}", true, 5);
    assert_true(isnan(number(m, TOP_SERVERS, "s-1", TOP_SERVERS_RATE)));
    assert_string_equal(text(m, TOP_SERVERS, "s-1", TOP_SERVERS_URL), "10.0.0.1:80");
    fill(m,
         "{\"servers\":[" SERVER("s-0", "down", "7", "7") "," SERVER("s-1", "active", "30",
                                                                     "4") "],\"total\":2}",
         true, 7);
    assert_true(number(m, TOP_SERVERS, "s-1", TOP_SERVERS_RATE) == 12);
    assert_true(number(m, TOP_SERVERS, "s-1", TOP_SERVERS_FAILED) == 2);
    assert_true(isnan(number(m, TOP_SERVERS, "s-0", TOP_SERVERS_RATE))); /* is new */
    assert_int_equal(top_list_find(&m->list[TOP_SERVERS], "s-0")->mood, TOP_MOOD_BAD);
    /* Counters begin anew with a Weldr that has no data directory. */
    fill(m, "{\"servers\":[" SERVER("s-1", "active", "0", "0") "],\"total\":1}", true, 8);
    assert_true(number(m, TOP_SERVERS, "s-1", TOP_SERVERS_RATE) == 0);
    free_model(m);
}

static void test_pages_of_servers(void **state)
{
    struct top_model *m = new_model();
    const struct top_list *l = &m->list[TOP_SERVERS];

    (void)state;
    fill(m, "{\"servers\":[" SERVER("s-1", "active", "1", "0") "],\"total\":2,\"next\":\"x\"}",
         true, 1);
    assert_false(l->is_there);
    fill(m, "{\"servers\":[" SERVER("s-2", "odd", "1", "0") "],\"total\":2}", false, 2);
    assert_int_equal(l->rows.row_n, 2);
    assert_int_equal(top_list_find(l, "s-2")->mood, TOP_MOOD_WARN); /* of a later Weldr */
    /* Begun again half way: what was there stays until all has come. */
    fill(m, "{\"servers\":[" SERVER("s-3", "active", "1", "0") "],\"total\":2,\"next\":\"x\"}",
         true, 3);
    fill(m, "{\"servers\":[" SERVER("s-3", "active", "1", "0") "],\"total\":2,\"next\":\"x\"}",
         true, 4);
    assert_int_equal(l->rows.row_n, 2);
    fill(m, "{\"servers\":[],\"total\":1}", false, 5);
    assert_int_equal(l->rows.row_n, 1);
    top_model_choose_pool(m, "default"); /* the same one */
    assert_int_equal(l->rows.row_n, 1);
    top_model_choose_pool(m, "web");
    assert_false(l->is_there);
    free_model(m);
}

static void test_pools(void **state)
{
    struct top_model *m = new_model();
    const char *pools = "{\"pools\":[{\"name\":\"a.b\",\"policy\":\"p2c\",\"servers\":2}]}";
    struct doc *d;

    (void)state;
    assert_int_equal(top_fill_list(m, TOP_POOLS, parse(pools)), 0);
    for (unsigned i = 1; i < 3; i++) {
        d = parse(i == 1
                      ? "{\"in_flight\":1,\"pools\":{\"a.b\":{\"requests\":10,\"failed\":0}}}"
                      : "{\"in_flight\":1,\"pools\":{\"a.b\":{\"requests\":30,\"failed\":1,"
                        "\"in_flight\":4,\"waiting\":2}}}");
        top_fill_stats(m, d, i);
        doc_free(d);
    }
    d = parse("{\"servers\":[{\"id\":\"s-1\"}],\"next\":\"x\"}");
    top_fill_troubled(m, "a.b", d);
    top_fill_troubled(m, "gone", d);
    doc_free(d);
    for (unsigned i = 0; i < 2; i++) { /* what /pools does not say stays */
        assert_true(number(m, TOP_POOLS, "a.b", TOP_POOLS_RATE) == 20);
        assert_true(number(m, TOP_POOLS, "a.b", TOP_POOLS_IN_FLIGHT) == 4);
        assert_true(number(m, TOP_POOLS, "a.b", TOP_POOLS_SERVERS) == 2);
        assert_string_equal(text(m, TOP_POOLS, "a.b", TOP_POOLS_TROUBLED), "over 1");
        assert_int_equal(top_fill_list(m, TOP_POOLS, parse(pools)), 0);
    }
    free_model(m);
}

static void test_lines(void **state)
{
    struct top_model *m = new_model();
    struct doc *d =
        parse("{\"servers\":[{\"id\":\"s-1\",\"requests\":[1,2],\"mean_us\":[5,0]}],"
              "\"pools\":[{\"name\":\"web\",\"requests\":[],\"mean_us\":[]}]}");
    char key[32], wide[128];

    (void)state;
    top_fill_lines(m, d);
    doc_free(d);
    assert_int_equal(top_model_line(m, "s-1")->point_n, 2);
    assert_true(isnan(top_model_line(m, "s-1")->mean_us));
    assert_int_equal(top_model_line(m, "web")->point_n, 0);
    assert_null(top_model_line(m, "s-2"));
    for (unsigned i = 0; i < TOP_LINES_MAX + 10; i++) { /* the oldest make room */
        (void)snprintf(key, sizeof(key), "k-%u", i);
        (void)snprintf(wide, sizeof(wide), "{\"servers\":[{\"id\":\"%s\",\"requests\":[%u]}]}",
                       key, i);
        d = parse(wide);
        top_fill_lines(m, d);
        doc_free(d);
        assert_true(top_model_line(m, key)->point[0] == i);
    }
    assert_null(top_model_line(m, "s-1"));
    free_model(m);
}

static void test_other_lists(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    assert_int_equal(
        top_fill_list(m, TOP_MEMBERS,
                      parse("{\"role\":\"follower\",\"members\":["
                            "{\"id\":\"a\",\"is_self\":true,\"role\":\"follower\"},"
                            "{\"id\":\"b\",\"is_self\":false,\"role\":\"leader\","
                            "\"last_contact_ms\":2500}]}")),
        0);
    assert_string_equal(m->node.name, "a");
    assert_string_equal(m->node.role, "follower");
    assert_string_equal(text(m, TOP_MEMBERS, "a", TOP_MEMBERS_SELF), "this node");
    assert_true(number(m, TOP_MEMBERS, "b", TOP_MEMBERS_CONTACT) == 2500);
    assert_int_equal(
        top_fill_list(
            m, TOP_EVENTS,
            parse("{\"events\":["
                  "{\"id\":\"e-1\",\"kind\":\"worker_started\",\"worker\":3,\"by\":null},"
                  "{\"id\":\"e-2\",\"kind\":\"server_state\",\"server\":\"http://h:1\","
                  "\"from\":\"active\",\"to\":\"down\",\"reason\":\"late\","
                  "\"by\":{\"address\":\"1.2.3.4:5\",\"token\":null}}]}")),
        0);
    assert_string_equal(m->list[TOP_EVENTS].rows.row[0].key, "e-2"); /* the newest first */
    assert_string_equal(text(m, TOP_EVENTS, "e-2", TOP_EVENTS_MOVE),
                        "active \xe2\x86\x92 down: late by 1.2.3.4:5");
    assert_string_equal(text(m, TOP_EVENTS, "e-2", TOP_EVENTS_KIND), "server state");
    assert_int_equal(m->list[TOP_EVENTS].rows.row[0].mood, TOP_MOOD_BAD);
    assert_string_equal(text(m, TOP_EVENTS, "e-1", TOP_EVENTS_WHAT), "worker 3");
    free_model(m);
}

static void test_vips_and_certificates(void **state)
{
    struct top_model *m = new_model();

    (void)state;
    assert_int_equal(
        top_fill_list(m, TOP_VIPS,
                      parse("{\"vips\":[{\"address\":\"10.0.0.9\",\"holder\":\"a\","
                            "\"is_self\":true},{\"address\":\"10.0.0.8\","
                            "\"holder\":null,\"is_self\":false}]}")),
        0);
    assert_string_equal(text(m, TOP_VIPS, "10.0.0.9", TOP_VIPS_HOLDER), "this node");
    assert_string_equal(text(m, TOP_VIPS, "10.0.0.8", TOP_VIPS_HOLDER), "nobody");
    assert_int_equal(
        top_fill_list(m, TOP_CERTIFICATES,
                      parse("{\"certificates\":[{\"name\":\"old\",\"days_left\":3}]}")),
        0);
    assert_int_equal(m->list[TOP_CERTIFICATES].rows.row[0].mood, TOP_MOOD_WARN);
    free_model(m);
}

/* Whatever JSON a stranger responds with. */
static void test_documents_of_strangers(void **state)
{
    static const char *const odd[] = {
        "[]",
        "{}",
        "{\"servers\":7,\"pools\":{},\"events\":\"x\"}",
        "{\"servers\":[1,null,[]],\"pools\":[null],\"members\":[3],\"vips\":[[]],"
        "\"workers\":[\"w\"],\"certificates\":[{}],\"events\":[{\"kind\":7}]}",
        "{\"requests\":[\"x\",{}],\"failed\":[[]],\"latency\":[7,[\"x\"]],\"latency_below_us\":"
        "3}",
        "{\"servers\":[{\"id\":[1],\"url\":{},\"state\":null,\"requests\":7,\"mean_us\":[\"x\"]"
        "}]}"};
    struct top_model *m = new_model();

    (void)state;
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct doc *d = parse(odd[i]);

        top_fill_samples(m, d);
        top_fill_lines(m, d);
        top_fill_stats(m, d, 1);
        top_fill_health(m, d);
        top_fill_troubled(m, "default", d);
        doc_free(d);
        assert_int_equal(top_fill_servers(m, parse(odd[i]), true, 1), 0);
        for (int id = TOP_POOLS; id < TOP_LISTS; id++)
            assert_int_equal(top_fill_list(m, (enum top_list_id)id, parse(odd[i])), 0);
    }
    free_model(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_rates_of_servers),
        cmocka_unit_test(test_pages_of_servers),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_other_lists),
        cmocka_unit_test(test_vips_and_certificates),
        cmocka_unit_test(test_documents_of_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
