#!/bin/sh
# SPDX-License-Identifier: MIT
# plugin.json as a C string, so that id, version and the rest stand in one place.
printf '#define PLUGIN_JSON \\\n'
sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n" \\/' "$1"
printf '    ""\n'
