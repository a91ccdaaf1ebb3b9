// SPDX-License-Identifier: MIT
// The cache of answers with a given clock: order, room, time, damage, memory.
#include "state/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "fail_alloc.h"

#define SECOND 1000000u
#define WEIGHT (sizeof(struct llm_answer) + 16)

static struct llm_cache *cache;
static struct llm_cache_stats stats;

static void configure(uint64_t max_bytes, uint64_t max_entry, uint32_t ttl_s) {
    llm_cache_configure(cache, &(struct llm_cache_settings){
                                   .max_bytes = max_bytes, .max_entry_bytes = max_entry, .ttl_s = ttl_s});
}

static void setup(void) {
    cache = llm_cache_new();
    configure(1 << 20, 1 << 16, 60);
}

static void teardown(void) {
    llm_cache_free(cache);
}

static struct llm_cache_key key(unsigned n) {
    struct llm_cache_key k = {{0}};
    memcpy(k.bytes, &n, sizeof n); // also the hash: neighbours in the table
    return k;
}

static void put(unsigned n, const char *text, uint64_t now) {
    const struct llm_cache_key k = key(n);
    struct llm_answer *answer = llm_answer_new(&k, text, strlen(text), 7);
    llm_cache_put(cache, answer, now);
    llm_answer_unref(answer);
}

// Is it there, and what it ought to be?
static bool has(unsigned n, const char *text, uint64_t now) {
    const struct llm_cache_key k = key(n);
    struct llm_answer *answer = llm_cache_get(cache, &k, now);
    const bool is = answer != NULL && answer->len == strlen(text) &&
                    memcmp(answer->bytes, text, answer->len) == 0 && answer->cost == 7;
    llm_answer_unref(answer);
    return is;
}

START_TEST(what_is_put_in_comes_out) {
    ck_assert(!has(1, "one", 0));
    put(1, "one", 0);
    put(2, "two", 0);
    ck_assert(has(1, "one", 1) && has(2, "two", 1) && !has(3, "three", 1));
    put(1, "uno", 2); // takes the place
    ck_assert(has(1, "uno", 3));
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_eq(stats.entries, 2);
    ck_assert_uint_eq(stats.bytes, 2 * (WEIGHT + 3));
    ck_assert_uint_eq(stats.hits, 3);
    ck_assert_uint_eq(stats.misses, 2);
    ck_assert_uint_eq(stats.stores, 3);
    ck_assert_uint_eq(stats.evictions, 0);
}
END_TEST

START_TEST(nothing_outlives_its_time) {
    put(1, "one", 5 * SECOND);
    ck_assert(has(1, "one", 65 * SECOND - 1));
    ck_assert(!has(1, "one", 65 * SECOND)); // exactly then
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_eq(stats.entries, 0);
    ck_assert_uint_eq(stats.bytes, 0);
    ck_assert_uint_eq(stats.expired, 1);
    configure(1 << 20, 1 << 16, 0);
    put(1, "one", 0);
    ck_assert(!has(1, "one", 0));
}
END_TEST

START_TEST(the_least_recently_used_goes_first) {
    configure(3 * (WEIGHT + 1), 100, 60);
    put(1, "a", 0);
    put(2, "b", 0);
    put(3, "c", 0);
    ck_assert(has(1, "a", 0)); // used: 2 is the oldest now
    put(4, "d", 0);
    ck_assert(!has(2, "b", 0));
    ck_assert(has(1, "a", 0) && has(3, "c", 0) && has(4, "d", 0));
    put(5, "", 0); // one byte less than 1 has
    ck_assert(!has(1, "a", 0));
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_eq(stats.evictions, 2);
    ck_assert_uint_le(stats.bytes, 3 * (WEIGHT + 1));
}
END_TEST

