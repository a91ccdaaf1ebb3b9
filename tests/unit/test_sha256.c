// SPDX-License-Identifier: MIT
// The examples of FIPS 180-4 and of NIST's validation suite, both forms, in pieces of every size.
#include "base/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_main.h"

static const struct {
    const char *text;
    size_t times;
    const char *digest;
} known[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"\xd3", 1, "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"},
    {"\x11\xaf", 1, "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrs"
     "t"
     "nopqrstu",
     1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void hex_of(struct llm_sha256 *sha, char hex[65]) {
    uint8_t digest[LLM_SHA256_BYTES];
    llm_sha256_end(sha, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

static llm_sha256_fn form(int n) {
    return n == 0 ? llm_sha256_portable : llm_sha256_pick();
}

START_TEST(known_answers) {
    for (int n = 0; n < 2; n++) {
        struct llm_sha256 sha;
        char hex[65];
        llm_sha256_init(&sha, form(n));
        for (size_t i = 0; i < known[_i].times; i++) {
            llm_sha256_put(&sha, known[_i].text, strlen(known[_i].text));
        }
        hex_of(&sha, hex);
        ck_assert_str_eq(hex, known[_i].digest);
    }
}
END_TEST

START_TEST(pieces_and_forms_agree) {
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + 3);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        char want[65];
        struct llm_sha256 sha;
        llm_sha256_init(&sha, llm_sha256_portable);
        llm_sha256_put(&sha, bytes, len);
        hex_of(&sha, want);
        for (size_t step = 1; step <= 130; step += 3) {
            char got[65];
            llm_sha256_init(&sha, form((int)(step & 1)));
            for (size_t at = 0; at < len; at += step) {
                llm_sha256_put(&sha, bytes + at, len - at < step ? len - at : step);
            }
            hex_of(&sha, got);
            ck_assert_str_eq(got, want);
        }
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sha256");
    TCase *tcase = tcase_create("sha256");
    tcase_add_loop_test(tcase, known_answers, 0, CHECK_ROWS(known));
    tcase_add_test(tcase, pieces_and_forms_agree);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
