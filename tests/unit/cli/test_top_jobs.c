#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "cli/top_jobs.h"

/* An API that takes 10 ms a request, and a person who looks. */
struct world {
    struct top_model m;
    struct top_ui u;
    struct top_jobs j;
    double now;
    char target[TOP_TARGET_BYTES];
};

static struct world *new_world(void)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    top_model_init(&w->m);
    top_ui_init(&w->u);
    top_jobs_init(&w->j, 1);
    w->now = 100;
    return w;
}

static void free_world(struct world *w)
{
    top_model_fini(&w->m);
    free(w);
}

static bool next(struct world *w)
{
    return top_jobs_next(&w->j, &w->m, &w->u, w->now, w->target);
}

static void respond(struct world *w, int status, const char *text)
{
    w->now += 0.01;
    top_jobs_take(&w->j, &w->m, &w->u, status, span_from_str(text),
                  (struct top_now){w->now, 1000 + w->now});
    assert_int_equal(top_ui_arrange(&w->u, &w->m), 0);
}

/* What is asked within so many seconds, each answered with "{}"; counts targets with a text. */
static unsigned count(struct world *w, double s, const char *with)
{
    const double end = w->now + s;
    unsigned n = 0;

    while (w->now < end) {
        if (next(w)) {
            n += strstr(w->target, with) != NULL;
            respond(w, 200, "{}");
        } else {
            const double wait = top_jobs_wait(&w->j, &w->m, &w->u, w->now);

            assert_true(wait > 0);
            w->now += fmin(wait, end - w->now) + 1e-6;
        }
    }
    return n;
}

static void test_what_is_in_sight_is_asked_for(void **state)
{
    struct world *w = new_world();

    (void)state;
    assert_false(top_jobs_is_complete(&w->j, &w->m, &w->u));
    assert_in_range(count(w, 10, "/stats/samples?step=1"), 9, 11);
    assert_true(top_jobs_is_complete(&w->j, &w->m, &w->u));
    assert_int_equal(count(w, 10, "/vips"), 0);
    assert_in_range(count(w, 10, "/cluster"), 4, 6);
    w->u.tab = TOP_VIPS;
    assert_int_equal(count(w, 10, "/servers"), 0);
    assert_in_range(count(w, 10, "/vips"), 9, 11);
    w->u.is_paused = true;
    assert_false(next(w));
    assert_true(isinf(top_jobs_wait(&w->j, &w->m, &w->u, w->now)));
    free_world(w);
}

static void test_pages(void **state)
{
    struct world *w = new_world();
    const char *second = "&cursor=c-1";

    (void)state;
    do
        assert_true(next(w));
    while (strstr(w->target, "/pools/default/servers") == NULL && (respond(w, 200, "{}"), 1));
    w->now += 1; /* a page that takes its time */
    respond(w, 200, "{\"servers\":[{\"id\":\"s-1\"}],\"next\":\"c-1\"}");
    do
        assert_true(next(w));
    while (strstr(w->target, second) == NULL && (respond(w, 200, "{}"), 1));
    w->now += 1;
    respond(w, 200, "{\"servers\":[{\"id\":\"s-2\"}]}");
    assert_int_equal(w->m.list[TOP_SERVERS].rows.row_n, 2);
    /* Two seconds of the API: a twentieth of the time. */
    assert_int_equal(count(w, 39.9, "fields=id,url"), 0);
    assert_int_equal(count(w, 0.8, "fields=id,url"), 1);
    free_world(w);
}

static void test_another_pool(void **state)
{
    struct world *w = new_world();

    (void)state;
    do
        assert_true(next(w));
    while (strstr(w->target, "/pools/default/servers") == NULL && (respond(w, 200, "{}"), 1));
    top_model_choose_pool(&w->m, "a/b?c");
    respond(w, 200, "{\"servers\":[{\"id\":\"s-1\"}]}"); /* of the pool of before */
    assert_false(w->m.list[TOP_SERVERS].is_there);
    do
        assert_true(next(w));
    while (strstr(w->target, "/pools/a%2Fb%3Fc/servers") == NULL && (respond(w, 200, "{}"), 1));
    respond(w, 404, "{\"detail\":\"there is no such pool\"}");
    assert_string_equal(w->m.link.problem, "404: there is no such pool");
    assert_true(next(w));
    respond(w, 200, "{}"); /* another one's success does not hide it */
    assert_string_equal(w->m.link.problem, "404: there is no such pool");
    w->u.tab = TOP_VIPS; /* wanted no more */
    assert_true(next(w));
    respond(w, 200, "{}");
    assert_string_equal(w->m.link.problem, "");
    free_world(w);
}

static void test_nobody_answers(void **state)
{
    struct world *w = new_world();
    unsigned n = 0;

    (void)state;
    assert_true(count(w, 3, "/") > 5);
    const double since = 1000 + w->now;
    w->now += 0.5;
    while (!w->m.link.is_down) {
        assert_true(next(w));
        respond(w, WERR_REFUSED, "");
    }
    assert_true(fabs(w->m.link.down_since - since) < 1.1);
    assert_string_equal(w->m.link.why, werr_text(WERR_REFUSED));
    for (const double end = w->now + 10; w->now < end; w->now += 0.05)
        if (next(w)) {
            n++;
            respond(w, WERR_TIMEOUT, "");
        }
    assert_in_range(n, 9, 11);
    assert_string_equal(w->m.link.why, werr_text(WERR_TIMEOUT));
    w->now += 1;
    assert_true(next(w));
    respond(w, 200, "no JSON");
    assert_true(w->m.link.is_down);
    w->now += 1;
    assert_true(next(w));
    respond(w, 200, "{}");
    assert_false(w->m.link.is_down);
    assert_true(top_jobs_wait(&w->j, &w->m, &w->u, w->now) == 0); /* all are due */
    free_world(w);
}

static void test_a_token_is_wanted(void **state)
{
    struct world *w = new_world();

    (void)state;
    assert_true(next(w));
    respond(w, 401, "{\"detail\":\"who are you?\"}");
    assert_false(w->m.link.is_down);
    assert_non_null(strstr(w->m.link.problem, "--token-file"));
    free_world(w);
}

static void test_lines_of_those_in_sight(void **state)
{
    struct world *w = new_world();

    (void)state;
    w->u.fit_n = 2;
    do
        assert_true(next(w));
    while (strstr(w->target, "/pools/default/servers") == NULL && (respond(w, 200, "{}"), 1));
    respond(w, 200, "{\"servers\":[{\"id\":\"s-1\"},{\"id\":\"s-2\"},{\"id\":\"s-3\"}]}");
    assert_int_equal(count(w, 2.5, "samples?servers=s-1,s-2"), 1);
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_in_sight_is_asked_for),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_another_pool),
        cmocka_unit_test(test_nobody_answers),
        cmocka_unit_test(test_a_token_is_wanted),
        cmocka_unit_test(test_lines_of_those_in_sight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
