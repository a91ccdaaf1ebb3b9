// SPDX-License-Identifier: MIT
#include "catalog/price.h"

#include "check_main.h"

#define USD INT64_C(1000000000000)

struct parse_row {
    const char *text;
    int64_t pico, rest; // USD: 10^-12 and, below, 10^-24 (yocto); pico -1: refused
    int64_t usd;        // as an amount in pico-USD; -1: refused
};

static const struct parse_row parse_rows[] = {
    {"0", 0, 0, 0},
    {"0.0", 0, 0, 0},
    {"1", USD, 0, USD},
    {"0.15", 150000000000, 0, 150000000000},
    {"2.50", 2500000000000, 0, 2500000000000},
    {"0.1500000000", 150000000000, 0, 150000000000},
    {"0.000000000001", 1, 0, 1},
    {"0.0000000000010", 1, 0, 1},
    {"0.0000000000001", 0, 100000000000, -1},
    {"0.000000000000000000000001", 0, 1, -1},
    {"0.0000000000000000000000010", 0, 1, -1},
    {"0.0000000000000000000000001", -1, 0, -1},
    {"0.00007500003000000001", 75000030, 10000, -1},
    {"9223372.036854775807", INT64_MAX, 0, INT64_MAX},
    {"1000000000", INT64_MAX, -1, -1}, // fits; more than pico holds
    {"1000000000.1", -1, 0, -1},
    {"1000000001", -1, 0, -1},
    {"99999999999999999999", -1, 0, -1},
    {"99999999999999999999999999999999999999999999", -1, 0, -1},
    {"007", 7 * USD, 0, 7 * USD},
    {"", -1, 0, -1},
    {".5", -1, 0, -1},
    {"5.", -1, 0, -1},
    {".", -1, 0, -1},
    {"1..2", -1, 0, -1},
    {"1.2.3", -1, 0, -1},
    {"-1", -1, 0, -1},
    {"+1", -1, 0, -1},
    {"1e3", -1, 0, -1},
    {" 1", -1, 0, -1},
    {"1 ", -1, 0, -1},
    {"0x1", -1, 0, -1},
    {"1,5", -1, 0, -1},
    {"$1", -1, 0, -1},
};

START_TEST(prices_are_read_exactly_or_refused) {
    const struct parse_row *row = &parse_rows[_i];
    llm_yocto value = 77;
    ck_assert_msg(llm_price_parse_per_one(llm_str_from(row->text), &value) == (row->pico >= 0), "%s",
                  row->text);
    if (row->pico < 0) {
        ck_assert(value == 77);
    } else if (row->rest >= 0) {
        ck_assert_msg(value == (llm_yocto)row->pico * USD + row->rest, "%s", row->text);
    }
    int64_t usd = 77;
    ck_assert_msg(llm_price_parse_usd(llm_str_from(row->text), &usd) == (row->usd >= 0), "usd: %s",
                  row->text);
    ck_assert_msg(usd == (row->usd >= 0 ? row->usd : 77), "%s: %lld", row->text, (long long)usd);
}
END_TEST

START_TEST(units_shift_the_point) {
    llm_yocto one, other;
    ck_assert(llm_price_parse_per_million(LLM_STR("0.049999999999999996"), &one));
    ck_assert(llm_price_parse_per_one(LLM_STR("0.000000049999999999999996"), &other));
    ck_assert(one == other);
    ck_assert(!llm_price_parse_per_million(LLM_STR("0.0499999999999999961"), &one));
    ck_assert(llm_price_parse_per_second(LLM_STR("0.0002833333333333333"), &one));
    ck_assert(llm_price_parse_per_one(LLM_STR("0.0000002833333333333333"), &other));
    ck_assert(one == other);
    ck_assert(!llm_price_parse_per_second(LLM_STR("0.0000000000000000000001"), &one));
}
END_TEST

