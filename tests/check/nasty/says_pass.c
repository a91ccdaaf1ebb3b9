// SPDX-License-Identifier: MIT
#define DEFECT_SAYS_PASS
#include "nasty.h"
