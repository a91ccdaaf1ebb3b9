# SPDX-License-Identifier: MIT
"""TAP for test programs in Python: results one line each, the plan last."""
import sys


class Tap:
    def __init__(self):
        self.run = self.failed = 0

    def result(self, good, name, why=""):
        self.run += 1
        print(f"{'ok' if good else 'not ok'} {self.run} - {name}", flush=True)
        if not good:
            self.failed += 1
            for line in str(why).splitlines()[-20:]:
                print("# " + line)

    def skip(self, name, reason):
        self.run += 1
        print(f"ok {self.run} - {name} # SKIP {reason}", flush=True)

    def done(self):
        print(f"1..{self.run}")
        sys.exit(1 if self.failed else 0)
