/*
 * What the management API reads beside bodies: queries, places in lists (?cursor=), ids of
 * events
 * (?since=, Last-Event-ID) and the field Prefer. The first byte chooses. What is refused comes
 * with a code and a sentence; what is taken is, written anew, read as the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "manager/api_cursor.h"
#include "manager/event_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EPOCH = 0x5eed };

/* The handler reads what the first reader has let through and kept. */
static void read_query(struct span text)
{
    static const char keys[] =
        "state meta.* limit cursor fields drain wait timeout force dry_run";
    struct api_query q;
    struct api_pick pick, again;
    struct pool_error error = {0};

    api_query_read(text, keys, &q);
    MUST(q.error.code == NULL || q.error.detail[0] != '\0');
    if (q.error.code != NULL)
        return;
    if (api_pick_read(span_from_str(q.text), &pick, &error) < 0) {
        MUST(error.code != NULL && error.detail[0] != '\0' && error.field[0] != '\0');
        return;
    }
    char anew[API_QUERY_TEXT_MAX + 1] = "?";

    strcat(anew, pick.question);
    MUST(api_pick_read(span_from_str(anew), &again, &error) == 0 && again.cursor[0] == '\0');
    memcpy(again.cursor, pick.cursor, sizeof(again.cursor));
    MUST(memcmp(&again, &pick, sizeof(pick)) == 0);
    MUST(pick.limit <= PICK_LIMIT_MAX && pick.meta_n <= PICK_META_MAX);
}

static void read_cursor(struct span text)
{
    struct api_cursor at = {0}, again = {0};
    char anew[PICK_CURSOR_MAX];

    if (api_cursor_read(text, EPOCH, &at) < 0)
        return;
    api_cursor_print(&at, EPOCH, anew);
    MUST(api_cursor_read(span_from_str(anew), EPOCH, &again) == 0);
    MUST(memcmp(&again, &at, sizeof(at)) == 0);
}

static void read_event_id(struct span text)
{
    const struct event_ring r = {.epoch = EPOCH, .first = 10, .next = 1000};
    uint64_t number, again;
    char anew[EVENT_ID_MAX];
    const int rc = event_ring_read_id(&r, text, &number);

    MUST(rc == 0 || rc == WERR_SYNTAX || rc == WERR_NOT_FOUND);
    if (rc < 0)
        return;
    MUST(number < r.next);
    event_ring_print_id(&r, number, anew);
    MUST(event_ring_read_id(&r, span_from_str(anew), &again) == 0 && again == number);
}

static void read_field(struct span text)
{
    bool is_minimal = false;

    MUST(api_query_prefer(text, SPAN("return"), SPAN("minimal"), &is_minimal) || !is_minimal);
    MUST(api_type_is_taken(text) || text.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct span text) = {read_query, read_cursor, read_event_id,
                                                        read_field};

    if (size > 0)
        readers[data[0] % 4](span_from(data + 1, size - 1));
    return 0;
}
