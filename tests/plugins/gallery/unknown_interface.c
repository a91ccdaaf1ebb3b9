// SPDX-License-Identifier: MIT
#define GALLERY_MORE "\"abi\": {\"major\": 1}, \"needs\": {\"host_interfaces\": [\"llm.host.kv/1\"]}"
#include "gallery.h"
