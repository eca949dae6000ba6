/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of those who follow the journal; writing to it is engine_journal(). */
#ifndef REAPERD_ENGINE_JOURNAL_H
#define REAPERD_ENGINE_JOURNAL_H

struct engine_follower;

struct journal {
	struct engine_follower *followers;
};

#endif
