/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/brake.h"

#include "base/clock.h"

void brake_init(struct brake *brake, uint32_t per_minute, int64_t mono)
{
	*brake = (struct brake){ .per_minute = per_minute, .tokens = per_minute, .counted = mono };
}

static void refill(struct brake *brake, int64_t mono)
{
	double seconds = (double)(mono - brake->counted) / (double)NSEC_PER_SEC;

	brake->tokens += seconds * brake->per_minute / 60;
	if (brake->tokens > brake->per_minute)
		brake->tokens = brake->per_minute;
	brake->counted = mono;
}

int64_t brake_turn(struct brake *brake, uint32_t per_minute, int64_t mono)
{
	double wait;

	brake->per_minute = per_minute;
	if (per_minute == 0)
		return 0;
	refill(brake, mono);
	if (brake->tokens >= 1)
		return 0;
	wait = (1 - brake->tokens) * 60 / per_minute;
	return mono + (int64_t)(wait * (double)NSEC_PER_SEC) + 1;
}

size_t brake_allowance(const struct brake *brake)
{
	return brake->per_minute ? (size_t)brake->tokens : SIZE_MAX;
}

void brake_spend(struct brake *brake, size_t mounts)
{
	if (brake->per_minute)
		brake->tokens -= (double)mounts;
}
