// SPDX-License-Identifier: MIT
#include "usage_print.h"

#include <stdlib.h>
#include <sys/ioctl.h>

#include "table.h"

#define PLOT_DAYS_MAX 1000u // days without a call that are shown too, at most so many
#define PLOT_WIDTH 80u      // where nobody says how wide it is

static int64_t number(llm_str v) {
    int64_t n = 0;
    return llm_json_int64(v, &n) ? n : 0;
}

void usage_text(llm_str json, char *text, size_t size) {
    const size_t len = llm_json_type(json) == '"' ? llm_json_decode(json, text, size - 1) : 0;
    text[len < size ? len : 0] = '\0';
}

// ---- table -----------------------------------------------------------------------------------------------------------

static const char *head_of(llm_str group) {
    static const char *const names[][2] = {
        {"day", "DAY"}, {"provider", "PROVIDER"}, {"model", "MODEL"},   {"operation", "OPERATION"},
        {"tag", "TAG"}, {"key", "KEY"},           {"status", "STATUS"}, {NULL, NULL}};
    size_t i = 0;
    while (names[i][0] != NULL && !llm_json_is(group, names[i][0])) {
        i++;
    }
    return names[i][1] != NULL ? names[i][1] : "-";
}

static void cost_cell(struct table *table, llm_str sum) {
    const llm_str cost = llm_json_get(sum, "cost_usd");
    const int64_t unknown = number(llm_json_get(sum, "cost_unknown"));
    struct host_text text = {0};
    if (llm_json_type(cost) == '"') {
        host_text_decoded(&text, cost);
    }
    if (unknown > 0) {
        host_text_text(&text, text.len > 0 ? " + " : "");
        host_text_number(&text, (uint64_t)unknown);
        host_text_text(&text, unknown == 1 ? " call of unknown cost" : " calls of unknown cost");
    }
    table_cell(table, host_text_str(&text));
    host_text_done(&text);
}

static void row_of(struct table *table, llm_str by, llm_str sum, const char *label) {
    static const char *const columns[] = {"calls", "failed", "input_tokens", "output_tokens"};
    llm_json_iter it = llm_json_begin(by);
    for (bool first = true; llm_json_next(&it); first = false) {
        char name[16];
        usage_text(it.value, name, sizeof name);
        if (label != NULL) {
            table_cell(table, host_str(first ? label : " "));
        } else {
            table_string(table, llm_json_get(sum, name));
        }
    }
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        table_string(table, llm_json_get(sum, columns[i]));
    }
    cost_cell(table, sum);
}

void usage_print_table(struct cli *cli, llm_str json) {
    static const char *const tail[] = {"CALLS", "FAILED", "INPUT", "OUTPUT", "COST (USD)"};
    const char *heads[CLI_MAX_COLUMNS];
    const llm_str by = llm_json_get(json, "by"), sums = llm_json_get(json, "sums");
    size_t n = 0;
    for (llm_json_iter it = llm_json_begin(by); llm_json_next(&it);) {
        heads[n++] = head_of(it.value);
    }
    const bool grouped = n > 0;
    for (size_t i = 0; i < sizeof tail / sizeof tail[0]; i++) {
        heads[n++] = tail[i];
    }
    struct table table = table_new(heads, n);
    for (llm_json_iter it = llm_json_begin(sums); llm_json_next(&it);) {
        row_of(&table, by, it.value, NULL);
    }
    if (grouped && llm_json_count(sums) != 1) {
        row_of(&table, by, llm_json_get(json, "total"), "total");
    }
    table_print(&table, &cli->out);
}

// ---- CSV -------------------------------------------------------------------------------------------------------------

static void csv_field(struct host_text *line, llm_str value) {
    struct host_text text = {0};
    if (llm_json_type(value) == '"') {
        host_text_decoded(&text, value);
    } else if (llm_json_type(value) != 'n') {
        host_text_add(&text, value.ptr, value.len);
    }
    bool plain = true;
    for (size_t i = 0; i < text.len; i++) {
        plain = plain && strchr(",\"\r\n", text.ptr[i]) == NULL;
    }
    if (plain && text.len > 0) {
        host_text_add(line, text.ptr, text.len);
    } else if (!plain) {
        host_text_text(line, "\"");
        for (size_t i = 0; i < text.len; i++) {
            host_text_add(line, text.ptr[i] == '"' ? "\"\"" : text.ptr + i, text.ptr[i] == '"' ? 2 : 1);
        }
        host_text_text(line, "\"");
    }
    line->failed = line->failed || text.failed;
    host_text_done(&text);
}

