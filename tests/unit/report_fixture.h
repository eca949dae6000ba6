/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The time in which the tests of what users read as JSON play. */
#ifndef TESTS_UNIT_REPORT_FIXTURE_H
#define TESTS_UNIT_REPORT_FIXTURE_H

#include "base/clock.h"

#define START INT64_C(1795000000123000000) /* 2026-11-18T11:06:40.123Z */

static inline struct now at(int64_t seconds)
{
	return (struct now){ .mono = (1000 + seconds) * NSEC_PER_SEC, .real = START + seconds * NSEC_PER_SEC };
}

#endif
