/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a runner says when it registers an action, and whether the name is another's by then. Two that hold one name
 * would share its mounts, and the end of either takes them away from both: so while an owner lives, nobody else has it,
 * root included. Pure: what the kernel knows of a process is handed in.
 */
#ifndef REAPERD_ENGINE_CLAIM_H
#define REAPERD_ENGINE_CLAIM_H

#include "model/model.h"

#define CLAIM_GENERATION_UNSAID -1

struct claim {
	int32_t pid;	    /* 0: none */
	int64_t max_age;    /* 0: none */
	bool lease;	    /* the caller says registry_lease_ended() later */
	int64_t uid;	    /* whose word it is */
	int64_t generation; /* of a lease: that it has held before; 0: none yet; or CLAIM_GENERATION_UNSAID */
};

/*
 * Whether what stands registered is held by somebody else than who makes the claim. process_lives: of the process
 * that owns the action, where one does.
 */
bool claim_is_anothers(const struct action *action, const struct claim *claim, bool process_lives);

/* Who holds it, as a sentence for whom was refused; allocated, NULL when out of memory. */
char *claim_holder_text(const struct action *action);

#endif
