/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a probe's answer to evidence. Whatever was not seen in this answer is not held any longer: evidence must hold in
 * an unbroken row.
 */
#ifndef REAPERD_ENGINE_PROBE_RESULT_H
#define REAPERD_ENGINE_PROBE_RESULT_H

#include "engine/state.h"

/* What a probe's answer means for the action: evidence, identity, generation. `sent` is when the question was asked. */
void probe_result_take(struct engine *engine, struct action *action, const struct probe_result *result,
		       struct mount *const *mounts, size_t mount_count, struct now sent);

/*
 * A mount was attached below the action's path, so a directory stands there: what a probe had said of its absence does
 * not hold in an unbroken row any longer. Which directory, the next probe tells.
 */
void probe_result_deny_absence(struct engine *engine, struct action *action);

#endif
