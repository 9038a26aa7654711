#include "base/clock.h"

#include <string.h>
#include <time.h>

#define WALL_MS_MAX UINT64_C(253402300799999) /* the last ms of the year 9999 */

enum { MS_PER_DAY = 86400000, CLOCK_TEXT_LEN = 24 };

static uint64_t read_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

uint64_t clock_boot_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void print_digits(char *at, unsigned n, unsigned digits)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + n % 10);
        n /= 10;
    }
}

/* Days since 1970 to a Gregorian date. Counted from March 1 of the year 0, so that the leap day
 * is the last of a year and of a cycle. */
static void print_date(char *at, unsigned days_1970)
{
    const unsigned days_0000_to_1970 = 719468;
    const unsigned days_400y = 146097, days_100y = 36524, days_4y = 1461, days_1y = 365;
    unsigned days = days_1970 + days_0000_to_1970;
    unsigned years = days / days_400y * 400;
    days %= days_400y;
    unsigned centuries = days / days_100y < 4 ? days / days_100y : 3;
    days -= centuries * days_100y;
    years += centuries * 100 + days / days_4y * 4;
    days %= days_4y;
    unsigned rest_years = days / days_1y < 4 ? days / days_1y : 3;
    days -= rest_years * days_1y;
    years += rest_years;
    /* From March the lengths of months repeat in groups of five with 153 days. */
    unsigned month = (5 * days + 2) / 153;
    unsigned day = days - (153 * month + 2) / 5 + 1;
    print_digits(at, years + (month >= 10), 4);
    print_digits(at + 5, month < 10 ? month + 3 : month - 9, 2);
    print_digits(at + 8, day, 2);
}

size_t clock_print_wall(uint64_t wall_us, char *buf)
{
    uint64_t wall_ms = wall_us / 1000 < WALL_MS_MAX ? wall_us / 1000 : WALL_MS_MAX;
    unsigned ms = (unsigned)(wall_ms % MS_PER_DAY);

    memcpy(buf, "0000-00-00T00:00:00.000Z", CLOCK_TEXT_LEN + 1);
    print_date(buf, (unsigned)(wall_ms / MS_PER_DAY));
    print_digits(buf + 11, ms / 3600000, 2);
    print_digits(buf + 14, ms / 60000 % 60, 2);
    print_digits(buf + 17, ms / 1000 % 60, 2);
    print_digits(buf + 20, ms % 1000, 3);
    return CLOCK_TEXT_LEN;
}
