/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What came, went or moved in the mount table: into the ledger and the journal, and to those whom it concerns. A mount
 * that comes to an action may begin its next generation. Of what flashed by there is the journal alone.
 */
#ifndef REAPERD_ENGINE_MOUNT_CHANGES_H
#define REAPERD_ENGINE_MOUNT_CHANGES_H

#include "engine/state.h"

void mount_changes_take(struct engine *engine, const struct changes *changes, const struct scan *scan);

#endif
