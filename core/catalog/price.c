// SPDX-License-Identifier: MIT
#include "catalog/price.h"

#include <stdio.h>

#define PICO_PER_USD INT64_C(1000000000000)
#define YOCTO_DECIMALS 24
#define PRICE_USD_MAX 1000000000 // less than 2^30
#define TIMES_MAX (1000u * LLM_PRICE_ONCE)

// ---- reading ------------------------------------------------------------------------------------------------

// A decimal number times 10^decimals, exactly, at most max (below 2^123).
static bool parse_decimal(llm_str text, unsigned decimals, llm_yocto max, llm_yocto *ret) {
    llm_yocto value = 0;
    size_t digits = 0;
    bool point = false;
    unsigned left = decimals;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '.' && !point && digits > 0) {
            point = true;
            digits = 0;
            continue;
        }
        if (c < '0' || c > '9') {
            return false;
        }
        digits++;
        if (point && left == 0) {
            if (c != '0') {
                return false;
            }
            continue;
        }
        left -= point ? 1 : 0;
        value = value * 10 + (c - '0');
        if (value > max) {
            return false;
        }
    }
    if (digits == 0) {
        return false;
    }
    for (; left > 0; left--) {
        value *= 10;
        if (value > max) {
            return false;
        }
    }
    *ret = value;
    return true;
}

static llm_yocto price_max(void) {
    llm_yocto max = PRICE_USD_MAX;
    for (int i = 0; i < YOCTO_DECIMALS; i++) {
        max *= 10;
    }
    return max;
}

bool llm_price_parse_per_one(llm_str text, llm_yocto *ret) {
    return parse_decimal(text, YOCTO_DECIMALS, price_max(), ret);
}

bool llm_price_parse_per_million(llm_str text, llm_yocto *ret) {
    return parse_decimal(text, YOCTO_DECIMALS - 6, price_max(), ret);
}

bool llm_price_parse_per_second(llm_str text, llm_yocto *ret) {
    return parse_decimal(text, YOCTO_DECIMALS - 3, price_max(), ret);
}