static const struct {
    const char *text;
    int64_t seconds; // -1: refused
} date_rows[] = {
    {"1970-01-01", 0},
    {"2000-02-29", 951782400},
    {"2026-02-01", 1769904000},
    {"2026-12-31T23:59:59Z", 1798761599},
    {"2024-03-01T00:00:00Z", 1709251200},
    {"2100-03-01", 4107542400},
    {"2026-02-29", -1},
    {"2100-02-29", -1},
    {"1969-12-31", -1},
    {"2026-13-01", -1},
    {"2026-00-01", -1},
    {"2026-01-00", -1},
    {"2026-04-31", -1},
    {"2026-1-1", -1},
    {"2026/01/01", -1},
    {"2026-01-01T24:00:00Z", -1},
    {"2026-01-01T23:60:00Z", -1},
    {"2026-01-01 23:00:00Z", -1},
    {"2026-01-01T23:00:00+", -1},
    {"20260101", -1},
    {"", -1},
};

START_TEST(dates_are_read_or_refused) {
    int64_t seconds = -1;
    ck_assert_msg(llm_price_parse_date(llm_str_from(date_rows[_i].text), &seconds) ==
                      (date_rows[_i].seconds >= 0),
                  "%s", date_rows[_i].text);
    ck_assert_int_eq(seconds, date_rows[_i].seconds);
}
END_TEST

static const struct {
    const char *text;
    uint32_t times; // 0: refused
} times_rows[] = {
    {"0.5", 500000}, {"1", 1000000}, {"1.1", 1100000}, {"0.000001", 1}, {"1000", 1000000000},
    {"0", 0},        {"1001", 0},    {"0.0000001", 0}, {"-1", 0},       {"", 0},
};

START_TEST(factors_are_read_or_refused) {
    uint32_t times = 0;
    ck_assert(llm_price_parse_times(llm_str_from(times_rows[_i].text), &times) == (times_rows[_i].times > 0));
    ck_assert_uint_eq(times, times_rows[_i].times);
}
END_TEST

// Prices in pico-USD per one.
struct flat {
    bool known;
    int64_t input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output;
    int64_t image, request, character, second;
};

// Counts and prices in one order: what is not named is -1.
struct cost_row {
    const char *what;
    struct flat price;
    llm_usage usage;
    int64_t cost;
};

#define PRICE(...)                                                                                           \
    {                                                                                                        \
        .known = true, .input = -1, .output = -1, .cache_read = -1, .cache_write = -1, .cache_write_1h = -1, \
        .reasoning = -1, .audio_input = -1, .audio_output = -1, .image = -1, .request = -1, .character = -1, \
        .second = -1, __VA_ARGS__                                                                            \
    }
#define USAGE(...)                                                                                           \
    {                                                                                                        \
        .size = sizeof(llm_usage), .input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1,         \
        .cache_write_tokens = -1, .cache_write_1h_tokens = -1, .reasoning_tokens = -1,                       \
        .audio_input_tokens = -1, .audio_output_tokens = -1, .images = -1, .milliseconds = -1,               \
        .characters = -1, .image_input_tokens = -1, .image_output_tokens = -1, .pages = -1, .searches = -1,  \
        __VA_ARGS__                                                                                          \
    }

#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

