#include "cli/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "log/progress.h"

enum { ASK_EVERY_MS = 500, DRAIN_LIMIT_S = 60, WORD_BYTES = 64 };

typedef void (*tell_fn)(const struct waiting *w, const struct doc *d, int fd);

struct wait_row {
    const char *noun, *verb;
    unsigned flag;
    const char *text, *path;
    tell_fn tell;
};

/* ---- what the API says ---- */

static void read_word(const struct doc *d, const char *key, char word[WORD_BYTES])
{
    char *text = doc_text(doc_get(d, key));
    const bool is_there = text != NULL && strcmp(text, "-") != 0;

    if (span_to_str(is_there ? span_from_str(text) : SPAN_NONE, word, WORD_BYTES) < 0)
        word[0] = '\0';
    free(text);
}

static uint64_t read_count(const struct doc *d, const char *key)
{
    char word[WORD_BYTES];

    read_word(d, key, word);
    return strtoull(word, NULL, 10);
}

static void tell_server(const struct waiting *w, const struct doc *d, int fd)
{
    const uint64_t n = read_count(d, "in_flight");

    (void)w;
    (void)fd;
    progress_detail("%llu request%s in flight", (unsigned long long)n, n == 1 ? "" : "s");
}

static void tell_vip(const struct waiting *w, const struct doc *d, int fd)
{
    char state[WORD_BYTES], holder[WORD_BYTES];

    (void)w;
    (void)fd;
    read_word(d, "state", state);
    read_word(d, "holder", holder);
    progress_detail("%s%s%s", state, holder[0] != '\0' ? ", held by " : "", holder);
}

/* Of a node that is alone there is nothing to say. */
static void tell_members(const struct waiting *w, const struct doc *d, int fd)
{
    const struct doc *members = doc_get(d, "members");
    uint64_t most = 0;
    size_t behind = 0;

    (void)w;
    (void)fd;
    for (size_t i = 0; i < doc_size(members); i++) {
        const uint64_t lag = read_count(doc_at(members, i), "lag");

        behind += lag > 0;
        most = lag > most ? lag : most;
    }
    if (behind > 0)
        progress_detail("%zu of %zu members behind, by up to %llu changes", behind,
                        doc_size(members), (unsigned long long)most);
    else if (doc_size(members) > 1)
        progress_detail("all %zu members have what was agreed on", doc_size(members));
}

static void tell_leader(const struct waiting *w, const struct doc *d, int fd)
{
    char leader[WORD_BYTES];

    (void)w;
    (void)fd;
    read_word(d, "leader.id", leader);
    if (leader[0] != '\0')
        progress_detail("%s leads", leader);
    else
        progress_detail("no leader is known");
}

const char *waiting_phase_words(const char *phase)
{
    static const char *const words[][2] = {
        {"idle", "it serves"},
        {"started", "the new one starts"},
        {"parting", "another member is to lead first"},
        {"handing", "handing over to the new one"},
        {"waiting", "the new one takes over"},
        {"again", "the new one has failed: the one before starts again"},
        {"leaving", "the new one serves"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i][0], phase) == 0)
            return words[i][1];
    return phase;
}

static bool find_self(const struct doc *members, char id[WORD_BYTES])
{
    for (size_t i = 0; i < doc_size(members); i++) {
        char word[WORD_BYTES];

        read_word(doc_at(members, i), "is_self", word);
        read_word(doc_at(members, i), "id", id);
        if (strcmp(word, "true") == 0)
            return true;
    }
    return false;
}

static void tell_upgrade(const struct waiting *w, const struct doc *d, int fd)
{
    char id[WORD_BYTES], phase[WORD_BYTES], path[2 * WORD_BYTES];
    struct strb b;

    if (!find_self(doc_get(d, "members"), id))
        return;
    strb_init(&b, path, sizeof(path));
    strb_addf(&b, "/cluster/members/%s/upgrade", id);
    struct doc *own = session_peek(w->session, path, fd);
    if (own == NULL)
        return;
    read_word(own, "phase", phase);
    if (phase[0] != '\0')
        progress_detail("%s", waiting_phase_words(phase));
    doc_free(own);
}

