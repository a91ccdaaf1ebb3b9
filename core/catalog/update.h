// SPDX-License-Identifier: MIT
// A newer list becomes the user's catalogue: read whole, compared, swapped in at once.
#ifndef LLM_CATALOG_UPDATE_H
#define LLM_CATALOG_UPDATE_H

#include "base/buf.h"
#include "catalog/snapshot.h"

// What llm_models_update() does, with this snapshot's catalogue as the old one.  *ret_json: free with llm_mem_free().
llm_status llm_catalogue_update(struct llm_snapshot *snapshot, const llm_models_update_args *args,
                                char **ret_json, size_t *ret_len, llm_error *err);

// The part that touches no file: the bytes of a new catalogue from a list (or a catalogue) and the old one, and the report.
// old: nullable.  as_of: of the list.  text and report: emptied before.  LLM_E_CONFIG: it is neither, nothing can be used in it, or (strict) an
// entry is wrong.
llm_status llm_catalogue_make(const struct llm_catalogue *old, llm_str list, const char *name, llm_str as_of,
                              uint32_t flags, struct llm_buf *text, struct llm_buf *report, llm_error *err);

#endif
