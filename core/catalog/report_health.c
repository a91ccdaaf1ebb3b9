// SPDX-License-Identifier: MIT
// What the calls of late say about a provider and its keys.
#include "base/clock.h"
#include "base/error.h"
#include "catalog/report.h"

static const char *const states[] = {"closed", "open", "half_open"}; // enum llm_breaker_state

static void number(llm_json_writer *w, const char *name, uint64_t value) {
    llm_json_name(w, name);
    llm_json_integer(w, value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

static void number_or_null(llm_json_writer *w, const char *name, uint64_t value) {
    if (value != 0) {
        number(w, name, value);
    } else {
        llm_report_text(w, name, (llm_str){0});
    }
}

static void report_key(llm_json_writer *w, const struct llm_provider_key *key, uint64_t now_us) {
    struct llm_health_view view = {0};
    if (key->health != NULL) {
        llm_health_view(key->health, now_us, &view);
    }
    llm_json_object(w);
    llm_report_text(w, "name", key->name);
    llm_report_text(w, "origin", key->origin);
    number(w, "in_flight", view.key_in_flight);
    number_or_null(w, "rests_ms", view.key_rests_ms);
    llm_report_text(w, "refused",
                    view.key_rests_ms != 0 ? llm_str_from(llm_status_name(view.key_status)) : (llm_str){0});
    llm_json_object_end(w);
}

void llm_report_key_ring(llm_json_writer *w, const struct llm_provider *provider) {
    llm_json_name(w, "keys");
    llm_json_array(w);
    for (size_t i = 0; i < provider->n_keys; i++) {
        const struct llm_provider_key *key = &provider->keys[i];
        if (key->origin.ptr != NULL) {
            llm_json_object(w);
            llm_report_text(w, "name", key->name);
            llm_report_text(w, "origin", key->origin);
            llm_json_object_end(w);
        }
    }
    llm_json_array_end(w);
}

void llm_report_health(llm_json_writer *w, const struct llm_provider *provider) {
    const uint64_t now_us = llm_clock_us();
    struct llm_health_view view = {0};
    if (provider->health[0] != NULL) {
        llm_health_view(provider->health[0], now_us, &view);
    }
    llm_json_name(w, "health");
    llm_json_object(w);
    llm_report_text(w, "breaker", llm_str_from(states[view.state]));
    number_or_null(w, "retry_after_ms", view.retry_after_ms);
    number(w, "faults_in_a_row", view.consecutive);
    number(w, "in_flight", view.in_flight);
    number_or_null(w, "latency_us", view.latency_us);
    number(w, "retries_left", view.retries_left);
    llm_json_object_end(w);
    llm_json_name(w, "keys");
    llm_json_array(w);
    for (size_t i = 0; i < provider->n_keys; i++) {
        if (provider->keys[i].origin.ptr != NULL) {
            report_key(w, &provider->keys[i], now_us);
        }
    }
    llm_json_array_end(w);
}
