#include "base/jtext.h"
#include "manager/api.h"
#include "manager/api_problem.h"
#include "manager/ui_files.h"

/* GET /ui and its files: the dashboard. GET /ui/access: what its user may do, so that it knows
 * whether to ask for a token. */

static const struct ui_file *find_file(struct span name)
{
    for (size_t i = 0; i < ui_files_n; i++)
        if (span_is_equal(span_from_str(ui_files[i].name), name))
            return &ui_files[i];
    return NULL;
}

void api_ui_get(struct api_conn *ac)
{
    const struct ui_file *file = find_file(api_match_param(&ac->match, SPAN("file")));

    if (file == NULL)
        api_problem(ac, 404, "not_found", "the dashboard has no such file");
    else
        api_respond_file(ac, api_accept_is_gzip(&ac->accept) ? &file->gzip : &file->plain);
}

void api_ui_access(struct api_conn *ac)
{
    static const char *const words[] = {
        [API_ACCESS_NONE] = "none", [API_ACCESS_READ] = "read", [API_ACCESS_ADMIN] = "admin"};
    struct jtext t;

    MUST(ac->access < sizeof(words) / sizeof(words[0]));
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "access", words[ac->access]);
    jtext_close(&t, '}');
    api_respond(ac, 200, jtext_take(&t));
}
