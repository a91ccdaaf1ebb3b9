// SPDX-License-Identifier: MIT
#include "usage_print.h"

#include <time.h>

#define DAY_S INT64_C(86400)

static int number_of(const char **at, unsigned digits) {
    int value = 0;
    for (unsigned i = 0; i < digits; i++, ++*at) {
        if (**at < '0' || **at > '9') {
            return -1;
        }
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool take(const char **at, char c) {
    if (**at != c) {
        return false;
    }
    ++*at;
    return true;
}

// Days since 1970 of a date in the Gregorian calendar.
static int64_t days_of(int year, int month, int day) {
    const int64_t y = year - (month <= 2 ? 1 : 0);
    const int64_t era = y / 400, of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_date(int year, int month, int day) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

// false: no time of day that ends the text.
static bool time_of_day(const char **at, int32_t *zone_s, int64_t *ret_s) {
    const int hour = number_of(at, 2);
    const int minute = take(at, ':') ? number_of(at, 2) : -1;
    const int second = take(at, ':') ? number_of(at, 2) : 0;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return false;
    }
    if (take(at, 'Z')) {
        *zone_s = 0;
    }
    *ret_s = hour * 3600 + minute * 60 + second;
    return **at == '\0';
}

static bool absolute(const char *text, int32_t zone_s, bool end, int64_t *ret_us) {
    const char *at = text;
    const int year = number_of(&at, 4);
    const int month = take(&at, '-') ? number_of(&at, 2) : -1;
    const int day = take(&at, '-') ? number_of(&at, 2) : -1;
    int64_t seconds = end ? DAY_S : 0;
    if (!is_date(year, month, day)) {
        return false;
    }
    if (*at != '\0' && !((take(&at, 'T') || take(&at, ' ')) && time_of_day(&at, &zone_s, &seconds))) {
        return false;
    }
    *ret_us = (days_of(year, month, day) * DAY_S + seconds - zone_s) * 1000000;
    return true;
}

// "7d": so long ago.
static bool ago(const char *text, int64_t now_us, int64_t *ret_us) {
    int64_t n = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && at - text < 6; at++) {
        n = n * 10 + (*at - '0');
    }
    const int64_t unit = *at == 'h' ? 3600 : *at == 'd' ? DAY_S : *at == 'w' ? 7 * DAY_S : 0;
    if (at == text || unit == 0 || at[1] != '\0' || n * unit * 1000000 >= now_us) {
        return false;
    }
    *ret_us = now_us - n * unit * 1000000;
    return true;
}

bool usage_time(const char *text, int64_t now_us, int32_t zone_s, bool end, int64_t *ret_us) {
    const int64_t now_s = now_us / 1000000 + zone_s;
    const int64_t today_us = (now_s - now_s % DAY_S - zone_s) * 1000000;
    const int64_t day_us = DAY_S * 1000000;
    if (strcmp(text, "now") == 0) {
        *ret_us = now_us;
        return true;
    }
    if (strcmp(text, "today") == 0) {
        *ret_us = today_us + (end ? day_us : 0);
        return true;
    }
    if (strcmp(text, "yesterday") == 0) {
        *ret_us = today_us - day_us + (end ? day_us : 0);
        return true;
    }
    return absolute(text, zone_s, end, ret_us) || ago(text, now_us, ret_us);
}

bool usage_zone(const char *text, int32_t *ret_s) {
    const char *at = text;
    const bool west = *at == '-';
    if (*at == '+' || *at == '-') {
        at++;
    }
    const size_t n = strlen(at);
    const int hours = number_of(&at, n == 1 ? 1 : 2);
    (void)take(&at, ':');
    const int minutes = *at != '\0' ? number_of(&at, 2) : 0;
    if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59 || *at != '\0') {
        return false;
    }
    *ret_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}
