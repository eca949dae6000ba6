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
	brake->per_minute = per_minute;
	if (per_minute == 0)
		return 0;
	refill(brake, mono);
	return brake->tokens >= 1 ? 0 : brake_when(brake, 1);
}

size_t brake_allowance(const struct brake *brake)
{
	if (brake->per_minute == 0)
		return SIZE_MAX;
	return brake->tokens > 0 ? (size_t)brake->tokens : 0;
}

size_t brake_need(const struct brake *brake, size_t mounts)
{
	return brake->per_minute && mounts > brake->per_minute ? brake->per_minute : mounts;
}

int64_t brake_when(const struct brake *brake, size_t mounts)
{
	double wait = ((double)mounts - brake->tokens) * 60 / brake->per_minute;

	return brake->counted + (int64_t)(wait * (double)NSEC_PER_SEC) + 1;
}

void brake_spend(struct brake *brake, size_t mounts)
{
	if (brake->per_minute)
		brake->tokens -= (double)mounts;
}
