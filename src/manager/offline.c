#include "manager/offline.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cluster/node_key.h"
#include "cluster/recover.h"
#include "cluster/repair.h"
#include "cluster/set_aside.h"
#include "cluster/stored.h"
#include "log/log.h"
#include "manager/manager.h"

static int say_wrong(int rc, const struct strb *wrong)
{
    const struct span why = wrong->len > 0 ? strb_span(wrong) : span_from_str(werr_text(rc));

    fprintf(stderr, "error: %.*s\n", (int)why.len, why.ptr);
    return MANAGER_EXIT_FAILURE;
}

static const char *place_of(const struct stored *s)
{
    if (s->was_removed)
        return "removed";
    if (s->is_witness)
        return "witness";
    return s->others_n > 0 ? "member" : "alone";
}

static void print_lines(const struct stored *s)
{
    (void)printf("node         %016" PRIx64 "\n", s->id);
    (void)printf("cluster      %s\n", s->cluster[0] != '\0' ? s->cluster : "-");
    (void)printf("incarnation  %" PRIu32 "\n", s->incarnation);
    (void)printf("place        %s\n", place_of(s));
    (void)printf("term         %" PRIu64 "\n", s->term);
    (void)printf("index        %" PRIu64 "\n", s->index);
    (void)printf("applied      %" PRIu64 "\n", s->applied);
}

static void print_json(const struct stored *s)
{
    const char *quote = s->cluster[0] != '\0' ? "\"" : "";

    (void)printf("{\"node\": \"%016" PRIx64 "\", \"cluster\": %s%s%s, \"incarnation\": %" PRIu32
                 ", \"place\": \"%s\", \"term\": %" PRIu64 ", \"index\": %" PRIu64
                 ", \"applied\": %" PRIu64 "}\n",
                 s->id, quote, s->cluster[0] != '\0' ? s->cluster : "null", quote,
                 s->incarnation, place_of(s), s->term, s->index, s->applied);
}

static int end_output(void)
{
    return fflush(stdout) == 0 ? MANAGER_EXIT_OK : MANAGER_EXIT_FAILURE;
}

int offline_status(const char *data_dir, bool as_json)
{
    char text[DATA_DIR_WRONG_MAX];
    struct stored s;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    const int rc = stored_look(data_dir, &s, &wrong);
    if (rc < 0)
        return say_wrong(rc, &wrong);
    if (as_json)
        print_json(&s);
    else
        print_lines(&s);
    return end_output();
}

int offline_recover(const char *data_dir)
{
    char text[DATA_DIR_WRONG_MAX];
    struct cluster_status status;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    log_init("manager", -1, LOG_WARN);
    const int rc = recover_run(data_dir, WELDR_VERSION, &status, &wrong);
    if (rc < 0)
        return say_wrong(rc, &wrong);
    (void)printf("%s is the whole of cluster %s now, incarnation %u\n", data_dir, status.id,
                 status.incarnation);
    if (status.is_witness)
        (void)printf("it is a witness: it serves no requests, nodes that join it will\n");
    (void)printf(
        "start it, then on each other machine: weldr cluster rejoin --data-dir DIR, and "
        "join with a new token\n");
    return end_output();
}

int offline_rejoin(const char *data_dir)
{
    char text[DATA_DIR_WRONG_MAX], name[SET_ASIDE_NAME_MAX];
    struct timespec now;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int rc = set_aside_run(data_dir, (uint64_t)now.tv_sec, name, &wrong);
    if (rc < 0)
        return say_wrong(rc, &wrong);
    (void)printf("what the node had is in %s/%s; start it with --join HOST:PORT and a token\n",
                 data_dir, name);
    return end_output();
}

static int say_what_is_at_stake(const char *data_dir, const struct repair *r)
{
    fprintf(stderr, "error: %s: all is whole up to entry %" PRIu64 "; ", data_dir, r->last);
    if (r->lost_from > 0)
        fprintf(stderr,
                "entries %" PRIu64 " to %" PRIu64 " are lost, acknowledged changes among them",
                r->lost_from, r->lost_to);
    else
        fprintf(stderr, "nobody can tell whether there were more");
    fprintf(stderr, ". Put a copy of the directory back, or say --yes to go on without them\n");
    return MANAGER_EXIT_FAILURE;
}

static void print_repair(const char *data_dir, const struct repair *r)
{
    (void)printf("kept: all up to entry %" PRIu64 "\n", r->last);
    if (r->lost_from > 0)
        (void)printf("lost: entries %" PRIu64 " to %" PRIu64 "\n", r->lost_from, r->lost_to);
    else if (r->is_unknown)
        (void)printf("lost: nobody can tell whether there were more entries\n");
    else
        (void)printf("lost: nothing\n");
    (void)printf("what was damaged is in %s/%s; start it\n", data_dir, r->aside);
}

int offline_repair(const char *data_dir, bool may_lose)
{
    char text[DATA_DIR_WRONG_MAX];
    struct timespec now;
    struct repair r;
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int rc = repair_run(data_dir, may_lose, (uint64_t)now.tv_sec, &r, &wrong);
    if (rc == WERR_GUARD)
        return say_what_is_at_stake(data_dir, &r);
    if (rc < 0)
        return say_wrong(rc, &wrong);
    if (r.is_whole)
        (void)printf("%s: nothing is damaged, up to entry %" PRIu64 "\n", data_dir, r.last);
    else
        print_repair(data_dir, &r);
    return end_output();
}

int offline_open_node_key(const char *file, unsigned char *key)
{
    char text[DATA_DIR_WRONG_MAX], path[] = "";
    const struct data_dir none = {.path = path}; /* the file is named */
    struct strb wrong;

    strb_init(&wrong, text, sizeof(text));
    const int rc = node_key_open(&none, file, key, &wrong);
    return rc < 0 ? say_wrong(rc, &wrong) : MANAGER_EXIT_OK;
}
