// SPDX-License-Identifier: MIT
// When to come back, as bodies of failures say it: in a member, or in the text for people.
#include "openai_compat.h"

#define DAY_MS 86400000u

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static uint64_t unit_ms(llm_str word) {
    static const struct {
        const char *pattern;
        uint64_t ms;
    } units[] = {{"ms", 1},      {"milli*", 1},      {"m", 60000},  {"min*", 60000},
                 {"h", 3600000}, {"hour*", 3600000}, {"d", DAY_MS}, {"day*", DAY_MS}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (oai_glob((llm_str){units[i].pattern, strlen(units[i].pattern)}, word, true)) {
            return units[i].ms;
        }
    }
    return 1000; // seconds, also without a unit
}

// What may stand between two parts that are written in words.
static size_t joint(llm_str t) {
    static const char *const joints[] = {" and ", ", ", " "};
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++) {
        const size_t n = strlen(joints[i]);
        if (t.len > n && memcmp(t.ptr, joints[i], n) == 0 && is_digit(t.ptr[n])) {
            return n;
        }
    }
    return 0;
}

// "34.4s", "120ms", "6m0s", "1h2m3s", "26 seconds", "1 minute and 30 seconds", "20"; what follows is not looked at.  A date is none.
static uint64_t duration_ms(llm_str t) {
    uint64_t total = 0;
    size_t i = 0;
    while (i < t.len && is_digit(t.ptr[i])) {
        uint64_t thousandths = 0;
        for (size_t n = 0; i < t.len && is_digit(t.ptr[i]) && n < 7; i++, n++) {
            thousandths = thousandths * 10 + (uint64_t)(t.ptr[i] - '0') * 1000;
        }
        if (i < t.len && t.ptr[i] == '.') {
            uint64_t place = 100;
            for (i++; i < t.len && is_digit(t.ptr[i]); i++, place /= 10) {
                thousandths += (uint64_t)(t.ptr[i] - '0') * place;
            }
        }
        const bool words = i < t.len && t.ptr[i] == ' ';
        i += words ? 1 : 0;
        const size_t start = i;
        while (i < t.len && (t.ptr[i] | 0x20) >= 'a' && (t.ptr[i] | 0x20) <= 'z') {
            i++;
        }
        if (i == start && i + 1 < t.len && (t.ptr[i] == '-' || t.ptr[i] == ':') && is_digit(t.ptr[i + 1])) {
            return 0;
        }
        total += thousandths * unit_ms((llm_str){t.ptr + start, i - start}) / 1000;
        const size_t n = words ? joint((llm_str){t.ptr + i, t.len - i}) : 0;
        if (i == start || (words && n == 0)) {
            break;
        }
        i += n;
    }
    return total < DAY_MS ? total : DAY_MS;
}

static uint64_t in_text(llm_str message) {
    static const char *const leads[] = {"try again in ", "retry in ", "retry after ", "try again after "};
    for (size_t i = 0; i < message.len; i++) {
        for (size_t k = 0; k < sizeof leads / sizeof leads[0]; k++) {
            const size_t n = strlen(leads[k]);
            if (message.len - i > n &&
                oai_glob((llm_str){leads[k], n}, (llm_str){message.ptr + i, n}, true)) {
                return duration_ms((llm_str){message.ptr + i + n, message.len - i - n});
            }
        }
    }
    return 0;
}

// A number of seconds, or text like "34.4s".
static uint64_t in_member(llm_str v) {
    const llm_str plain = oai_plain(v);
    return duration_ms(plain.ptr != NULL ? plain : v);
}

uint64_t oai_retry_after(llm_str e, llm_str message) {
    static const char *const names[] = {"retry_after", "retryAfter", "retry_after_seconds", "retryDelay"};
    int64_t ms = 0;
    if (oai_int64(oai_get(e, "retry_after_ms"), &ms) && ms > 0) {
        return (uint64_t)ms < DAY_MS ? (uint64_t)ms : DAY_MS;
    }
    const llm_str places[] = {e, oai_get(e, "metadata")};
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            const uint64_t found = in_member(oai_get(places[i], names[k]));
            if (found > 0) {
                return found;
            }
        }
    }
    llm_json_iter it = oai_begin(oai_get(e, "details"));
    while (!it.is_object && oai_next(&it)) {
        const uint64_t found = in_member(oai_get(it.value, "retryDelay"));
        if (found > 0) {
            return found;
        }
    }
    return in_text(message);
}