bool llm_price_parse_times(llm_str text, uint32_t *ret) {
    llm_yocto value;
    if (!parse_decimal(text, 6, TIMES_MAX, &value) || value == 0) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

bool llm_price_parse_usd(llm_str text, int64_t *ret) {
    llm_yocto value;
    if (!parse_decimal(text, 12, INT64_MAX, &value)) {
        return false;
    }
    *ret = (int64_t)value;
    return true;
}

// The number that stands at text[at, at + len), or -1.
static int64_t digits_at(llm_str text, size_t at, size_t len) {
    uint64_t value;
    return at + len <= text.len && llm_str_uint((llm_str){text.ptr + at, len}, 9999, &value) ? (int64_t)value
                                                                                             : -1;
}

// Days from 1970-01-01 to a day of the Gregorian calendar (years from 1970 on).
static int64_t days_to(int64_t year, int64_t month, int64_t day) {
    const int64_t y = year - (month <= 2 ? 1 : 0); // a year that begins in March has its leap day at its end
    const int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

bool llm_price_parse_date(llm_str text, int64_t *ret) {
    static const int64_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int64_t year = digits_at(text, 0, 4), month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
    const bool has_time = text.len == 20;
    if ((text.len != 10 && !has_time) || text.ptr[4] != '-' || text.ptr[7] != '-' || year < 1970 ||
        month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) {
        return false;
    }
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2 && day == 29 && !leap) {
        return false;
    }
    int64_t seconds = 0;
    if (has_time) {
        const int64_t h = digits_at(text, 11, 2), m = digits_at(text, 14, 2), s = digits_at(text, 17, 2);
        if (text.ptr[10] != 'T' || text.ptr[13] != ':' || text.ptr[16] != ':' || text.ptr[19] != 'Z' ||
            h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59) {
            return false;
        }
        seconds = h * 3600 + m * 60 + s;
    }
    *ret = days_to(year, month, day) * 86400 + seconds;
    return true;
}

// ---- rules --------------------------------------------------------------------------------------------------

llm_yocto llm_rates_get(const struct llm_rates *rates, enum llm_price_class class) {
    const uint32_t bit = UINT32_C(1) << class;
    return (rates->classes & bit) != 0 ? rates->prices[__builtin_popcount(rates->classes & (bit - 1))] : -1;
}

static int names(const struct llm_price_rule *rule) {
    return (rule->tier.ptr != NULL) + (rule->size.ptr != NULL) + (rule->quality.ptr != NULL);
}

static bool goes_before(const struct llm_price_rule *a, const struct llm_price_rule *b) {
    if (names(a) != names(b)) {
        return names(a) < names(b);
    }
    return a->above != b->above ? a->above < b->above : a->from < b->from;
}

void llm_price_sort(struct llm_price_rule *rules, size_t n_rules) {
    for (size_t i = 1; i < n_rules; i++) { // few, and stable
        const struct llm_price_rule rule = rules[i];
        size_t at = i;
        for (; at > 0 && goes_before(&rule, &rules[at - 1]); at--) {
            rules[at] = rules[at - 1];
        }
        rules[at] = rule;
    }
}

static bool is_default_tier(llm_str tier) {
    static const llm_str names[] = {LLM_STR_INIT("default"), LLM_STR_INIT("standard"), LLM_STR_INIT("auto"),
                                    LLM_STR_INIT("on_demand")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (llm_str_eq(tier, names[i])) {
            return true;
        }
    }
    return tier.len == 0;
}

static bool fits(const struct llm_price_rule *rule, const llm_usage *usage, int64_t at) {
    return rule->from <= at && (rule->above < 0 || rule->above < usage->input_tokens) &&
           (rule->tier.ptr == NULL || llm_str_eq(rule->tier, usage->tier)) &&
           (rule->size.ptr == NULL || llm_str_eq(rule->size, usage->dimensions)) &&
           (rule->quality.ptr == NULL || llm_str_eq(rule->quality, usage->quality));
}

// ---- the bill -----------------------------------------------------------------------------------------------

// One call's prices and what they come to.  Sums are in millionths of a yocto-USD.
struct bill {
    const struct llm_price *price;
    const llm_usage *usage;
    int64_t at;
    bool is_graduated;
    bool paid;     // a count above zero had a price
    bool counted;  // a count was reported for something that has a price
    bool unpriced; // a count above zero had none
    bool over;     // it does not fit
    llm_yocto sum;
    llm_yocto rates[LLM_PRICE_CLASSES];
    uint32_t times[LLM_PRICE_CLASSES];
};

#define SUM_MAX ((llm_yocto)INT64_MAX * PICO_PER_USD * LLM_PRICE_ONCE) // below 2^123

static void lay(struct bill *bill, const struct llm_rates *rates) {
    size_t n = 0;
    for (uint32_t left = rates->classes; left != 0; left &= left - 1) {
        const int class = __builtin_ctz(left);
        bill->rates[class] = rates->prices[n++];
        bill->times[class] = LLM_PRICE_ONCE;
    }
}

// Prices for this call; false: its tier has none.
static bool choose(struct bill *bill, struct llm_price_applied *ret) {
    const struct llm_price *price = bill->price;
    int64_t from = INT64_MIN;
    bool has_tier = is_default_tier(bill->usage->tier);
    for (int c = 0; c < LLM_PRICE_CLASSES; c++) {
        bill->rates[c] = -1;
        bill->times[c] = LLM_PRICE_ONCE;
    }
    lay(bill, &price->base);
    for (size_t i = 0; i < price->n_rules; i++) {
        const struct llm_price_rule *rule = &price->rules[i];
        if (!fits(rule, bill->usage, bill->at)) {
            continue;
        }
        has_tier |= rule->tier.ptr != NULL;
        ret->tier |= rule->tier.ptr != NULL;
        ret->above = rule->above > ret->above ? rule->above : ret->above;
        if (rule->from > from) {
            from = rule->from;
            memcpy(ret->from, rule->from_text.ptr, rule->from_text.len); // at most 20, as it was parsed
            ret->from[rule->from_text.len] = '\0';
        }
        if (rule->past >= 0) {
            bill->is_graduated = true;
            continue;
        }
        lay(bill, &rule->rates);
        for (int c = 0; rule->times != LLM_PRICE_ONCE && c <= LLM_PRICE_PAGE; c++) {
            bill->times[c] = rule->times;
        }
    }
    return has_tier;
}

static int bits(llm_yocto value) {
    const uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    return high != 0 ? 128 - __builtin_clzll(high) : low != 0 ? 64 - __builtin_clzll(low) : 0;
}

// count * price * times; at least 2^124, which is more than SUM_MAX, when their bits are 127 and more.
static void add(struct bill *bill, int64_t count, llm_yocto price, uint32_t times) {
    if (price < 0) {
        bill->unpriced |= count > 0;
        return;
    }
    bill->counted = true;
    bill->paid |= count > 0;
    if (count <= 0 || price == 0) {
        return;
    }
    const bool fits_wide = bits(count) + bits(price) + bits(times) < 127;
    const llm_yocto part = fits_wide ? price * times * count : SUM_MAX;
    bill->over |= !fits_wide || part > SUM_MAX - bill->sum;
    bill->sum += bill->over ? 0 : part;
}

// In the unit of the count.
static int64_t past_of(const struct llm_price_rule *rule, enum llm_price_class class) {
    return rule->past * (class == LLM_PRICE_MILLISECOND ? 1000 : 1);
}

// What of the count lies past a number that a rule names, at that rule's price; gives the rest.
static int64_t charge_past(struct bill *bill, int64_t count, enum llm_price_class class) {
    for (;;) {
        const struct llm_price_rule *best = NULL;
        for (size_t i = 0; i < bill->price->n_rules; i++) {
            const struct llm_price_rule *rule = &bill->price->rules[i];
            if (rule->past >= 0 && past_of(rule, class) < count && (rule->rates.classes >> class & 1) != 0 &&
                (best == NULL || rule->past >= best->past) && fits(rule, bill->usage, bill->at)) {
                best = rule;
            }
        }
        if (best == NULL) {
            return count;
        }
        add(bill, count - past_of(best, class), llm_rates_get(&best->rates, class), bill->times[class]);
        count = past_of(best, class);
    }
}

// `count` of a class; without a price of its own it is priced as `parent`.
static void charge_as(struct bill *bill, int64_t count, enum llm_price_class class,
                      enum llm_price_class parent) {
    class = bill->rates[class] >= 0 ? class : parent;
    if (bill->is_graduated && count > 0) {
        count = charge_past(bill, count, class);
    }
    add(bill, count, bill->rates[class], bill->times[class]);
}

static void charge(struct bill *bill, int64_t count, enum llm_price_class class) {
    charge_as(bill, count, class, class);
}

static int64_t part(int64_t count, int64_t left) {
    return count <= 0 ? 0 : count < left ? count : left;
}

// Takes at most `count` of what is left.
static int64_t take(int64_t *left, int64_t count) {
    const int64_t taken = part(count, *left);
    *left -= taken;
    return taken;
}

static void charge_input(struct bill *bill) {
    const llm_usage *usage = bill->usage;
    int64_t left = usage->input_tokens;
    const int64_t read = take(&left, usage->cache_read_tokens);
    const int64_t hour = take(&left, usage->cache_write_1h_tokens);
    // cache_write_tokens counts the hour's too.
    const int64_t brief = take(&left, part(usage->cache_write_tokens, INT64_MAX) - hour);
    const int64_t audio = take(&left, usage->audio_input_tokens);
    const int64_t image = take(&left, usage->image_input_tokens);
    const enum llm_price_class write =
        bill->rates[LLM_PRICE_CACHE_WRITE] >= 0 ? LLM_PRICE_CACHE_WRITE : LLM_PRICE_INPUT;
    charge(bill, left, LLM_PRICE_INPUT);
    charge_as(bill, read, LLM_PRICE_CACHE_READ, LLM_PRICE_INPUT);
    charge(bill, brief, write);
    charge_as(bill, hour, LLM_PRICE_CACHE_WRITE_1H, write);
    charge_as(bill, audio, LLM_PRICE_AUDIO_INPUT, LLM_PRICE_INPUT);
    charge_as(bill, image, LLM_PRICE_IMAGE_INPUT, LLM_PRICE_INPUT);
}

static void charge_output(struct bill *bill) {
    const llm_usage *usage = bill->usage;
    int64_t left = usage->output_tokens;
    const int64_t reasoning = take(&left, usage->reasoning_tokens);
    const int64_t audio = take(&left, usage->audio_output_tokens);
    const int64_t image = take(&left, usage->image_output_tokens);
    charge(bill, left, LLM_PRICE_OUTPUT);
    charge_as(bill, reasoning, LLM_PRICE_REASONING, LLM_PRICE_OUTPUT);
    charge_as(bill, audio, LLM_PRICE_AUDIO_OUTPUT, LLM_PRICE_OUTPUT);
    charge_as(bill, image, LLM_PRICE_IMAGE_OUTPUT, LLM_PRICE_OUTPUT);
}

// Tokens, if they were counted; then what is not said of them.
struct facts {
    bool paid, counted, unpriced;
};

static struct facts facts_of(struct bill *bill) {
    const struct facts facts = {bill->paid, bill->counted, bill->unpriced};
    bill->paid = bill->counted = bill->unpriced = false;
    return facts;
}

static struct facts charge_units(struct bill *bill) {
    const llm_usage *usage = bill->usage;
    const struct {
        int64_t count;
        enum llm_price_class class;
    } units[] = {{usage->images, LLM_PRICE_IMAGE},
                 {usage->milliseconds, LLM_PRICE_MILLISECOND},
                 {usage->characters, LLM_PRICE_CHARACTER},
                 {usage->pages, LLM_PRICE_PAGE}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].count >= 0) {
            charge(bill, units[i].count, units[i].class);
        }
    }
    return facts_of(bill);
}

