// SPDX-License-Identifier: MIT
#include "catalog/price.h"

#include <stdio.h>

#define PICO_PER_USD INT64_C(1000000000000)
#define MS_PER_SECOND 1000

__extension__ typedef __int128 wide; // counts times prices pass 64 bits long before either is absurd

// A decimal number times 10^decimals, exactly.
static bool parse_decimal(llm_str text, unsigned decimals, int64_t *ret) {
    int64_t value = 0;
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
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value)) {
            return false;
        }
    }
    if (digits == 0) {
        return false;
    }
    for (; left > 0; left--) {
        if (__builtin_mul_overflow(value, 10, &value)) {
            return false;
        }
    }
    *ret = value;
    return true;
}

bool llm_price_parse_per_million(llm_str text, int64_t *ret) {
    return parse_decimal(text, 6, ret);
}

bool llm_price_parse_usd(llm_str text, int64_t *ret) {
    return parse_decimal(text, 12, ret);
}

// The bill while it is added up.
struct bill {
    wide sum;
    bool paid;     // a count above zero had a price
    bool counted;  // a count was reported for something that has a price
    bool unpriced; // a count above zero had none
    bool over;     // a part of it alone does not fit
};

static int64_t part(int64_t count, int64_t left) {
    return count <= 0 ? 0 : count < left ? count : left;
}

// `count` of what costs `price` for each `per`, to the nearest pico-USD.
static void charge_per(struct bill *bill, int64_t count, int64_t price, int64_t per) {
    if (price < 0) {
        bill->unpriced |= count > 0;
        return;
    }
    const wide sum = ((wide)count * price + per / 2) / per;
    bill->counted = true;
    bill->paid |= count > 0;
    bill->over |= sum > INT64_MAX;
    bill->sum += sum > INT64_MAX ? 0 : sum;
}

static void charge(struct bill *bill, int64_t count, int64_t price) {
    charge_per(bill, count, price, 1);
}

static int64_t own_or(int64_t price, int64_t parent) {
    return price >= 0 ? price : parent;
}

static void charge_input(struct bill *bill, const struct llm_price *price, const llm_usage *usage) {
    int64_t left = usage->input_tokens;
    const int64_t read = part(usage->cache_read_tokens, left);
    left -= read;
    const int64_t hour = part(usage->cache_write_1h_tokens, left);
    left -= hour;
    // cache_write_tokens counts the hour's too.
    const int64_t brief = part(part(usage->cache_write_tokens, INT64_MAX) - hour, left);
    left -= brief;
    const int64_t audio = part(usage->audio_input_tokens, left);
    left -= audio;
    const int64_t write_price = own_or(price->cache_write, price->input);
    charge(bill, left, price->input);
    charge(bill, read, own_or(price->cache_read, price->input));
    charge(bill, brief, write_price);
    charge(bill, hour, own_or(price->cache_write_1h, write_price));
    charge(bill, audio, own_or(price->audio_input, price->input));
}

static void charge_output(struct bill *bill, const struct llm_price *price, const llm_usage *usage) {
    int64_t left = usage->output_tokens;
    const int64_t reasoning = part(usage->reasoning_tokens, left);
    left -= reasoning;
    const int64_t audio = part(usage->audio_output_tokens, left);
    left -= audio;
    charge(bill, left, price->output);
    charge(bill, reasoning, own_or(price->reasoning, price->output));
    charge(bill, audio, own_or(price->audio_output, price->output));
}

static struct bill bill_units(const struct llm_price *price, const llm_usage *usage) {
    struct bill units = {0};
    if (usage->images >= 0) {
        charge(&units, usage->images, price->image);
    }
    if (usage->characters >= 0) {
        charge(&units, usage->characters, price->character);
    }
    if (usage->milliseconds >= 0) {
        charge_per(&units, usage->milliseconds, price->second, MS_PER_SECOND);
    }
    return units;
}

int64_t llm_price_cost(const struct llm_price *price, const llm_usage *usage) {
    struct bill tokens = {0};
    const bool has_input = usage->input_tokens >= 0, has_output = usage->output_tokens >= 0;
    if (has_input) {
        charge_input(&tokens, price, usage);
    }
    if (has_output) {
        charge_output(&tokens, price, usage);
    }
    const struct bill units = bill_units(price, usage);
    if ((tokens.unpriced && !units.paid) || (units.unpriced && !tokens.paid)) {
        return -1;
    }
    if (!units.paid &&
        ((has_input && !has_output && price->output > 0) || (has_output && !has_input && price->input > 0))) {
        return -1;
    }
    const bool only_request = price->input < 0 && price->output < 0 && price->image < 0 &&
                              price->character < 0 && price->second < 0 && price->request >= 0;
    if (!tokens.counted && !units.counted && !only_request) {
        return -1;
    }
    const wide sum = tokens.sum + units.sum + (price->request > 0 ? price->request : 0);
    return sum > INT64_MAX || tokens.over || units.over ? -1 : (int64_t)sum;
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
