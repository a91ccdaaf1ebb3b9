// SPDX-License-Identifier: MIT
// Sums of the ledger for people and for spreadsheets: from the JSON of llm_master_usage().
#ifndef LLM_CLI_USAGE_PRINT_H
#define LLM_CLI_USAGE_PRINT_H

#include "cli.h"

// A point in time as a person writes it, in microseconds since 1970: 2026-11-24, 2026-11-24T12:30[:15][Z], now, today, yesterday, and so
// many hours, days or weeks ago (24h, 7d, 2w).  zone_s: seconds that the person's clock is ahead of UTC.  end: a date alone means the
// end of that day.  false: it is none of these.
bool usage_time(const char *text, int64_t now_us, int32_t zone_s, bool end, int64_t *ret_us);

// "+02:00", "-5", "+0530" -> seconds; false: no such thing.
bool usage_zone(const char *text, int32_t *ret_s);

// A JSON string as C text; "": it is none, or does not fit.
void usage_text(llm_str json, char *text, size_t size);

void usage_print_table(struct cli *cli, llm_str json);

// RFC 4180: a heading, then one line for each sum; what is not known is empty.
void usage_print_csv(struct cli *cli, llm_str json);

// The same for calls: values of `rows`; heading: first.
void usage_print_calls(struct cli *cli, llm_str rows, bool heading);

// Bars.  of: "cost_usd", "calls", "input_tokens" or "output_tokens"; NULL: cost when any is known, else calls.
// width: of the terminal; 0: look.
void usage_print_plot(struct cli *cli, llm_str json, const char *of, unsigned width);

#endif
