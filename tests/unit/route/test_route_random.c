/* The compiled table finds what trying all rules in order finds, whatever rules and requests.
 * With a number as argument: how long a match takes with so many rules, instead. */
#include <time.h>

#include "route_fixture.h"

#include "base/rand.h"

static const char *const hosts[] = {"a", "b.a", "c.b.a", "*.a", "*.b.a", "x", "*.x"};
static const char *const ask_hosts[] = {"a", "B.a:80", "c.b.a", "d.c.b.a", "x", "y.x", "", "z"};
static const char *const paths[] = {"/", "/p", "/p/", "/p/q", "/p/q/r", "/pq"};
static const char *const ask_paths[] = {"/",        "/p",      "/p/",    "/p/q", "/p/q/r",
                                        "/p/q/r/s", "/pq",     "/p//q",  "/%70", "/p/../p/q",
                                        "*",        "/pq/x/y", "/p/./q/"};
#define PICK(r, list) ((list)[rand_below(r, sizeof(list) / sizeof((list)[0]))])

static struct rule *random_rule(struct rand_state *r, uint32_t priority)
{
    char conditions[512];
    struct strb b;
    const char *comma = "";

    strb_init(&b, conditions, sizeof(conditions));
    strb_add(&b, SPAN("{"));
    if (rand_below(r, 2) == 0) {
        strb_addf(&b, "\"host\":[\"%s\",\"%s\"]", PICK(r, hosts), PICK(r, hosts));
        comma = ",";
    }
    if (rand_below(r, 3) == 0) {
        strb_addf(&b, "%s\"path\":[\"%s\",\"%s\"]", comma, PICK(r, paths), PICK(r, paths));
        comma = ",";
    }
    if (rand_below(r, 2) == 0) {
        strb_addf(&b, "%s\"path_prefix\":\"%s\"", comma, PICK(r, paths));
        comma = ",";
    }
    if (rand_below(r, 4) == 0)
        strb_addf(&b, "%s\"any\":[{\"host\":\"%s\"},{\"path_prefix\":\"%s\"}]", comma,
                  PICK(r, hosts), PICK(r, paths));
    strb_add(&b, SPAN("}"));
    assert_false(strb_is_full(&b));
    return make_rule(priority, conditions, "{\"fixed\":{\"status\":200}}");
}

static const struct rule *match_in_order(struct rule *const *rules, uint32_t n,
                                         const struct route_request *request, char *path_buf)
{
    struct route_view view;

    route_view_init(&view, request, path_buf);
    for (uint32_t i = 0; i < n; i++)
        if (route_conditions_fail(&rules[i]->conditions, &view) == NULL)
            return rules[i];
    return NULL;
}

enum { RULES = 12, REQUESTS = 200, ROUNDS = 300 };

static unsigned compare_round(struct rand_state *r)
{
    static char path_buf[ROUTE_PATH_MAX];
    struct rule *rules[RULES];
    struct rule_action other = {.type = RULE_FIXED};
    unsigned hits = 0;
    uint32_t n = 1 + rand_below(r, RULES);

    for (uint32_t i = 0; i < n; i++)
        rules[i] = random_rule(r, i + 1);
    struct route_table *t = route_table_new(rules, n, &other, 0, NULL);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct route_request request = make_request(PICK(r, ask_hosts), PICK(r, ask_paths), "");
        const struct rule *wanted = match_in_order(rules, n, &request, path_buf);
        const struct rule *found = route_match(t, &request).rule;
        assert_int_equal(found != NULL ? found->id : 0, wanted != NULL ? wanted->id : 0);
        hits += wanted != NULL;
    }
    route_table_free(t);
    for (uint32_t i = 0; i < n; i++)
        rule_free(rules[i]);
    return hits;
}

static void test_as_in_order(void **state)
{
    (void)state;
    struct rand_state r;
    unsigned hits = 0;
    rand_seed(&r, 5);
    for (unsigned i = 0; i < ROUNDS; i++)
        hits += compare_round(&r);
    /* Both kinds of answers were compared. */
    assert_in_range(hits, ROUNDS * REQUESTS / 10, ROUNDS * REQUESTS * 9 / 10);
}

static double ns_per_match(uint32_t n)
{
    struct rule **rules = calloc(n + 1, sizeof(struct rule *));
    struct rule_action other = {.type = RULE_FIXED};
    struct timespec from, to;
    char conditions[128];
    unsigned sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        snprintf(conditions, sizeof(conditions),
                 "{\"host\":\"h%u.shop.example\",\"path_prefix\":\"/service/%u\"}", i % 100, i);
        rules[i] = make_rule(i + 1, conditions, "{\"fixed\":{\"status\":200}}");
    }
    struct route_table *t = route_table_new(rules, n, &other, 0, NULL);
    struct route_request request =
        make_request("h7.shop.example", "/service/907/items/12345/details", "");
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < 1000000; i++)
        sum += route_match(t, &request).turn;
    clock_gettime(CLOCK_MONOTONIC, &to);
    route_table_free(t);
    for (uint32_t i = 0; i < n; i++)
        rule_free(rules[i]);
    free(rules);
    assert_true(sum > 0 || n == 0);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
           1e6;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_in_order),
    };
    if (argc > 1) {
        printf("%s rules: %.1f ns per match\n", argv[1],
               ns_per_match((uint32_t)strtoul(argv[1], NULL, 10)));
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
