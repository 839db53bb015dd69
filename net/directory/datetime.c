/* SPDX-License-Identifier: Apache-2.0 */
#include "net/directory/datetime.h"

#include <stdio.h>

/* Days from 1970-01-01 in the proleptic Gregorian calendar: years start in March, so that leap days come last. */
static int64_t days_from_date(int year, int month, int day)
{
    year -= month <= 2;
    int era = year / 400;
    int year_of_era = year - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Exactly `digits` digits; moves on. -1: they are not there. */
static int take_number(const char **at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (**at < '0' || **at > '9') return -1;
        value = 10 * value + *(*at)++ - '0';
    }
    return value;
}

static bool take(const char **at, char c)
{
    if (**at != c) return false;
    ++*at;
    return true;
}

/* "+hh:mm" or, `with_seconds`, "+hh:mm:ss", in seconds. */
static bool take_offset(const char **at, bool with_seconds, int *offset)
{
    int sign = **at == '-' ? -1 : 1;
    if (!take(at, '+') && !take(at, '-')) return false;
    int hours = take_number(at, 2);
    if (hours < 0 || hours > 23 || !take(at, ':')) return false;
    int minutes = take_number(at, 2);
    if (minutes < 0 || minutes > 59) return false;
    int seconds = 0;
    if (with_seconds && (!take(at, ':') || (seconds = take_number(at, 2)) < 0 || seconds > 59)) return false;
    *offset = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool parse(const char *at, bool rfc3339, int64_t *unix_seconds)
{
    int year = take_number(&at, 4);
    if (year < 1970 || !take(&at, '-')) return false;
    int month = take_number(&at, 2);
    if (month < 1 || month > 12 || !take(&at, '-')) return false;
    int day = take_number(&at, 2);
    if (day < 1 || day > days_in_month(year, month)) return false;
    if (!take(&at, rfc3339 ? 'T' : ' ') && !(rfc3339 && take(&at, 't'))) return false;
    int hour = take_number(&at, 2);
    if (hour < 0 || hour > 23 || !take(&at, ':')) return false;
    int minute = take_number(&at, 2);
    if (minute < 0 || minute > 59 || !take(&at, ':')) return false;
    int second = take_number(&at, 2);
    if (second < 0 || second > 60) return false;
    if (take(&at, '.')) {
        if (take_number(&at, 1) < 0) return false;
        while (*at >= '0' && *at <= '9') {
            at++;
        }
    }
    int offset = 0;
    if (!rfc3339 && !take(&at, ' ')) return false;
    bool utc = rfc3339 && (take(&at, 'Z') || take(&at, 'z'));
    if (!utc && !take_offset(&at, !rfc3339, &offset)) return false;
    if (*at != 0) return false;
    *unix_seconds = days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return true;
}

bool slc_datetime_rfc3339(const char *text, int64_t *unix_seconds)
{
    return parse(text, true, unix_seconds);
}

int64_t slc_datetime_lenient(const char *text)
{
    int64_t unix_seconds = 0;
    return parse(text, true, &unix_seconds) || parse(text, false, &unix_seconds) ? unix_seconds : 0;
}

void slc_datetime_to_text(int64_t unix_seconds, char text[SLC_DATETIME_TEXT_MAX])
{
    const int64_t last = INT64_C(253402300799); /* 9999-12-31T23:59:59Z */
    int64_t at = unix_seconds < 0 ? 0 : unix_seconds > last ? last : unix_seconds;
    /* The inverse of days_from_date(). */
    int64_t days = at / 86400 + 719468;
    int64_t era = days / 146097;
    int64_t day_of_era = days % 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    int year = (int)(era * 400 + year_of_era + (month <= 2));
    (void)snprintf(text, SLC_DATETIME_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000U,
                   (unsigned)month % 100U, (unsigned)day % 100U, (unsigned)(at / 3600 % 24), (unsigned)(at / 60 % 60),
                   (unsigned)(at % 60));
}