static const struct cost_row cost_rows[] = {
    {"gpt-4o-mini, the line of the manual", PRICE(.input = 150000, .output = 600000),
     USAGE(.input_tokens = 12, .output_tokens = 34), 22200000},
    {"input only, as embeddings have it", PRICE(.input = 20000), USAGE(.input_tokens = 8), 160000},
    {"nothing used is free", PRICE(.input = 5, .output = 5), USAGE(.input_tokens = 0, .output_tokens = 0), 0},
    {"a free model", PRICE(.input = 0, .output = 0), USAGE(.input_tokens = 9, .output_tokens = 9), 0},
    {"no price at all", PRICE(.known = false), USAGE(.input_tokens = 12, .output_tokens = 34), -1},
    {"nothing counted", PRICE(.input = 5, .output = 5), USAGE(.images = -1), -1},
    {"output has no price", PRICE(.input = 5), USAGE(.input_tokens = 1, .output_tokens = 1), -1},
    {"output without a price, but none of it", PRICE(.input = 5),
     USAGE(.input_tokens = 1, .output_tokens = 0), 5},
    {"input has no price", PRICE(.output = 5), USAGE(.input_tokens = 1, .output_tokens = 1), -1},
    {"output was not reported though it costs", PRICE(.input = 5, .output = 5), USAGE(.input_tokens = 1), -1},
    {"output was not reported and is free", PRICE(.input = 5, .output = 0), USAGE(.input_tokens = 1), 5},
    {"input was not reported though it costs", PRICE(.input = 5, .output = 5), USAGE(.output_tokens = 1), -1},
    {"cached input at its own price", PRICE(.input = 100, .output = 1, .cache_read = 10),
     USAGE(.input_tokens = 10, .cache_read_tokens = 4, .output_tokens = 0), 640},
    {"cached input without one costs as input", PRICE(.input = 100, .output = 1),
     USAGE(.input_tokens = 10, .cache_read_tokens = 4, .output_tokens = 0), 1000},
    {"more cached than there was: clamped", PRICE(.input = 100, .output = 1, .cache_read = 10),
     USAGE(.input_tokens = 10, .cache_read_tokens = 40, .output_tokens = 0), 100},
    {"cache writes", PRICE(.input = 100, .output = 1, .cache_write = 125),
     USAGE(.input_tokens = 10, .cache_write_tokens = 4, .output_tokens = 0), 1100},
    {"cache writes, some for an hour",
     PRICE(.input = 100, .output = 1, .cache_write = 125, .cache_write_1h = 200),
     USAGE(.input_tokens = 10, .cache_write_tokens = 4, .cache_write_1h_tokens = 3, .output_tokens = 0),
     1325},
    {"an hour's writes cost as writes", PRICE(.input = 100, .output = 1, .cache_write = 125),
     USAGE(.input_tokens = 10, .cache_write_tokens = 4, .cache_write_1h_tokens = 4, .output_tokens = 0),
     1100},
    {"an hour's writes alone reported", PRICE(.input = 100, .output = 1, .cache_write_1h = 200),
     USAGE(.input_tokens = 10, .cache_write_1h_tokens = 4, .output_tokens = 0), 1400},
    {"reads and writes together exceed the input",
     PRICE(.input = 100, .output = 1, .cache_read = 10, .cache_write = 125),
     USAGE(.input_tokens = 10, .cache_read_tokens = 8, .cache_write_tokens = 8, .output_tokens = 0), 330},
    {"reasoning costs as output", PRICE(.input = 1, .output = 10),
     USAGE(.input_tokens = 1, .output_tokens = 10, .reasoning_tokens = 6), 101},
    {"reasoning at its own price", PRICE(.input = 1, .output = 10, .reasoning = 30),
     USAGE(.input_tokens = 1, .output_tokens = 10, .reasoning_tokens = 6), 221},
    {"more reasoning than output: clamped", PRICE(.input = 1, .output = 10, .reasoning = 30),
     USAGE(.input_tokens = 1, .output_tokens = 10, .reasoning_tokens = 11), 301},
    {"audio in and out", PRICE(.input = 1, .output = 2, .audio_input = 40, .audio_output = 80),
     USAGE(.input_tokens = 10, .audio_input_tokens = 8, .output_tokens = 10, .audio_output_tokens = 5), 732},
    {"audio without a price costs as text", PRICE(.input = 1, .output = 2),
     USAGE(.input_tokens = 10, .audio_input_tokens = 8, .output_tokens = 10, .audio_output_tokens = 5), 30},
    {"images", PRICE(.image = 40000000000), USAGE(.images = 2), 80000000000},
    {"images priced by tokens", PRICE(.input = 5000000, .output = 40000000),
     USAGE(.input_tokens = 10, .output_tokens = 4160, .images = 1), 166450000000},
    {"tokens of a model that is paid by the image", PRICE(.image = 20000000000),
     USAGE(.input_tokens = 10, .output_tokens = 4160, .images = 1), 20000000000},
    {"images without any price", PRICE(.second = 7), USAGE(.images = 1), -1},
    {"both tokens and images have a price", PRICE(.input = 5, .output = 7, .image = 1000),
     USAGE(.input_tokens = 10, .output_tokens = 10, .images = 1), 1120},
    {"seconds", PRICE(.second = 100000000), USAGE(.milliseconds = 90500), 9050000000},
    {"seconds are rounded to the nearest", PRICE(.second = 1), USAGE(.milliseconds = 1500), 2},
    {"seconds below a half", PRICE(.second = 1), USAGE(.milliseconds = 499), 0},
    {"characters", PRICE(.character = 15000000), USAGE(.characters = 1000), 15000000000},
    {"a price per request besides", PRICE(.input = 1, .output = 1, .request = 5000),
     USAGE(.input_tokens = 10, .output_tokens = 10), 5020},
    {"a price per request only", PRICE(.request = 5000), USAGE(.images = -1), 5000},
    {"a price per request, tokens without one", PRICE(.request = 5000), USAGE(.input_tokens = 1), -1},
    {"a price per request does not stand for tokens", PRICE(.input = 1, .output = 1, .request = 5000),
     USAGE(.images = -1), -1},
    {"the largest that fits", PRICE(.input = 1, .output = 1),
     USAGE(.input_tokens = INT64_MAX, .output_tokens = 0), INT64_MAX},
    {"one past it", PRICE(.input = 1, .output = 1), USAGE(.input_tokens = INT64_MAX, .output_tokens = 1), -1},
    {"far past it", PRICE(.input = INT64_MAX, .output = INT64_MAX, .image = INT64_MAX),
     USAGE(.input_tokens = INT64_MAX, .output_tokens = INT64_MAX, .images = INT64_MAX), -1},
    {"time that does not fit", PRICE(.second = INT64_MAX), USAGE(.milliseconds = INT64_MAX), -1},
};

