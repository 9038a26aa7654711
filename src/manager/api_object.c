#include "manager/api_object.h"

#include <stdio.h>
#include <stdlib.h>

#include "manager/api.h"
#include "manager/api_problem.h"
#include "manager/api_shown.h"
#include "manager/api_wish.h"
#include "manager/manager.h"

void api_object_none(struct api_conn *ac, const struct api_object_kind *k)
{
    char detail[64];

    (void)snprintf(detail, sizeof(detail), "there is no such %s", kind_word(k->kind));
    api_problem(ac, 404, "not_found", detail);
}

static void respond_object(struct api_conn *ac, const struct api_object_kind *k,
                           unsigned status, const void *object)
{
    ac->tag = k->digest(object);
    api_respond(ac, status, k->show(ac, object));
}

void api_object_show(struct api_conn *ac, const struct api_object_kind *k, const void *object)
{
    respond_object(ac, k, 200, object);
}

void api_object_get(struct api_conn *ac, const struct api_object_kind *k)
{
    const void *object = k->find(ac);

    if (object == NULL)
        api_object_none(ac, k);
    else
        respond_object(ac, k, 200, object);
}

/* ---- outcomes ---- */

static bool respond_refusal(struct api_conn *ac)
{
    if (ac->outcome.result == 0)
        return false;
    api_problem_of_refusal(ac);
    return true;
}

static void on_set(struct api_conn *ac)
{
    const struct api_object_kind *k = ac->kind;
    const bool is_new = ac->outcome.change == POOL_CHANGE_ADDED;
    MUST(k != NULL); /* api_object_* set it with the wish */
    const void *object = k->find_id(ac, ac->outcome.id);

    if (respond_refusal(ac))
        return;
    if (object == NULL) { /* removed meanwhile */
        api_object_none(ac, k);
        return;
    }
    if (is_new)
        k->locate(ac, object, ac->location, sizeof(ac->location));
    respond_object(ac, k, is_new ? 201 : 200, object);
}

static void on_removed(struct api_conn *ac)
{
    if (!respond_refusal(ac))
        api_respond(ac, 200, api_json_removed(ac->removed, api_base(ac)));
}

/* ---- wishes ---- */

void api_object_wish(struct api_conn *ac, const struct api_object_kind *k,
                     struct pool_command *c)
{
    ac->kind = k;
    api_wish(ac, c, on_set);
}

static void add(struct api_conn *ac, const struct api_object_kind *k, struct span body,
                bool is_put)
{
    struct pool_command c;
    struct pool_error error;
    char *rest = NULL;
    int rc = api_json_cut_told(body, &k->fixed, &rest);

    if (rc == 0)
        rc = k->read_add(ac, is_put, rest != NULL ? span_from_str(rest) : body, &c, &error);
    free(rest);
    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
        return;
    }
    c.is_put = is_put;
    api_object_wish(ac, k, &c);
}

void api_object_add(struct api_conn *ac, const struct api_object_kind *k)
{
    add(ac, k, api_body(ac), false);
}

/* The body may be what GET has answered: what it shows beside what people decide is passed
 * over, while all else counts, so that what is left out gets its default. */
void api_object_put(struct api_conn *ac, const struct api_object_kind *k)
{
    const struct api_json_fixed_set whole = {k->fixed.rows, k->fixed.n, true};
    const void *object = k->find(ac);
    struct pool_error error;
    char *rest = NULL;
    int rc = 0;

    if (object != NULL)
        rc = api_shown_cut(api_body(ac), k->show(ac, object), &whole, &error, &rest);
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    else
        add(ac, k, rest != NULL ? span_from_str(rest) : api_body(ac), true);
    free(rest);
}

static int read_change(struct api_conn *ac, const struct api_object_kind *k, const void *object,
                       struct pool_command *c, struct pool_error *error)
{
    char *rest = NULL;
    int rc = api_shown_cut(api_body(ac), k->show(ac, object), &k->fixed, error, &rest);

    if (rc == 0)
        rc = k->read_change(rest != NULL ? span_from_str(rest) : api_body(ac), c, error);
    free(rest);
    return rc;
}

void api_object_change(struct api_conn *ac, const struct api_object_kind *k)
{
    const void *object = k->find(ac);
    struct pool_command c;
    struct pool_error error;

    if (object == NULL) {
        api_object_none(ac, k);
        return;
    }
    int rc = read_change(ac, k, object, &c, &error);
    if (rc < 0) {
        api_problem_of_body(ac, rc, &error);
        return;
    }
    k->name(ac, object, &c);
    api_object_wish(ac, k, &c);
}

void api_object_remove(struct api_conn *ac, const struct api_object_kind *k)
{
    const void *object = k->find(ac);
    struct pool_command c;

    if (object == NULL) {
        api_object_none(ac, k);
        return;
    }
    pool_command_init(&c, k->remove);
    k->name(ac, object, &c);
    k->locate(ac, object, ac->removed, sizeof(ac->removed));
    ac->kind = k;
    api_wish(ac, &c, on_removed);
}
