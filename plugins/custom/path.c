// SPDX-License-Identifier: MIT
// Pointers into answers, and conditions over them.
#include "custom.h"

static llm_str step_into(llm_str doc, const struct step *step) {
    if (llm_json_type(doc) != '[') {
        return llm_json_get(doc, step->name);
    }
    if (!step->is_index) {
        return (llm_str){NULL, 0};
    }
    const int64_t index = step->index < 0 ? (int64_t)llm_json_count(doc) + step->index : step->index;
    return index < 0 ? (llm_str){NULL, 0} : llm_json_at(doc, (size_t)index);
}

static llm_status walk(llm_str doc, const struct path *path, size_t from, custom_found_fn found, void *ctx) {
    for (size_t i = from; i < path->n && doc.ptr != NULL; i++) {
        if (!path->steps[i].is_all) {
            doc = step_into(doc, &path->steps[i]);
            continue;
        }
        const char type = llm_json_type(doc);
        if (type != '[' && type != '{') {
            return LLM_OK;
        }
        for (llm_json_iter it = llm_json_begin(doc); llm_json_next(&it);) {
            const llm_status status = walk(it.value, path, i + 1, found, ctx);
            if (status != LLM_OK) {
                return status;
            }
        }
        return LLM_OK;
    }
    return doc.ptr != NULL && doc.len > 0 ? found(ctx, doc) : LLM_OK;
}

struct not_null {
    custom_found_fn found;
    void *ctx;
};

static llm_status skip_null(void *ctx, llm_str value) {
    const struct not_null *next = ctx;
    return llm_json_type(value) == 'n' ? LLM_OK : next->found(next->ctx, value);
}

static llm_status keep_first(void *ctx, llm_str value) {
    *(llm_str *)ctx = value;
    return LLM_DONE;
}

llm_status custom_path_walk(llm_str doc, const struct path *path, custom_found_fn found, void *ctx) {
    struct not_null next = {found, ctx};
    return walk(doc, path, 0, skip_null, &next);
}

llm_str custom_path_get(llm_str doc, const struct path *path) {
    llm_str value = {NULL, 0};
    (void)walk(doc, path, 0, keep_first, &value);
    return value;
}

llm_str custom_paths_get(llm_str doc, const struct paths *paths) {
    llm_str value = {NULL, 0};
    for (size_t i = 0; i < paths->n && value.ptr == NULL; i++) {
        (void)custom_path_walk(doc, &paths->list[i], keep_first, &value);
    }
    return value;
}

llm_status custom_paths_walk(llm_str doc, const struct paths *paths, custom_found_fn found, void *ctx) {
    for (size_t i = 0; i < paths->n; i++) {
        const struct paths one = {&paths->list[i], 1};
        if (custom_paths_get(doc, &one).ptr != NULL) {
            return custom_path_walk(doc, &paths->list[i], found, ctx);
        }
    }
    return LLM_OK;
}

// ---- conditions

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_part(llm_str whole, llm_str part) {
    for (size_t i = 0; i + part.len <= whole.len; i++) {
        size_t n = 0;
        while (n < part.len && lower(whole.ptr[i + n]) == lower(part.ptr[n])) {
            n++;
        }
        if (n == part.len) {
            return true;
        }
    }
    return false;
}

static bool is_expected(llm_str text, bool is_string, const struct test *test) {
    for (size_t i = 0; i < test->values.n; i++) {
        const struct expected *expected = &test->values.list[i];
        if (test->is_part ? is_part(text, expected->text)
                          : expected->is_string == is_string && custom_is(text, expected->text.ptr)) {
            return true;
        }
    }
    return false;
}

static bool test_value(llm_str value, const struct test *test) {
    char buf[VALUE_MAX];
    if (test->presence != 0) {
        return (value.ptr != NULL) == (test->presence > 0);
    }
    const size_t n = llm_json_decode(value, buf, sizeof buf);
    return value.ptr != NULL && is_expected(n == SIZE_MAX ? value : (llm_str){buf, n}, n != SIZE_MAX, test);
}

struct search {
    const struct test *test;
    bool found;
};

static llm_status try_value(void *ctx, llm_str value) {
    struct search *search = ctx;
    search->found = test_value(value, search->test);
    return search->found ? LLM_DONE : LLM_OK;
}

static bool test_holds(const struct test *test, const struct view *view) {
    struct search search = {test, false};
    char number[16];
    size_t at = sizeof number;
    switch (test->of) {
    case OF_EVENT: return is_expected(view->event, true, test);
    case OF_DATA: return is_expected(view->text, true, test);
    case OF_STATUS:
        for (uint32_t rest = view->status; rest != 0; rest /= 10) {
            number[--at] = (char)('0' + rest % 10);
        }
        return is_expected((llm_str){number + at, sizeof number - at}, false, test);
    case OF_PATH: break;
    }
    if (test->presence < 0) {
        const struct paths paths = {&test->path, 1};
        return custom_paths_get(view->doc, &paths).ptr == NULL;
    }
    (void)custom_path_walk(view->doc, &test->path, try_value, &search);
    return search.found;
}

bool custom_holds(const struct conditions *conditions, const struct view *view) {
    for (size_t i = 0; i < conditions->n; i++) {
        size_t n = 0;
        while (n < conditions->list[i].n && test_holds(&conditions->list[i].tests[n], view)) {
            n++;
        }
        if (n == conditions->list[i].n) {
            return true;
        }
    }
    return false;
}