static struct llm_price price_of(const struct flat *flat, llm_yocto *rates) {
    const struct {
        enum llm_price_class class;
        int64_t pico;
    } all[] = {{LLM_PRICE_INPUT, flat->input},
               {LLM_PRICE_OUTPUT, flat->output},
               {LLM_PRICE_CACHE_READ, flat->cache_read},
               {LLM_PRICE_CACHE_WRITE, flat->cache_write},
               {LLM_PRICE_CACHE_WRITE_1H, flat->cache_write_1h},
               {LLM_PRICE_REASONING, flat->reasoning},
               {LLM_PRICE_AUDIO_INPUT, flat->audio_input},
               {LLM_PRICE_AUDIO_OUTPUT, flat->audio_output},
               {LLM_PRICE_IMAGE, flat->image},
               {LLM_PRICE_MILLISECOND, flat->second},
               {LLM_PRICE_CHARACTER, flat->character},
               {LLM_PRICE_REQUEST, flat->request}};
    struct llm_price price = {.known = flat->known, .base = {0, rates}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].pico >= 0) {
            price.base.classes |= UINT32_C(1) << all[i].class;
            rates[n++] = (llm_yocto)all[i].pico * (all[i].class == LLM_PRICE_MILLISECOND ? USD / 1000 : USD);
        }
    }
    return price;
}

START_TEST(costs_are_exact) {
    const struct cost_row *row = &cost_rows[_i];
    llm_yocto rates[LLM_PRICE_CLASSES];
    const struct llm_price price = price_of(&row->price, rates);
    const int64_t cost = llm_price_cost(&price, &row->usage, 0, NULL);
    ck_assert_msg(cost == row->cost, "%s: %lld instead of %lld", row->what, (long long)cost,
                  (long long)row->cost);
}
END_TEST

