// SPDX-License-Identifier: MIT
// json-get POINTER FILE: the value at a JSON pointer; strings decoded, others as they stand.  Exit status 1: there is none, or
// the file is not JSON.
#include "host_text.h"

#include <stdio.h>

int main(int argc, char **argv) {
    struct host_text text = {0};
    llm_error err = LLM_ERROR_INIT;
    if (argc != 3 || host_text_file(&text, argv[2], &err) != LLM_OK) {
        fprintf(stderr, "json-get: %s\n", argc != 3 ? "json-get POINTER FILE" : err.message);
        return 2;
    }
    const llm_str doc = host_text_str(&text);
    const llm_str value = llm_json_check(doc, 64, NULL)
                              ? llm_json_pointer(llm_json_value(doc), host_str(argv[1]))
                              : (llm_str){0};
    struct host_text shown = {0};
    if (llm_json_type(value) == '"') {
        host_text_decoded(&shown, value);
    } else {
        host_text_add(&shown, value.ptr, value.len);
    }
    fwrite(shown.ptr != NULL ? shown.ptr : "", 1, shown.len, stdout);
    fputs("\n", stdout);
    host_text_done(&shown);
    host_text_done(&text);
    return value.ptr != NULL ? 0 : 1;
}
