/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/claim.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/text.h"

static bool is_said(const struct action *action, enum evidence word)
{
	return action->evidence & EVIDENCE_BIT(word);
}

/* By the same user, who names a new owner. */
static bool is_held_against(const struct action *action, const struct claim *claim)
{
	const struct owner *owner = &action->owner;

	if (owner->lease) /* its runner may have connected anew before the end of its old connection is seen */
		return !claim->lease || claim->generation != action->generation;
	if (owner->pid)
		return claim->pid != owner->pid;
	if (!is_said(action, EVIDENCE_OWNER_EXITED))
		return owner->max_age != 0;
	/* All leases were lost by a new start of ours: whoever says that it has held none is not who comes back. */
	return owner->restored && (!claim->lease || claim->generation == 0);
}

bool claim_is_anothers(const struct action *action, const struct claim *claim, bool process_lives)
{
	const struct owner *owner = &action->owner;

	if (!action->registered || action->state == ACTION_CLEARED || is_said(action, EVIDENCE_ENDED))
		return false;
	if (owner->pid ? !process_lives || is_said(action, EVIDENCE_OWNER_EXITED) :
			 !owner->lease && is_said(action, EVIDENCE_EXPIRED))
		return false;
	if (owner->uid >= 0 && owner->uid != claim->uid)
		return true;
	/* Who names nobody leaves it whose it is. */
	return (claim->pid || claim->lease) && is_held_against(action, claim);
}

char *claim_holder_text(const struct action *action)
{
	const struct owner *owner = &action->owner;
	CLEANUP_FREE char *comm = text_escape(owner->comm ? owner->comm : "?");
	char *text = NULL;
	int r;

	if (!comm)
		return NULL;
	if (owner->lease)
		r = asprintf(&text, "by a lease of uid %" PRId64 ", which is open", owner->uid);
	else if (owner->pid)
		r = asprintf(&text, "by process %" PRId32 " (%s) of uid %" PRId64 ", which lives", owner->pid, comm,
			     owner->uid);
	else if (is_said(action, EVIDENCE_OWNER_EXITED))
		r = asprintf(&text, "for uid %" PRId64 ", whose lease was lost and may come back within the grace",
			     owner->uid);
	else
		r = asprintf(&text, "by uid %" PRId64 " until it is ended%s", owner->uid,
			     owner->max_age ? " or its age is over" : "");
	return r < 0 ? NULL : text;
}