static const struct {
    int64_t pico;
    const char *text;
} format_rows[] = {
    {0, "0"},
    {1, "0.000000000001"},
    {22200000, "0.0000222"},
    {USD, "1"},
    {10 * USD, "10"},
    {USD + USD / 2, "1.5"},
    {INT64_MAX, "9223372.036854775807"},
};

START_TEST(money_is_printed_without_trailing_zeros) {
    char buf[32];
    ck_assert_str_eq(llm_price_format(format_rows[_i].pico, buf), format_rows[_i].text);
    int64_t back = -1;
    ck_assert(llm_price_parse_usd(llm_str_from(buf), &back));
    ck_assert_int_eq(back, format_rows[_i].pico);
}
END_TEST

// ---- what holds for all prices and counts ------------------------------------------------------------------------

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void) { // xorshift: the same in every run
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t random_count(void) {
    const int bits = (int)(next_random() % 64);
    return next_random() % 5 == 0 ? -1 : (int64_t)(next_random() >> 1 >> bits);
}

static void random_usage(llm_usage *usage) {
    llm_usage_clear(usage);
    int64_t *const counts[] = {&usage->input_tokens,
                               &usage->output_tokens,
                               &usage->cache_read_tokens,
                               &usage->cache_write_tokens,
                               &usage->cache_write_1h_tokens,
                               &usage->reasoning_tokens,
                               &usage->audio_input_tokens,
                               &usage->audio_output_tokens,
                               &usage->image_input_tokens,
                               &usage->image_output_tokens,
                               &usage->images,
                               &usage->milliseconds,
                               &usage->characters,
                               &usage->pages,
                               &usage->searches};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        *counts[i] = random_count();
    }
}

// All classes, and each rule dearer than what it goes over.
struct random_price {
    struct llm_price price;
    llm_yocto base[LLM_PRICE_CLASSES], above[LLM_PRICE_CLASSES], past[LLM_PRICE_CLASSES];
    struct llm_price_rule rules[3];
};

static void random_prices(struct random_price *r) {
    const uint32_t all = (UINT32_C(1) << LLM_PRICE_CLASSES) - 1;
    for (int c = 0; c < LLM_PRICE_CLASSES; c++) {
        const int bits = (int)(next_random() % 64);
        r->base[c] = (llm_yocto)(next_random() >> bits) * (next_random() % 3 == 0 ? USD : 1);
        r->above[c] = r->base[c] * 2;
        r->past[c] = r->base[c] * 3;
    }
    r->rules[0] = (struct llm_price_rule){{all, r->above}, INT64_MIN, random_count(), -1, {0}, {0}, {0},
                                          LLM_PRICE_ONCE,  {0}};
    r->rules[1] = (struct llm_price_rule){{all, r->past}, INT64_MIN, -1, random_count(), {0}, {0}, {0},
                                          LLM_PRICE_ONCE, {0}};
    r->rules[2] = (struct llm_price_rule){
        {0, NULL}, INT64_MIN, -1, -1, LLM_STR("t"), {0}, {0}, 1 + (uint32_t)(next_random() % 3000000), {0}};
    r->rules[1].past = r->rules[1].past < 0 ? 0 : r->rules[1].past >> 12;
    r->price = (struct llm_price){true, {all, r->base}, r->rules, 3};
    llm_price_sort(r->rules, 3);
}

