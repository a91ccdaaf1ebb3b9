// SPDX-License-Identifier: MIT
#define DEFECT_LEAKS
#include "nasty.h"
