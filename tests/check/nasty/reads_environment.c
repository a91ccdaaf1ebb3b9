// SPDX-License-Identifier: MIT
#define DEFECT_READS_ENVIRONMENT
#include "nasty.h"
