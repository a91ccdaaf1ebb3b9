// SPDX-License-Identifier: MIT
#define DEFECT_THREAD_LOCAL
#include "nasty.h"
