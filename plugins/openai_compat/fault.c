// SPDX-License-Identifier: MIT
// Reads what a failure says, in whatever shape it comes: objects of many kinds, lists, text, HTML, nothing.
#include "openai_compat.h"

#define DEPTH_MAX 64
#define TEXT_MAX 1000 // of a message that is no JSON

static llm_str first_of(llm_str object, const char *const *names, char type) {
    for (; *names != NULL; names++) {
        const llm_str v = oai_get(object, *names);
        if (llm_json_type(v) == type && (type != '"' || oai_has_text(v))) {
            return v;
        }
    }
    return (llm_str){NULL, 0};
}

static bool is_error_value(llm_str v) {
    const char type = llm_json_type(v);
    return type == '"' ? oai_has_text(v) : (type == '{' || type == '[') && llm_json_count(v) > 0;
}

bool oai_is_failure(llm_str error) {
    return is_error_value(error);
}

bool oai_is_failure_body(llm_str doc) {
    static const char *const words[] = {"message", "detail", "msg", NULL};
    static const char *const kinds[] = {"code", "type", "status", "error", NULL};
    int flag = 0;
    if (is_error_value(oai_get(doc, "error")) || oai_is(oai_get(doc, "object"), "error") ||
        is_error_value(oai_get(doc, "detail"))) {
        return true;
    }
    if (first_of(doc, words, '"').ptr == NULL) {
        return false;
    }
    return first_of(doc, kinds, '"').ptr != NULL || first_of(doc, kinds, '0').ptr != NULL ||
           (llm_json_bool(oai_get(doc, "error"), &flag) && flag);
}

/* ---- parts of it ------------------------------------------------------------------------------------------------------ */

// FastAPI and its kin: {"detail":[{"loc":["body","model"],"msg":"...","type":"..."}]}, also one level deeper.
static llm_str first_detail(llm_str object) {
    llm_str detail = oai_get(object, "detail");
    if (detail.ptr == NULL) {
        detail = oai_get(oai_get(object, "message"), "detail");
    }
    return llm_json_type(detail) == '[' ? oai_at(detail, 0) : (llm_str){NULL, 0};
}

static llm_str find_message(llm_str doc, llm_str e) {
    static const char *const names[] = {"message", "msg",   "detail",    "error", "error_description",
                                        "reason",  "title", "error_msg", NULL};
    if (llm_json_type(e) == '"') {
        return e;
    }
    llm_str v = first_of(e, names, '"');
    if (v.ptr == NULL) {
        v = oai_get(first_detail(e), "msg");
    }
    if (v.ptr == NULL) {
        v = oai_get(oai_get(e, "message"), "detail");
    }
    return v.ptr != NULL ? v : first_of(doc, names, '"');
}

// A string decoded, or a number as it was sent.
static llm_str keep_word(llm_job *job, llm_str v, enum oai_slot slot) {
    if (llm_json_type(v) != '0') {
        return oai_has_text(v) ? oai_keep(job, v, slot) : (llm_str){NULL, 0};
    }
    char *p = oai_room(job, slot, v.len);
    if (p == NULL || v.ptr == NULL) {
        return (llm_str){NULL, 0};
    }
    memcpy(p, v.ptr, v.len);
    return (llm_str){p, v.len};
}

static llm_str first_word(llm_str a, llm_str b, llm_str c) {
    const llm_str all[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        if (oai_has_text(all[i]) || llm_json_type(all[i]) == '0') {
            return all[i];
        }
    }
    return (llm_str){NULL, 0};
}

// A status from 400 to 599, as a number or as text of digits.
static int64_t find_number(llm_str object) {
    static const char *const names[] = {"code", "status_code", "status", "error", NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        const llm_str v = oai_get(object, names[i]);
        const llm_str plain = oai_plain(v);
        int64_t n = 0;
        if (oai_int64(plain.ptr != NULL ? plain : v, &n) && n >= 400 && n <= 599) {
            return n;
        }
    }
    return 0;
}

// ["body","messages",0,"role"] -> messages.0.role
static llm_str join_loc(llm_job *job, llm_str loc) {
    char *p = oai_room(job, OAI_TEXT_PARAM, loc.len + 1);
    size_t n = 0;
    llm_json_iter it = oai_begin(loc);
    if (p == NULL || llm_json_type(loc) != '[') {
        return (llm_str){NULL, 0};
    }
    while (oai_next(&it)) {
        const llm_str word = llm_json_type(it.value) == '"' ? oai_plain(it.value) : it.value;
        if (n == 0 && oai_same(word, "body")) {
            continue;
        }
        if (n > 0) {
            p[n++] = '.';
        }
        memcpy(p + n, word.ptr != NULL ? word.ptr : "", word.len);
        n += word.len;
    }
    return n > 0 ? (llm_str){p, n} : (llm_str){NULL, 0};
}

static llm_str find_param(llm_job *job, llm_str doc, llm_str e) {
    const llm_str param = oai_get(e, "param");
    if (oai_has_text(param)) {
        return oai_keep(job, param, OAI_TEXT_PARAM);
    }
    llm_str loc = oai_get(first_detail(e), "loc");
    if (loc.ptr == NULL) {
        loc = oai_get(first_detail(doc), "loc");
    }
    return join_loc(job, loc);
}

/* ---- no JSON ------------------------------------------------------------------------------------------------------------ */

