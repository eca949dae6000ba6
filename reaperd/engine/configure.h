/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the broker hands over, at the start and after a reload; the function itself is declared in engine/broker_client.h, which calls it. */
#ifndef REAPERD_ENGINE_CONFIGURE_H
#define REAPERD_ENGINE_CONFIGURE_H

#include "engine/engine.h"

/* The configuration's canonical text. Caller frees; NULL when out of memory. */
char *engine_configuration_text(const struct engine *engine);

#endif
