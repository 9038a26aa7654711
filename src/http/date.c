#include "http/date.h"

#include <string.h>

enum { DAY_S = 86400, DAYS_TO_1970 = 719468, ERA_DAYS = 146097 };

static void put2(char *at, unsigned n)
{
    at[0] = (char)('0' + n / 10 % 10);
    at[1] = (char)('0' + n % 10);
}

struct civil {
    unsigned year, month, day;
};

/* Days since 1970 to a date of the Gregorian calendar. Counted in eras of 400 years from 1
 * March of year 0, so that the leap day is the last of its year and months need no table. */
static struct civil civil_from_days(uint64_t days)
{
    uint64_t z = days + DAYS_TO_1970;
    uint64_t era = z / ERA_DAYS;
    unsigned doe = (unsigned)(z % ERA_DAYS);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    struct civil c = {
        .year = (unsigned)(era * 400) + yoe + (mp >= 10),
        .month = mp < 10 ? mp + 3 : mp - 9,
        .day = doy - (153 * mp + 2) / 5 + 1,
    };
    return c;
}

void date_print(uint64_t wall_s, char *buf)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    uint64_t day_n = wall_s / DAY_S;
    unsigned in_day = (unsigned)(wall_s % DAY_S);
    struct civil c = civil_from_days(day_n);

    memcpy(buf, "Thu, 01 Jan 1970 00:00:00 GMT", DATE_TEXT_LEN + 1);
    memcpy(buf, days + day_n % 7 * 3, 3);
    put2(buf + 5, c.day);
    memcpy(buf + 8, months + (size_t)(c.month - 1) * 3, 3);
    put2(buf + 12, c.year / 100);
    put2(buf + 14, c.year);
    put2(buf + 17, in_day / 3600);
    put2(buf + 20, in_day / 60 % 60);
    put2(buf + 23, in_day % 60);
}
