// SPDX-License-Identifier: MIT
// Inside of the catalogue: how descriptions are written.
#ifndef LLM_CATALOG_REPORT_H
#define LLM_CATALOG_REPORT_H

#include "catalog/snapshot.h"
#include "llm_json.h"

// Members of an object; absent text: null.
void llm_report_text(llm_json_writer *w, const char *name, llm_str text);
void llm_report_bool(llm_json_writer *w, const char *name, bool value);

// "ready", "no_key" or "problem".
const char *llm_provider_state(const struct llm_provider *provider);

// The file name of a path.
llm_str llm_report_file(const char *path);

// Does the settings' text name this provider?
bool llm_report_knows(const struct llm_snapshot *snapshot, llm_str provider);

// The member "keys" of a provider's keys: names and origins.
void llm_report_key_ring(llm_json_writer *w, const struct llm_provider *provider);

// The members "health" and "keys" of a provider.
void llm_report_health(llm_json_writer *w, const struct llm_provider *provider);

// The array of "doctor".
void llm_report_doctor(struct llm_snapshot *snapshot, llm_json_writer *w);

#endif
