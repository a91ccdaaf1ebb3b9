// SPDX-License-Identifier: MIT
#define DEFECT_OPENS_FILE
#include "nasty.h"
