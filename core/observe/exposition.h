// SPDX-License-Identifier: MIT
// The text format of Prometheus, version 0.0.4: a family's two head lines, then its samples.
#ifndef LLM_OBSERVE_EXPOSITION_H
#define LLM_OBSERVE_EXPOSITION_H

#include "base/buf.h"
#include "base/str.h"

// A text under construction: after a failure nothing more is put in.
struct llm_exposition {
    struct llm_buf *text;
    llm_status status;
    const char *name; // of the family
};

// type: "counter", "gauge", "histogram".  name and help: plain words, without backslash or newline; they must last as long as the family.
void llm_exposition_family(struct llm_exposition *e, const char *name, const char *type, const char *help);

// labels: names that are names, values of any bytes.  suffix: "" or "_bucket", "_sum", "_count".
void llm_exposition_sample(struct llm_exposition *e, const char *suffix, const llm_header *labels,
                           size_t n_labels, uint64_t value);

// The same with value / 10^decimals; at most 12 decimals, trailing zeros left out.
void llm_exposition_decimal(struct llm_exposition *e, const char *suffix, const llm_header *labels,
                            size_t n_labels, uint64_t value, unsigned decimals);

#endif
