/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose turn it is in an action's directory: one run makes its place there when the one before has taken its own back. */
#ifndef REAPERD_CLI_PLACE_CLAIM_H
#define REAPERD_CLI_PLACE_CLAIM_H

#include "kernel/at.h"

/* An fd that holds the claim while it is open, also in who inherits it. -EADDRINUSE: another has it; or -errno. */
int place_claim(const struct place_status *directory);

/* To the user: who has it, as far as that can be known, and what to ask. */
void place_claim_say(const char *path, const struct place_status *directory);

#endif
