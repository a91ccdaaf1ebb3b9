// SPDX-License-Identifier: MIT
// The catalogue: thousands of models of many providers in one file that is searched where it lies and never read as a whole.
//
// Its first line is a JSON object: {"catalogue":1,"entries":N,"bytes":N,"crc32":"8 hex digits","as_of":"2026-07-24",
// "sources":[{"name","as_of"}],"names":{...}}; bytes and checksum are those of the lines behind it.  Each of these is
// PROVIDER TAB MODEL TAB OBJECT; they are sorted by their bytes.  The object holds members of a model's entry (docs/providers.md)
// and "source", the place in sources.
#ifndef LLM_CATALOG_CATALOGUE_H
#define LLM_CATALOG_CATALOGUE_H

#include <stdbool.h>

#include "base/str.h"

struct llm_catalogue {
    llm_str header, body; // the header's object; the lines
    size_t entries;
    uint32_t crc32;
    llm_str as_of;
    void *map; // what is unmapped; NULL: the text is the caller's
    size_t map_len;
};

struct llm_catalogue_entry {
    llm_str provider, id, json; // borrowed from the catalogue
};

// Map a file: its header is judged, its entries are not.  LLM_E_NOT_FOUND: there is none.  LLM_E_CONFIG: it is no catalogue, was cut, is
// too large, or can be written by others.  ret: llm_catalogue_close().
llm_status llm_catalogue_open(const char *path, struct llm_catalogue *ret, llm_error *err);
// The same of a text, which is borrowed.  name: for messages.
llm_status llm_catalogue_of(llm_str text, const char *name, struct llm_catalogue *ret, llm_error *err);
void llm_catalogue_close(struct llm_catalogue *catalogue);

// Judge all of it: checksum, order, number, and that each line has its parts and its object is JSON.  LLM_E_CONFIG with the line.
llm_status llm_catalogue_check(const struct llm_catalogue *catalogue, const char *name, llm_error *err);

// An entry by its names.  Whatever the file holds: no byte outside it is read; json is valid JSON, and an object.
bool llm_catalogue_find(const struct llm_catalogue *catalogue, llm_str provider, llm_str id,
                        struct llm_catalogue_entry *ret);

// The entry at *at (0: the first), which is moved to the next; false: there is none.  Lines that are none are passed over.
bool llm_catalogue_next(const struct llm_catalogue *catalogue, size_t *at, struct llm_catalogue_entry *ret);
// Where the first entry of a provider, or what comes after it, is.
size_t llm_catalogue_provider(const struct llm_catalogue *catalogue, llm_str provider);

// The name and the date of an entry's source; absent: it has none.
void llm_catalogue_source(const struct llm_catalogue *catalogue, llm_str json, llm_str *ret_name,
                          llm_str *ret_as_of);

uint32_t llm_crc32(uint32_t crc, llm_str bytes); // as zlib's; begins with 0

#endif