// More of anything never costs less; a sum that does not fit is said to be unknown, and then more does not fit either.
START_TEST(cost_never_wraps_and_never_falls) {
    for (int i = 0; i < 20000; i++) {
        struct random_price r;
        llm_usage usage;
        random_prices(&r);
        random_usage(&usage);
        usage.tier = next_random() % 2 == 0 ? LLM_STR("t") : (llm_str){NULL, 0};
        // Of what is part of another the price may be less, and then more of it costs less.
        usage.cache_read_tokens = usage.cache_write_tokens = usage.cache_write_1h_tokens = -1;
        usage.reasoning_tokens = usage.audio_input_tokens = usage.audio_output_tokens = -1;
        usage.image_input_tokens = usage.image_output_tokens = -1;
        usage.input_tokens = usage.input_tokens < 0 ? 0 : usage.input_tokens;
        usage.output_tokens = usage.output_tokens < 0 ? 0 : usage.output_tokens;
        const int64_t before = llm_price_cost(&r.price, &usage, 0, NULL);
        int64_t *const more[] = {&usage.input_tokens, &usage.output_tokens, &usage.images,
                                 &usage.milliseconds, &usage.characters,    &usage.pages,
                                 &usage.searches};
        int64_t *count = more[next_random() % 7];
        *count = *count < 0 ? 0 : *count;
        const int64_t zero = llm_price_cost(&r.price, &usage, 0, NULL);
        const int64_t step = (int64_t)(next_random() % 1000);
        *count += *count > INT64_MAX - step ? 0 : step;
        const int64_t after = llm_price_cost(&r.price, &usage, 0, NULL);
        if (before < -1 || after < -1 || zero != before ||
            (before == -1 ? after != -1 : after != -1 && after < before)) {
            ck_abort_msg("%d: %lld, then %lld", i, (long long)before, (long long)after);
        }
    }
}
END_TEST

// Whatever the counts: a cost, or unknown; nothing negative.
START_TEST(cost_is_never_negative) {
    for (int i = 0; i < 20000; i++) {
        struct random_price r;
        struct llm_price_applied applied;
        llm_usage usage;
        random_prices(&r);
        random_usage(&usage);
        if (llm_price_cost(&r.price, &usage, 0, &applied) < -1) {
            ck_abort_msg("%d", i);
        }
    }
}
END_TEST

static struct llm_price_rule rule_of(llm_str tier, llm_str size, int64_t above, int64_t from) {
    return (struct llm_price_rule){{0, NULL}, from, above, -1, tier, size, {0}, LLM_PRICE_ONCE, {0}};
}

START_TEST(rules_lie_over_each_other_in_their_order) {
    const llm_str none = {NULL, 0};
    struct llm_price_rule rules[] = {rule_of(LLM_STR("flex"), LLM_STR("1x1"), -1, INT64_MIN),
                                     rule_of(LLM_STR("flex"), none, 200, INT64_MIN),
                                     rule_of(none, none, 100, 5),
                                     rule_of(LLM_STR("flex"), none, -1, INT64_MIN),
                                     rule_of(none, none, 100, INT64_MIN),
                                     rule_of(none, none, -1, 9)};
    llm_price_sort(rules, 6);
    ck_assert(rules[0].from == 9 && rules[1].above == 100 && rules[1].from == INT64_MIN &&
              rules[2].from == 5);
    ck_assert(rules[3].tier.ptr != NULL && rules[3].above == -1 && rules[4].above == 200);
    ck_assert(rules[5].size.ptr != NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("price");
    TCase *tests = tcase_create("price");
    tcase_add_loop_test(tests, prices_are_read_exactly_or_refused, 0,
                        (int)(sizeof parse_rows / sizeof parse_rows[0]));
    tcase_add_test(tests, units_shift_the_point);
    tcase_add_loop_test(tests, dates_are_read_or_refused, 0, (int)(sizeof date_rows / sizeof date_rows[0]));
    tcase_add_loop_test(tests, factors_are_read_or_refused, 0,
                        (int)(sizeof times_rows / sizeof times_rows[0]));
    tcase_add_loop_test(tests, costs_are_exact, 0, (int)(sizeof cost_rows / sizeof cost_rows[0]));
    tcase_add_loop_test(tests, money_is_printed_without_trailing_zeros, 0,
                        (int)(sizeof format_rows / sizeof format_rows[0]));
    tcase_add_test(tests, cost_never_wraps_and_never_falls);
    tcase_add_test(tests, cost_is_never_negative);
    tcase_add_test(tests, rules_lie_over_each_other_in_their_order);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