/* ---- the rows ---- */

static const struct wait_row rows[] = {
#define WAIT(noun, verb, flag, text, path, tell) {noun, verb, flag, text, path, tell},
#include "cli/waits.def"
#undef WAIT
};

static bool fits(const char *wanted, const char *word)
{
    return strcmp(wanted, "*") == 0 || strcmp(wanted, word) == 0;
}

/* The last one fits always. */
static const struct wait_row *find_row(const struct args *args)
{
    size_t i = 0;

    while (!fits(rows[i].noun, args->command->noun) ||
           !fits(rows[i].verb, args->command->verb) ||
           (rows[i].flag < ARGS_FLAGS && args->flag[rows[i].flag] == NULL))
        i++;
    return &rows[i];
}

/* "30s", "500ms", "2m", as the API takes it; what is none it refuses. */
static unsigned limit_of(const struct args *args)
{
    const char *text = args->flag[ARGS_TIMEOUT];
    char *end;

    if (args->flag[ARGS_WAIT] == NULL || !args_takes(args->command, ARGS_TIMEOUT))
        return 0;
    if (text == NULL)
        return DRAIN_LIMIT_S;
    const unsigned long n = strtoul(text, &end, 10);
    if (n > UINT32_MAX / 60000)
        return 0;
    if (strcmp(end, "ms") == 0)
        return (unsigned)((n + 999) / 1000);
    return (unsigned)(strcmp(end, "m") == 0 ? n * 60 : n);
}

static void add_text(struct strb *b, const char *text, const char *word, const char *place)
{
    for (; *text != '\0'; text++) {
        if (*text == '%')
            strb_add_str(b, word);
        else if (*text == '@')
            strb_add_str(b, place);
        else
            strb_add_char(b, *text);
    }
}

/* The target without its query, and without what stands behind the last word of the path. */
static void object_path(const struct args *args, const char *target, struct strb *b)
{
    const char *verb = strrchr(args->command->path, '%');
    const size_t verb_len = verb != NULL ? strlen(verb + 1) : 0;
    const struct span path = span_from(target, strcspn(target, "?"));

    strb_add(b, span_first(path, path.len > verb_len ? path.len - verb_len : 0));
}

static void on_idle(void *arg, int fd)
{
    struct waiting *w = arg;
    const uint64_t now_ms = clock_mono_us() / 1000;

    progress_tick();
    if (w->path[0] == '\0' || now_ms < w->asked_ms + ASK_EVERY_MS)
        return;
    w->asked_ms = now_ms;
    struct doc *d = session_peek(w->session, w->path, fd);
    if (d != NULL)
        w->row->tell(w, d, fd);
    doc_free(d);
}

void waiting_begin(struct waiting *w, struct session *s, const struct args *args,
                   const char *target)
{
    char text[PROGRESS_TEXT_MAX];
    struct strb b;

    *w = (struct waiting){.session = s, .row = find_row(args)};
    if (!progress_is_open())
        return;
    strb_init(&b, text, sizeof(text));
    add_text(&b, w->row->text, args->word_n > 0 ? args->word[0] : "", s->place);
    progress_begin(limit_of(args), "%s", text);
    strb_init(&b, w->path, sizeof(w->path));
    if (strcmp(w->row->path, ".") == 0)
        object_path(args, target, &b);
    else
        strb_add_str(&b, w->row->path);
    if (strb_is_full(&b))
        w->path[0] = '\0';
    s->idle = on_idle;
    s->idle_arg = w;
}

void waiting_end(struct waiting *w)
{
    w->session->idle = NULL;
    progress_end();
}

void waiting_say(const struct session *s, const char *text)
{
    char all[PROGRESS_TEXT_MAX];
    struct strb b;

    strb_init(&b, all, sizeof(all));
    add_text(&b, text, "", s->place);
    progress_begin(0, "%s", all);
}
