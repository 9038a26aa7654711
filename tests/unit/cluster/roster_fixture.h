/* roster_fixture.h - commands of a roster, short to write; and what two rosters have in common.
 */
#ifndef WELDR_TESTS_ROSTER_FIXTURE_H
#define WELDR_TESTS_ROSTER_FIXTURE_H

#include "../base/cm.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/cluster.h"
#include "cluster/roster.h"

#define CERTIFICATE SPAN("-----BEGIN CERTIFICATE-----\n")
#define CLOSED_KEY  SPAN("closed key")

/* 10.0.0.N:8688 */
static inline struct addr node_address(unsigned n)
{
    return (struct addr){.family = AF_INET, .port = 8688, .ip = {10, 0, 0, (uint8_t)n}};
}

static inline struct roster_command command_make(void)
{
    return (struct roster_command){.type = ROSTER_MAKE,
                                   .uuid = {1, 2, 3},
                                   .incarnation = 1,
                                   .profile = ROSTER_FAST,
                                   .authority = CERTIFICATE,
                                   .authority_key = CLOSED_KEY};
}

/* Of member id at node_address(id), with token number token (0: none), at second now_s. */
static inline struct roster_command command_admit(unsigned id, unsigned token, uint64_t now_s)
{
    struct roster_command c = {.type = ROSTER_ADMIT,
                               .member = {.id = id,
                                          .address = node_address(id),
                                          .version = "0.9.0",
                                          .level = 2,
                                          .joined_us = now_s * 1000000},
                               .now_us = now_s * 1000000};

    if (token != 0) {
        c.token.id[0] = (uint8_t)token;
        c.token.digest[31] = (uint8_t)token;
    }
    return c;
}

static inline struct roster_command command_token(unsigned token, uint64_t now_s,
                                                  uint64_t expiry_s)
{
    return (struct roster_command){.type = ROSTER_TOKEN,
                                   .token = {.id = {(uint8_t)token},
                                             .digest = {[31] = (uint8_t)token},
                                             .expiry_us = expiry_s * 1000000},
                                   .now_us = now_s * 1000000};
}

/* REMOVE and RECOVER. */
static inline struct roster_command command_of_id(enum roster_command_type type, uint64_t id)
{
    return (struct roster_command){.type = (uint8_t)type, .member = {.id = id}};
}

static inline struct roster_command command_move(uint64_t id, unsigned address)
{
    return (struct roster_command){.type = ROSTER_MOVE,
                                   .member = {.id = id, .address = node_address(address)}};
}

/* told 0: it was not heard. */
static inline struct roster_command command_place(uint64_t id, unsigned address, unsigned told)
{
    struct roster_command c = command_move(id, address);

    c.type = ROSTER_PLACE;
    if (told != 0)
        c.member.told = node_address(told);
    return c;
}

static inline struct roster_command command_tell(uint64_t id, const char *version,
                                                 uint8_t level)
{
    struct roster_command c = {.type = ROSTER_TELL, .member = {.id = id, .level = level}};

    memcpy(c.member.version, version, strlen(version));
    return c;
}

static inline struct roster_command command_level(uint8_t level)
{
    return (struct roster_command){.type = ROSTER_LEVEL, .member = {.level = level}};
}

static inline struct roster_command command_profile(uint8_t profile)
{
    return (struct roster_command){.type = ROSTER_PROFILE, .profile = profile};
}

/* 192.0.2.N+1 */
static inline struct addr vip_address(unsigned n)
{
    return (struct addr){.family = AF_INET, .ip = {192, 0, 2, (uint8_t)(n + 1)}};
}

static inline struct roster_command command_vip(unsigned n, uint64_t holder, uint64_t epoch)
{
    return (struct roster_command){.type = ROSTER_VIP,
                                   .vip = {.address = vip_address(n),
                                           .holder = holder,
                                           .epoch = epoch,
                                           .cause = CLUSTER_VIP_MOVED},
                                   .now_us = 1000 + epoch};
}

static inline void apply_well(struct roster *r, struct roster_command c)
{
    assert_int_equal(roster_apply(r, &c), 0);
}

/* Refused, and nothing has changed. */
static inline void refuse(struct roster *r, struct roster_command c, int error)
{
    const uint64_t before = roster_digest(r);

    assert_int_equal(roster_apply(r, &c), error);
    assert_true(roster_digest(r) == before);
}

/* Done already: 0, and nothing has changed. */
static inline void apply_again(struct roster *r, struct roster_command c)
{
    refuse(r, c, 0);
}

/* A cluster whose only member is 5. */
static inline struct roster *roster_of_one(void)
{
    struct roster *r = roster_new();

    assert_non_null(r);
    apply_well(r, command_make());
    apply_well(r, command_admit(5, 0, 100));
    return r;
}

static inline void assert_rosters_equal(const struct roster *a, const struct roster *b)
{
    char *of_a, *of_b;
    size_t a_len, b_len;

    assert_true(roster_digest(a) == roster_digest(b));
    assert_int_equal(roster_encode(a, &of_a, &a_len), 0);
    assert_int_equal(roster_encode(b, &of_b, &b_len), 0);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(of_a, of_b, a_len);
    free(of_a);
    free(of_b);
}

#endif
