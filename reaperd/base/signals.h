/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a child begins with. */
#ifndef REAPERD_BASE_SIGNALS_H
#define REAPERD_BASE_SIGNALS_H

/*
 * Every signal does what it does by default, and none is blocked. What is ignored or blocked outlives even execve(2).
 */
void signals_set_default(void);

#endif
