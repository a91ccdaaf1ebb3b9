// SPDX-License-Identifier: MIT
#define DEFECT_LOCALE_NUMBERS
#include "nasty.h"