// The title of a page, or the text itself; cut, made valid UTF-8, control bytes and line ends made blanks.
static llm_str keep_text(llm_job *job, llm_str text) {
    const llm_str page = text;
    for (size_t i = 0; i + 7 < page.len; i++) {
        if (page.ptr[i] == '<' && oai_glob(OAI_LITERAL("<title>"), (llm_str){page.ptr + i, 7}, true)) {
            const char *start = page.ptr + i + 7;
            const char *end = memchr(start, '<', page.len - i - 7);
            text = (llm_str){start, end != NULL ? (size_t)(end - start) : 0};
            break;
        }
    }
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ') {
        text = (llm_str){text.ptr + 1, text.len - 1};
    }
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    if (text.len == 0 || (text.ptr[0] == '<' && text.ptr == page.ptr)) {
        return (llm_str){NULL, 0}; // markup without a title says nothing to people
    }
    char *p = oai_room(job, OAI_TEXT_NAME, TEXT_MAX + 4);
    size_t n = 0;
    for (size_t i = 0; p != NULL && i < text.len && n < TEXT_MAX;) {
        int valid;
        const size_t len = llm_json_utf8_len(text.ptr + i, text.len - i, &valid);
        if (!valid) {
            memcpy(p + n, "\xef\xbf\xbd", 3);
            n += 3;
        } else {
            memcpy(p + n, text.ptr + i, len);
            p[n] = (unsigned char)p[n] < ' ' || p[n] == 0x7f ? ' ' : p[n];
            n += len;
        }
        i += len;
    }
    return (llm_str){p, n};
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------ */

static void read_json(llm_job *job, llm_str doc, struct oai_failure *f, llm_fault *fault) {
    if (llm_json_type(doc) == '[') {
        doc = oai_at(doc, 0);
    }
    llm_str e = oai_get(doc, "error");
    if (llm_json_type(e) == '[') {
        e = oai_at(e, 0);
    } else if (llm_json_type(e) != '{' && !oai_has_text(e)) {
        e = oai_get(doc, "errors");
        e = llm_json_type(e) == '[' ? oai_at(e, 0) : doc;
    }
    const llm_str no = {NULL, 0};
    const llm_str code = first_word(oai_get(e, "code"), oai_get(doc, "code"), no);
    const llm_str type = first_word(oai_get(e, "type"), oai_get(doc, "error_type"), oai_get(e, "status"));
    const llm_str top_type = oai_is(oai_get(doc, "type"), "error") ? no : oai_get(doc, "type");
    f->body = doc;
    f->code = keep_word(job, code, OAI_TEXT_CODE);
    f->type = keep_word(job, type.ptr != NULL ? type : top_type, OAI_TEXT_DATA);
    f->message = oai_keep(job, find_message(doc, e), OAI_TEXT_NAME);
    f->number = find_number(e);
    f->number = f->number != 0 ? f->number : find_number(doc);
    // A gateway puts the text of the server behind it here.
    f->inner_message = oai_plain(oai_get(oai_get(e, "metadata"), "raw"));
    if (f->inner_message.ptr == NULL) {
        f->inner_message = oai_get(oai_get(e, "metadata"), "raw");
    }
    llm_str id = oai_get(doc, "request_id");
    id = oai_has_text(id) ? id : oai_get(e, "request_id");
    id = oai_has_text(id) ? id : oai_get(oai_get(doc, "x_groq"), "id");
    if (oai_has_text(id)) {
        fault->request_id = oai_keep(job, id, OAI_TEXT_ID);
    }
    fault->param = find_param(job, doc, e);
    if (fault->retry_after_ms == 0) {
        fault->retry_after_ms = oai_retry_after(e, f->message);
    }
}

void oai_fault_read(llm_job *job, llm_str body, llm_fault *fault) {
    struct oai_failure f = {.status = fault->http_status != 0 ? fault->http_status : 200};
    const bool is_json = llm_json_check(body, DEPTH_MAX, NULL) != 0;
    if (is_json) {
        read_json(job, llm_json_value(body), &f, fault);
    } else {
        f.message = keep_text(job, body);
    }
    oai_classify(job, &f, fault);
    if (f.message.len > 0) {
        fault->message = f.message;
    }
    const llm_str word = f.code.ptr != NULL ? f.code : f.type;
    if (word.ptr != NULL) {
        fault->provider_code = word;
    }
    if (fault->http_status == 0 && f.number != 0) {
        fault->http_status = (uint32_t)f.number;
    }
    if (fault->code == LLM_E_QUOTA && fault->retry == LLM_RETRY_DEFAULT) {
        fault->retry = LLM_RETRY_NEVER;
    }
}

llm_status oai_fault_in_answer(llm_job *job, llm_str body, const llm_out *out) {
    llm_fault fault = {.size = sizeof(fault), .code = LLM_E_SERVER};
    oai_fault_read(job, body, &fault);
    const llm_status status = out->fault(out->ctx, &fault);
    return status < 0 ? status : fault.code;
}

llm_status oai_fault(const llm_out *out, llm_status code, const char *message, const char *param) {
    const llm_fault fault = {.size = sizeof(fault),
                             .code = code,
                             .message = {message, strlen(message)},
                             .param = {param, param != NULL ? strlen(param) : 0}};
    const llm_status status = out->fault(out->ctx, &fault);
    return status < 0 ? status : code;
}
