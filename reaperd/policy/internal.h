/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the policy share. */
#ifndef REAPERD_POLICY_INTERNAL_H
#define REAPERD_POLICY_INTERNAL_H

#include "policy/policy.h"

/* What one piece of evidence amounts to by now. */
struct decision policy_weigh(const struct root_rules *rules, enum evidence evidence, const struct evidence_state *state,
			     bool without_grace, struct now now);

/* What holds up all of a root. */
enum hold policy_hold_of_root(const struct root *root, const struct policy_facts *facts, struct now now);

/* What holds up a mount that the REAP decision is about, and by which evidence it goes. */
enum hold policy_hold_of_mount(const struct mount *mount, const struct decision *decision, struct now now,
			       enum evidence *ret_evidence);

/* The decision that takes the mount away: its action's, else its own; of verdict REAP, or not. */
struct decision policy_decide_what_goes(const struct mount *mount, const struct policy_facts *facts, struct now now);

#endif
