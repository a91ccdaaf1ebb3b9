// SPDX-License-Identifier: MIT
// Read an ELF shared object without mapping or running it.  Every number in the file is taken for hostile: each range is
// checked against the file before it is read, and every count has a maximum.
#ifndef LLM_PLUGIN_ELF_H
#define LLM_PLUGIN_ELF_H

#include <link.h>

#include "plugin/reason.h"

#define LLM_ELF_WINDOW_BYTES 16384u              // read at once; a small plugin lies in it whole
#define LLM_ELF_SEGMENTS 32u                     // PT_LOAD segments, and PT_NOTE segments
#define LLM_ELF_DYNAMIC 512u                     // entries of the dynamic table
#define LLM_ELF_NOTES 1024u                      // notes
#define LLM_ELF_SYMBOLS 65536u                   // dynamic symbols
#define LLM_ELF_MEMORY_BYTES (UINT64_C(1) << 30) // what all segments may take in memory
#define LLM_ELF_STRING_BYTES 255u                // longer strings are cut

struct llm_elf_segment {
    uint64_t vaddr, memsz; // in memory
    uint64_t at, filesz;   // in the file
    uint32_t flags;        // PF_*
    uint32_t align;        // PT_NOTE: 4 or 8
};

struct llm_elf_window {
    uint64_t at;
    size_t len;
    uint8_t bytes[LLM_ELF_WINDOW_BYTES];
};

// Large (64 KiB): allocate one and use it for many files.  Zeroed is valid.
struct llm_elf {
    int fd;               // -1: bytes
    const uint8_t *bytes; // borrowed
    uint64_t size;
    struct llm_elf_segment loads[LLM_ELF_SEGMENTS], notes[LLM_ELF_SEGMENTS];
    size_t n_loads, n_notes;
    ElfW(Dyn) dynamic[LLM_ELF_DYNAMIC]; // without the DT_NULL
    size_t n_dynamic;
    uint64_t strings_at, strings_size;
    uint64_t symbols_at;
    uint32_t n_symbols;
    struct llm_elf_window windows[3]; // head, tables, strings
};

struct llm_elf_symbol {
    llm_str name; // borrowed until the next call
    uint64_t value;
    unsigned bind, type, visibility; // STB_*, STT_*, STV_*
    bool is_defined;
};

// Read headers, segments and the dynamic table of the file behind fd (of size bytes), or of `bytes` when fd is -1.
// LLM_E_DENIED with the reason: not an ELF file; another class, byte order, machine or type; anything that does not lie within
// the file (it was cut off); segments that overlap or are writable and executable; an executable stack; text relocations;
// a program; a table that is missing or inconsistent.
llm_status llm_elf_open(struct llm_elf *elf, int fd, const uint8_t *bytes, uint64_t size,
                        struct llm_reason *why);

// The one note of this owner and type: where its content is.  LLM_E_NOT_FOUND: none (no reason is written);
// LLM_E_DENIED: several, or a note segment that is broken.
llm_status llm_elf_note(struct llm_elf *elf, const char *owner, uint32_t type, uint64_t *ret_at,
                        size_t *ret_len, struct llm_reason *why);

// Copy n bytes of the file; false: they do not exist, or reading failed.
bool llm_elf_read(struct llm_elf *elf, uint64_t at, void *p, size_t n);

// A string of the dynamic string table, cut at LLM_ELF_STRING_BYTES; borrowed until the next call; absent: outside the table.
llm_str llm_elf_string(struct llm_elf *elf, uint64_t offset);

// Dynamic symbol number index (1 .. n_symbols - 1); false: it lies outside the file, or its name outside the table.
bool llm_elf_symbol(struct llm_elf *elf, uint32_t index, struct llm_elf_symbol *ret);

// Does this address lie in a segment with these PF_* flags?
bool llm_elf_is_in(const struct llm_elf *elf, uint64_t vaddr, uint32_t flags);

#endif