START_TEST(bounds_are_exact) {
    configure(WEIGHT + 10, 10, 60);
    put(1, "0123456789", 0); // at the limit of an entry and of all
    ck_assert(has(1, "0123456789", 0));
    put(2, "0123456789a", 0); // one past it
    ck_assert(!has(2, "0123456789a", 0) && has(1, "0123456789", 0));
    configure(WEIGHT + 9, 10, 60); // all: one too few
    ck_assert(!has(1, "0123456789", 0));
    put(1, "0123456789", 0);
    ck_assert(!has(1, "0123456789", 0));
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_eq(stats.too_large, 2);
    ck_assert_uint_eq(stats.entries, 0);
    ck_assert_uint_eq(llm_cache_max_entry(cache), 10);
    configure(0, 10, 60);
    ck_assert_uint_eq(llm_cache_max_entry(cache), 0);
}
END_TEST

// Each bit of an answer.
START_TEST(damage_is_a_miss) {
    static const char text[] = "an answer of some length";
    for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
        const struct llm_cache_key k = key(1);
        struct llm_answer *answer = llm_answer_new(&k, text, sizeof text - 1, 7);
        llm_cache_put(cache, answer, 0);
        answer->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_ptr_null(llm_cache_get(cache, &k, 0));
        answer->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_ptr_null(llm_cache_get(cache, &k, 0)); // it is gone
        llm_answer_unref(answer);
    }
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_eq(stats.damaged, 8 * (sizeof text - 1));
    ck_assert_uint_eq(stats.entries, 0);
    ck_assert_uint_eq(stats.bytes, 0);
}
END_TEST

START_TEST(who_holds_an_answer_keeps_it) {
    put(1, "one", 0);
    const struct llm_cache_key k = key(1);
    struct llm_answer *answer = llm_cache_get(cache, &k, 0);
    configure(0, 0, 60);
    ck_assert(!has(1, "one", 0));
    ck_assert(llm_answer_is_whole(answer));
    ck_assert_int_eq(memcmp(answer->bytes, "one", 3), 0);
    llm_answer_unref(answer);
    llm_answer_unref(NULL);
    llm_cache_free(NULL);
}
END_TEST

START_TEST(many) {
    configure(1 << 20, 100, 60);
    for (unsigned i = 0; i < 20000; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        put(i, text, 0);
        ck_assert(has(i, text, 0));
        ck_assert(has(i / 2 + (i + 1) / 2, text, 0));
    }
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_le(stats.bytes, 1 << 20);
    ck_assert_uint_gt(stats.bytes, (1 << 20) - 2 * WEIGHT);
    ck_assert_uint_eq(stats.entries + stats.evictions, 20000);
    for (unsigned i = 20000 - (unsigned)stats.entries; i < 20000; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        ck_assert(has(i, text, 0));
    }
}
END_TEST

START_TEST(without_memory_nothing_breaks) {
    size_t stored = 0;
    for (size_t n = 0; n < 400; n++) {
        const struct llm_cache_key k = key((unsigned)n);
        fail_alloc_after(n % 3);
        struct llm_cache *own = llm_cache_new();
        struct llm_answer *answer = llm_answer_new(&k, "x", 1, 0);
        (void)fail_alloc_off();
        ck_assert(own != NULL || n % 3 == 0);
        if (answer != NULL) {
            fail_alloc_after(0); // the table's growth
            llm_cache_put(cache, answer, 0);
            (void)fail_alloc_off();
            struct llm_answer *got = llm_cache_get(cache, &k, 0);
            stored += got != NULL ? 1 : 0;
            llm_answer_unref(got);
            if (n == 101) { // from here there is a table, that cannot grow
                put(1000, "y", 0);
            }
        }
        llm_answer_unref(answer);
        llm_cache_free(own);
    }
    llm_cache_read_stats(cache, &stats);
    ck_assert_uint_eq(stats.entries, stored + 1);
    ck_assert_uint_gt(stored, 90);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cache");
    TCase *tcase = tcase_create("cache");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_put_in_comes_out);
    tcase_add_test(tcase, nothing_outlives_its_time);
    tcase_add_test(tcase, the_least_recently_used_goes_first);
    tcase_add_test(tcase, bounds_are_exact);
    tcase_add_test(tcase, damage_is_a_miss);
    tcase_add_test(tcase, who_holds_an_answer_keeps_it);
    tcase_add_test(tcase, many);
    tcase_add_test(tcase, without_memory_nothing_breaks);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
