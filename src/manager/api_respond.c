#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "http/date.h"
#include "http/reply.h"
#include "manager/api_int.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/ui_files.h"

enum { SEND_PIECE_BYTES = 64 * 1024 };
#define JSON_TYPE "application/json"

#define API_RETRY_AFTER_S "1"

void api_hear_next(struct api_conn *ac)
{
    ac->is_given = false;
    api_move(ac, API_READING, "answered");
    ac->is_in_head = false;
    conn_timer_set(&ac->conn, API_IDLE_MS);
    conn_next(&ac->conn);
}

static void end_conn(struct api_conn *ac)
{
    api_move(ac, API_READING, "answered");
    conn_close(&ac->conn, ac->is_whole ? CONN_CLOSE_FLUSH : CONN_CLOSE_LINGER);
}

/* The next request is heard when this response was taken: else each one that a client sends and
 * does not read the response of would add to its queue. And in another turn, so that others are
 * served between the requests of one who has sent many. */
static void finish(struct api_conn *ac)
{
    struct conn *c = &ac->conn;

    MUST(ac->phase == API_SENDING && ac->pages == NULL && ac->text_sent == ac->text_len);
    conn_send_end(c, NULL);
    conn_flush(c);
    free(ac->text);
    ac->text = NULL;
    api_drop_request(ac);
    if (!ac->is_whole || !conn_can_reuse(c))
        end_conn(ac);
    else
        ac->is_given = true;
    if (ac->is_given && !conn_is_congested(c)) /* else on_drained goes on */
        loop_defer(ac->m->loop, &ac->next_page);
}

/* The next page, in the place of the last one. False: there is none, or the response is cut
 * off.
 */
static bool turn_page(struct api_conn *ac)
{
    int rc = 0;

    if (ac->pages == NULL)
        return false;
    free(ac->text);
    ac->text = api_pages_next(ac->pages, ac->m, &rc);
    ac->text_len = ac->text != NULL ? strlen(ac->text) : 0;
    ac->text_sent = 0;
    if (ac->text != NULL)
        return true;
    api_pages_free(ac->pages);
    ac->pages = NULL;
    if (rc < 0)
        conn_close(&ac->conn, CONN_CLOSE_FLUSH_RESET);
    return false;
}

/* All that is there, in pieces; false when the client takes no more now. */
static bool send_text(struct api_conn *ac)
{
    while (ac->text_sent < ac->text_len && conn_is_open(&ac->conn)) {
        const struct span rest =
            span_from(ac->text + ac->text_sent, ac->text_len - ac->text_sent);
        const struct span piece = span_first(rest, SEND_PIECE_BYTES);

        conn_send_body(&ac->conn, piece, 0);
        ac->text_sent += piece.len;
        if (rest.len == piece.len && ac->pages == NULL)
            return true;
        conn_flush(&ac->conn);
        if (conn_is_congested(&ac->conn))
            return false;
    }
    return true;
}

/* A long response goes as the client takes it (on_drained goes on), and a page a turn, so that
 * others are served in between. */
void api_send_more(struct api_conn *ac)
{
    const bool is_taken = send_text(ac);

    if (ac->text_sent == ac->text_len && ac->pages != NULL) {
        free(ac->text); /* what was not taken is in the connection's queue */
        ac->text = NULL;
        ac->text_len = ac->text_sent = 0;
    }
    if (!is_taken || !conn_is_open(&ac->conn))
        return;
    if (ac->pages != NULL)
        loop_defer(ac->m->loop, &ac->next_page);
    else
        finish(ac);
}

void api_on_next_page(struct loop_work *w)
{
    struct api_conn *ac = (struct api_conn *)((char *)w - offsetof(struct api_conn, next_page));

    MUST(ac->magic == API_MAGIC);
    if (!conn_is_open(&ac->conn))
        return;
    if (ac->is_given)
        api_hear_next(ac);
    else if (turn_page(ac))
        api_send_more(ac);
    else if (conn_is_open(&ac->conn))
        finish(ac);
}

