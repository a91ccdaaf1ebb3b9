#!/bin/sh
# SPDX-License-Identifier: MIT
# plugin.json as a C string, so that id, version and the rest stand in one place.
printf '#define PLUGIN_JSON \\\n'
printf '%s\n' "$(cat "$1")" | # one line end behind the last line, whether the file has it or not
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n" \\/'
printf '    ""\n'
