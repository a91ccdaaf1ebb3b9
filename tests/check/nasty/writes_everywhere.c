// SPDX-License-Identifier: MIT
#define DEFECT_WRITES_EVERYWHERE
#include "nasty.h"