static void add(struct msg *m, struct span name, const char *value)
{
    if (value[0] != '\0')
        MUST(msg_add(m, name, span_from_str(value)) == 0);
}

static void add_location(struct api_conn *ac, struct msg *m)
{
    static const struct span v1 = {"/v1", 3};
    const size_t len = strlen(ac->location);

    MUST(len + v1.len < sizeof(ac->location)); /* a name and a host are shorter */
    if (len > 0 && ac->is_below_v1) {
        memmove(ac->location + v1.len, ac->location, len + 1);
        memcpy(ac->location, v1.ptr, v1.len);
    }
    add(m, SPAN("Location"), ac->location);
}

static const char *preferences(const struct api_conn *ac)
{
    const bool is_applied = ac->has_waited && ac->applied.is_everywhere;

    if (ac->is_shortened)
        return is_applied ? "return=minimal, wait=applied" : "return=minimal";
    return is_applied ? "wait=applied" : "";
}

static void print_missing(struct api_conn *ac)
{
    ac->missing[0] = '\0';
    if (ac->has_waited)
        applied_print_missing(&ac->applied, ac->missing);
}

/* What a browser may do with the dashboard: run its own script and ask its own origin, and be
 * in no frame. Nothing is inline. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* A copy that is kept is asked about each time, by its tag. */
static void add_file_fields(const struct ui_body *file, struct msg *m)
{
    add(m, SPAN("Cache-Control"), "no-cache");
    add(m, SPAN("Content-Encoding"), file->is_gzip ? "gzip" : "");
    add(m, SPAN("Vary"), "Accept-Encoding");
    add(m, SPAN("Content-Security-Policy"), page_policy);
    add(m, SPAN("X-Content-Type-Options"), "nosniff");
    add(m, SPAN("Referrer-Policy"), "no-referrer");
    add(m, SPAN("Cross-Origin-Resource-Policy"), "same-origin");
}

/* How long it may be kept, and what it is of. */
static void add_keeping(const struct api_conn *ac, struct msg *m)
{
    if (ac->file != NULL) {
        add_file_fields(ac->file, m);
        return;
    }
    add(m, SPAN("Cache-Control"), "no-store");
    add(m, SPAN("X-Weldr-Revision"), ac->revision);
}

static void send_response(struct api_conn *ac, unsigned status, const char *type)
{
    struct manager *m = ac->m;
    struct strb revision;
    struct msg msg;

    if (ac->tag != 0 && (status < 300 || status == 304))
        api_tag_print(ac->tag, ac->tag_text);
    else
        ac->tag_text[0] = '\0';
    print_missing(ac);
    strb_init(&revision, ac->revision, sizeof(ac->revision));
    strb_add_u64(&revision, m->revision);
    date_print(loop_wall_us(m->loop) / 1000000, ac->date);
    reply_init(&msg, status, ac->text_len);
    if (status == 304)
        msg.flags &= (uint16_t)~MSG_HAS_LENGTH; /* it would be that of the document */
    if (ac->pages != NULL) {
        msg.flags &= (uint16_t)~MSG_HAS_LENGTH;
        msg.body = MSG_BODY_CHUNKED;
    }
    add(&msg, SPAN("Date"), ac->date);
    add(&msg, SPAN("Content-Type"), ac->text_len > 0 ? type : "");
    add_keeping(ac, &msg);
    add(&msg, SPAN("ETag"), ac->tag_text);
    add_location(ac, &msg);
    add(&msg, SPAN("Allow"), ac->allow);
    add(&msg, SPAN("Preference-Applied"), preferences(ac));
    add(&msg, SPAN("X-Weldr-Not-Applied"), ac->missing);
    add(&msg, SPAN("Retry-After"), ac->is_passing ? API_RETRY_AFTER_S : "");
    add(&msg, SPAN("WWW-Authenticate"), status == 401 ? "Bearer" : "");
    if (!ac->is_whole)
        conn_close_after(&ac->conn);
    conn_timer_set(&ac->conn, API_IDLE_MS);
    conn_send_head(&ac->conn, &msg);
    if (ac->is_head) {
        ac->text_sent = ac->text_len;
        api_pages_free(ac->pages);
        ac->pages = NULL;
    }
    api_send_more(ac);
}