static void csv_line(struct cli *cli, llm_str object, bool names) {
    struct host_text line = {0};
    bool first = true;
    for (llm_json_iter it = llm_json_begin(object); llm_json_next(&it); first = false) {
        host_text_text(&line, first ? "" : ",");
        csv_field(&line, names ? it.name : it.value);
    }
    host_text_text(&line, "\r\n");
    if (!line.failed) {
        term_write(&cli->out, line.ptr, line.len);
    }
    host_text_done(&line);
}

void usage_print_calls(struct cli *cli, llm_str rows, bool heading) {
    for (llm_json_iter it = llm_json_begin(rows); llm_json_next(&it);) {
        if (heading) {
            csv_line(cli, it.value, true);
            heading = false;
        }
        csv_line(cli, it.value, false);
    }
}

void usage_print_csv(struct cli *cli, llm_str json) {
    const llm_str sums = llm_json_get(json, "sums");
    usage_print_calls(cli, sums, true);
    if (llm_json_count(sums) == 0) { // a heading all the same
        csv_line(cli, llm_json_get(json, "total"), true);
    }
}

// ---- plot ------------------------------------------------------------------------------------------------------------

static unsigned terminal_width(const struct cli *cli) {
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    if (cli->out.is_terminal && ioctl(fileno(cli->out.file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    int64_t said = 0;
    (void)llm_json_int64(columns != NULL ? host_str(columns) : (llm_str){NULL, 0}, &said);
    return said >= 20 && said <= 1000 ? (unsigned)said : PLOT_WIDTH;
}

// Only for the length of a bar.
static double size_of(llm_str sum, const char *of) {
    double value = 0;
    const llm_str v = llm_json_get(sum, of);
    if (llm_json_type(v) == '"') {
        (void)llm_json_double((llm_str){v.ptr + 1, v.len - 2}, &value);
    } else {
        (void)llm_json_double(v, &value);
    }
    return value > 0 ? value : 0;
}

static void spaces(struct host_text *line, size_t n) {
    while (n-- > 0) {
        host_text_text(line, " ");
    }
}

static size_t characters(llm_str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

// "2026-11-24 acme": what the sum is of.
static void label_of(struct host_text *label, llm_str by, llm_str sum) {
    for (llm_json_iter it = llm_json_begin(by); llm_json_next(&it);) {
        char name[16];
        usage_text(it.value, name, sizeof name);
        const llm_str value = llm_json_get(sum, name);
        host_text_text(label, label->len > 0 ? " " : "");
        if (llm_json_type(value) == '"') {
            host_text_decoded(label, value);
        } else {
            host_text_text(label, "-");
        }
    }
    if (label->len == 0) {
        host_text_text(label, "all");
    }
    for (size_t i = 0; i < label->len; i++) {
        label->ptr[i] = (unsigned char)label->ptr[i] < 0x20 ? ' ' : label->ptr[i];
    }
}

// What stands behind the bar.
static void value_of(struct host_text *text, llm_str sum, const char *of) {
    const llm_str value = llm_json_get(sum, of);
    const int64_t unknown = number(llm_json_get(sum, "cost_unknown"));
    const bool money = strcmp(of, "cost_usd") == 0;
    if (llm_json_type(value) == '"') {
        host_text_text(text, "$");
        host_text_decoded(text, value);
    } else if (llm_json_type(value) != 'n') {
        host_text_add(text, value.ptr, value.len);
    } else {
        host_text_text(text, "unknown");
    }
    if (money && unknown > 0 && llm_json_type(value) == '"') {
        host_text_text(text, " + ");
        host_text_number(text, (uint64_t)unknown);
        host_text_text(text, " unknown");
    }
}

struct plot {
    struct cli *cli;
    llm_str by;
    const char *of;
    double most;
    size_t labels, values, bar; // widths
    bool blocks;                // the terminal shows U+2588
};

static void plot_line(struct plot *p, llm_str label, llm_str value, double size) {
    struct host_text line = {0};
    size_t n = p->most > 0 ? (size_t)(size / p->most * (double)p->bar + 0.5) : 0;
    n = n == 0 && size > 0 ? 1 : n > p->bar ? p->bar : n;
    host_text_add(&line, label.ptr, label.len);
    spaces(&line, p->labels - characters(label) + 2);
    term_write(&p->cli->out, line.ptr, line.len);
    host_text_reset(&line, SIZE_MAX);
    for (size_t i = 0; i < n; i++) {
        host_text_text(&line, p->blocks ? "\xe2\x96\x88" : "#");
    }
    term_style(&p->cli->out, "36");
    term_write(&p->cli->out, line.ptr, line.len);
    term_style(&p->cli->out, "0");
    host_text_reset(&line, SIZE_MAX);
    spaces(&line, n > 0 ? 1 : 0);
    host_text_add(&line, value.ptr, value.len);
    host_text_text(&line, "\n");
    term_write(&p->cli->out, line.ptr, line.len);
    host_text_done(&line);
}

static int64_t day_number(llm_str sum) {
    char text[32];
    int64_t us = 0;
    usage_text(llm_json_get(sum, "day"), text, sizeof text);
    return usage_time(text, 0, 0, false, &us) ? us / 86400000000 : -1;
}

// Days between two sums on which nothing happened.
static void plot_gap(struct plot *p, int64_t from, int64_t to) {
    if (from < 0 || to - from > (int64_t)PLOT_DAYS_MAX) {
        return;
    }
    for (int64_t day = from + 1; day < to; day++) {
        // Civil date from days; the inverse of usage_time()'s.
        const int64_t z = day + 719468, era = z / 146097, doe = z - era * 146097;
        const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
        const int64_t month = mp < 10 ? mp + 3 : mp - 9;
        char label[48];
        const int n = snprintf(label, sizeof label, "%04lld-%02lld-%02lld",
                               (long long)yoe + (long long)era * 400 + (month <= 2 ? 1 : 0), (long long)month,
                               (long long)doy - (153 * (long long)mp + 2) / 5 + 1);
        plot_line(p, (llm_str){label, (size_t)n}, host_str("-"), 0);
    }
}

static bool shows_blocks(const struct cli *cli) {
    const char *const names[] = {getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")};
    for (size_t i = 0; i < 3; i++) {
        if (names[i] != NULL && names[i][0] != '\0') {
            return cli->out.is_terminal &&
                   (strstr(names[i], "UTF-8") != NULL || strstr(names[i], "utf8") != NULL);
        }
    }
    return false;
}

static void measure(struct plot *p, llm_str sums) {
    for (llm_json_iter it = llm_json_begin(sums); llm_json_next(&it);) {
        struct host_text label = {0}, value = {0};
        label_of(&label, p->by, it.value);
        value_of(&value, it.value, p->of);
        const size_t l = characters(host_text_str(&label)), v = characters(host_text_str(&value));
        const double size = size_of(it.value, p->of);
        p->labels = l > p->labels ? l : p->labels;
        p->values = v > p->values ? v : p->values;
        p->most = size > p->most ? size : p->most;
        host_text_done(&label);
        host_text_done(&value);
    }
}

void usage_print_plot(struct cli *cli, llm_str json, const char *of, unsigned width) {
    const llm_str sums = llm_json_get(json, "sums"), by = llm_json_get(json, "by");
    const llm_str total = llm_json_get(json, "total");
    const bool known = llm_json_type(llm_json_get(total, "cost_usd")) == '"';
    struct plot p = {.cli = cli, .by = by, .of = of != NULL ? of : known ? "cost_usd" : "calls"};
    const bool days = llm_json_count(by) == 1 && llm_json_is(llm_json_at(by, 0), "day");
    p.blocks = shows_blocks(cli);
    measure(&p, sums);
    width = width != 0 ? width : terminal_width(cli);
    const size_t taken = p.labels + 2 + 1 + p.values;
    p.bar = width > taken + 10 ? width - taken : 10;
    int64_t before = -1;
    for (llm_json_iter it = llm_json_begin(sums); llm_json_next(&it);) {
        struct host_text label = {0}, value = {0};
        if (days) {
            const int64_t day = day_number(it.value);
            plot_gap(&p, before, day);
            before = day;
        }
        label_of(&label, by, it.value);
        value_of(&value, it.value, p.of);
        plot_line(&p, host_text_str(&label), host_text_str(&value), size_of(it.value, p.of));
        host_text_done(&label);
        host_text_done(&value);
    }
    if (llm_json_count(sums) == 0) {
        term_text(&cli->out, "no calls\n");
    }
}
