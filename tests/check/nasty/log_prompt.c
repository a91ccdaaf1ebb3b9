// SPDX-License-Identifier: MIT
#define DEFECT_LOG_PROMPT
#include "nasty.h"