void api_begin_stream(struct api_conn *ac)
{
    struct msg msg;

    api_move(ac, API_STREAMING, "events");
    date_print(loop_wall_us(ac->m->loop) / 1000000, ac->date);
    reply_init(&msg, 200, 0);
    msg.flags &= (uint16_t)~MSG_HAS_LENGTH;
    msg.body = MSG_BODY_CHUNKED;
    add(&msg, SPAN("Date"), ac->date);
    add(&msg, SPAN("Content-Type"), "text/event-stream");
    add(&msg, SPAN("Cache-Control"), "no-store");
    conn_close_after(&ac->conn);
    conn_send_head(&ac->conn, &msg);
    conn_watch_fin(&ac->conn);
    api_drop_request(ac);
}

static void respond_bytes(struct api_conn *ac, unsigned status, char *text, size_t len,
                          const char *type)
{
    if (ac->change != NULL)
        change_end(ac->change);
    ac->change = NULL;
    api_move(ac, API_SENDING, "response");
    MUST(ac->text == NULL); /* the response before has gone */
    ac->text = text;
    ac->text_len = len;
    ac->text_sent = 0;
    ac->is_given = false;
    send_response(ac, status, type);
}

static void respond(struct api_conn *ac, unsigned status, char *text, const char *type)
{
    respond_bytes(ac, status, text, text != NULL ? strlen(text) : 0, type);
}

static bool is_read(const struct api_conn *ac)
{
    return ac->is_head || strcmp(ac->method, "GET") == 0;
}

/* The client has it already, or asked for another one. */
static bool respond_by_tag(struct api_conn *ac)
{
    const unsigned status = api_tag_judge_read(&ac->conditions, ac->tag);

    if (status == 304)
        respond(ac, status, NULL, "");
    else if (status == 412)
        api_problem(ac, status, "precondition_failed",
                    "the resource is another than If-Match says");
    return status != 0;
}

void api_respond_text(struct api_conn *ac, unsigned status, char *text, const char *type)
{
    const bool is_document = is_read(ac) && status == 200 && text != NULL;

    if (is_document && ac->tag == 0 && ac->pages == NULL)
        ac->tag = api_tag_of_text(text);
    if (is_document && ac->tag != 0 && respond_by_tag(ac)) {
        free(text);
        return;
    }
    ac->is_passing = ac->is_passing || text == NULL;
    respond(ac, text != NULL ? status : 503, text, type);
}

void api_respond_file(struct api_conn *ac, const struct ui_body *file)
{
    char *copy;

    ac->tag = file->tag;
    if (api_tag_judge_read(&ac->conditions, ac->tag) != 412) /* whose body is a problem */
        ac->file = file;
    if (respond_by_tag(ac))
        return;
    copy = fault_malloc(file->len);
    if (copy == NULL) {
        ac->file = NULL;
        ac->tag = 0;
        api_respond(ac, 200, NULL);
        return;
    }
    memcpy(copy, file->bytes, file->len);
    respond_bytes(ac, 200, copy, file->len, file->type);
}

void api_respond(struct api_conn *ac, unsigned status, char *text)
{
    api_respond_text(ac, status, text, JSON_TYPE);
}

void api_respond_pages(struct api_conn *ac, unsigned status, const struct api_pages_kind *kind,
                       const struct api_cursor *at)
{
    struct api_cursor from = *at;
    char *first;

    from.base = api_base(ac);
    if (is_read(ac) && ac->tag != 0 && respond_by_tag(ac))
        return;
    ac->pages = api_pages_new(ac->m, kind, &from, &first);
    api_respond_text(ac, status, first, kind->type != NULL ? kind->type : JSON_TYPE);
}

void api_respond_nothing(struct api_conn *ac)
{
    respond(ac, 204, NULL, "");
}

void api_respond_problem(struct api_conn *ac, unsigned status, char *text)
{
    respond(ac, status, text, "application/problem+json");
}
