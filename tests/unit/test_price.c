// SPDX-License-Identifier: MIT
#include "catalog/price.h"

#include "check_main.h"

#define USD INT64_C(1000000000000)

struct parse_row {
    const char *text;
    int64_t per_million, usd; // -1: refused
};

static const struct parse_row parse_rows[] = {
    {"0", 0, 0},
    {"0.0", 0, 0},
    {"1", 1000000, USD},
    {"0.15", 150000, 150000000000},
    {"1.25", 1250000, 1250000000000},
    {"2.50", 2500000, 2500000000000},
    {"0.003625", 3625, 3625000000},
    {"0.0000001", -1, 100000},
    {"0.1500000000", 150000, 150000000000},
    {"0.000000000001", -1, 1},
    {"0.0000000000010", -1, 1},
    {"0.0000000000001", -1, -1},
    {"9223372.036854775807", -1, INT64_MAX},
    {"9223372.036854775808", -1, -1},
    {"9223372036854.775807", INT64_MAX, -1},
    {"9223372036854.775808", -1, -1},
    {"99999999999999999999", -1, -1},
    {"007", 7000000, 7 * USD},
    {"", -1, -1},
    {".5", -1, -1},
    {"5.", -1, -1},
    {".", -1, -1},
    {"1..2", -1, -1},
    {"1.2.3", -1, -1},
    {"-1", -1, -1},
    {"+1", -1, -1},
    {"1e3", -1, -1},
    {" 1", -1, -1},
    {"1 ", -1, -1},
    {"0x1", -1, -1},
    {"1,5", -1, -1},
    {"$1", -1, -1},
};

START_TEST(prices_are_read_exactly_or_refused) {
    const struct parse_row *row = &parse_rows[_i];
    int64_t value = 77;
    ck_assert_msg(llm_price_parse_per_million(llm_str_from(row->text), &value) == (row->per_million >= 0),
                  "per million: %s", row->text);
    ck_assert_msg(value == (row->per_million >= 0 ? row->per_million : 77), "%s: %lld", row->text,
                  (long long)value);
    value = 77;
    ck_assert_msg(llm_price_parse_usd(llm_str_from(row->text), &value) == (row->usd >= 0), "usd: %s",
                  row->text);
    ck_assert_msg(value == (row->usd >= 0 ? row->usd : 77), "%s: %lld", row->text, (long long)value);
}
END_TEST

// Counts and prices in one order: what is not named is -1.
struct cost_row {
    const char *what;
    struct llm_price price;
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
        .characters = -1, __VA_ARGS__                                                                        \
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

START_TEST(costs_are_exact) {
    const struct cost_row *row = &cost_rows[_i];
    const int64_t cost = llm_price_cost(&row->price, &row->usage);
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

int main(void) {
    Suite *suite = suite_create("price");
    TCase *tests = tcase_create("price");
    tcase_add_loop_test(tests, prices_are_read_exactly_or_refused, 0,
                        (int)(sizeof parse_rows / sizeof parse_rows[0]));
    tcase_add_loop_test(tests, costs_are_exact, 0, (int)(sizeof cost_rows / sizeof cost_rows[0]));
    tcase_add_loop_test(tests, money_is_printed_without_trailing_zeros, 0,
                        (int)(sizeof format_rows / sizeof format_rows[0]));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