static bool has_only_request(const struct bill *bill) {
    static const enum llm_price_class others[] = {LLM_PRICE_INPUT,       LLM_PRICE_OUTPUT,    LLM_PRICE_IMAGE,
                                                  LLM_PRICE_MILLISECOND, LLM_PRICE_CHARACTER, LLM_PRICE_PAGE,
                                                  LLM_PRICE_SEARCH};
    bool only = bill->rates[LLM_PRICE_REQUEST] >= 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        only = only && bill->rates[others[i]] < 0;
    }
    return only;
}

// Can the cost be said?  All of it has been charged.
static bool is_whole(const struct bill *bill, struct facts tokens, struct facts units,
                     struct facts searches) {
    const bool has_input = bill->usage->input_tokens >= 0, has_output = bill->usage->output_tokens >= 0;
    if ((tokens.unpriced && !units.paid) || (units.unpriced && !tokens.paid) || searches.unpriced) {
        return false;
    }
    if (!units.paid && ((has_input && !has_output && bill->rates[LLM_PRICE_OUTPUT] > 0) ||
                        (has_output && !has_input && bill->rates[LLM_PRICE_INPUT] > 0))) {
        return false;
    }
    return tokens.counted || units.counted || searches.counted || has_only_request(bill);
}

int64_t llm_price_cost(const struct llm_price *price, const llm_usage *usage, int64_t at,
                       struct llm_price_applied *ret) {
    struct llm_price_applied unused = {.above = -1};
    ret = ret != NULL ? ret : &unused;
    *ret = (struct llm_price_applied){.above = -1};
    struct bill bill;
    bill.price = price;
    bill.usage = usage;
    bill.at = at;
    bill.is_graduated = bill.paid = bill.counted = bill.unpriced = bill.over = false;
    bill.sum = 0;
    if (!price->known || !choose(&bill, ret)) {
        return -1;
    }
    if (usage->input_tokens >= 0) {
        charge_input(&bill);
    }
    if (usage->output_tokens >= 0) {
        charge_output(&bill);
    }
    const struct facts tokens = facts_of(&bill);
    const struct facts units = charge_units(&bill);
    if (usage->searches >= 0) {
        charge(&bill, usage->searches, LLM_PRICE_SEARCH);
    }
    const struct facts searches = facts_of(&bill);
    if (bill.rates[LLM_PRICE_REQUEST] >= 0) {
        charge(&bill, 1, LLM_PRICE_REQUEST);
    }
    if (bill.over || !is_whole(&bill, tokens, units, searches)) {
        return -1;
    }
    const llm_yocto unit = (llm_yocto)PICO_PER_USD * LLM_PRICE_ONCE; // of the sum, in a pico-USD
    return (int64_t)((bill.sum + unit / 2) / unit);
}

void llm_usage_clear(llm_usage *usage) {
    *usage = (llm_usage){.size = (uint32_t)sizeof *usage,
                         .input_tokens = -1,
                         .output_tokens = -1,
                         .cache_read_tokens = -1,
                         .cache_write_tokens = -1,
                         .cache_write_1h_tokens = -1,
                         .reasoning_tokens = -1,
                         .audio_input_tokens = -1,
                         .audio_output_tokens = -1,
                         .images = -1,
                         .milliseconds = -1,
                         .characters = -1,
                         .image_input_tokens = -1,
                         .image_output_tokens = -1,
                         .pages = -1,
                         .searches = -1};
}

const char *llm_price_format(int64_t pico_usd, char *buf) {
    const int64_t whole = pico_usd / PICO_PER_USD, rest = pico_usd % PICO_PER_USD;
    (void)snprintf(buf, 32, "%lld.%012lld", (long long)whole, (long long)rest);
    size_t len = strlen(buf);
    while (buf[len - 1] == '0') {
        len--;
    }
    len -= buf[len - 1] == '.' ? 1 : 0;
    buf[len] = '\0';
    return buf;
}
