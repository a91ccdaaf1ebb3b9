// SPDX-License-Identifier: MIT
// Results as files: names, sizes of pictures, writing without overwriting.
#ifndef LLM_CLI_FILES_H
#define LLM_CLI_FILES_H

#include "cli.h"

// "png" for "image/png", ...; "bin" when it is not known.  Static.
const char *cli_extension_of(llm_str mime);

// Width and height in pixels of a PNG, JPEG, GIF or WebP.  false: it is none, or does not say.
bool cli_picture_size(llm_str data, unsigned *ret_width, unsigned *ret_height);

// Where result number `index` (from 1) of `count` goes.  output: of -o, nullable: "OUT.png" becomes "OUT-1.png" when there are
// several; without -o "image-1.png", the first number from `index` on that is free.
// The path is NUL-terminated in *ret.  false: out of memory.
bool cli_result_path(const char *output, const char *stem, size_t index, size_t count, const char *extension,
                     struct host_text *ret);

// Write a new file; force: an old one too.  CLI_OK, or CLI_FAILED after saying why.
int cli_save(struct cli *cli, const char *path, llm_str data, bool force);

#endif
