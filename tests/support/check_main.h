// SPDX-License-Identifier: MIT
// main() of a test program that uses Check: TAP on standard output, one line a test.
#ifndef LLM_TEST_CHECK_MAIN_H
#define LLM_TEST_CHECK_MAIN_H

#include <check.h>

// Rows of a table, for tcase_add_loop_test(tcase, test, 0, CHECK_ROWS(table)).
#define CHECK_ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static inline int check_main(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
