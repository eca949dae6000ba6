/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is meant by the names of `register`: users by name or number, groups with an @ before. Names are looked up once
 * for each configuration, for a look-up may ask a network.
 */
#ifndef REAPERD_ENGINE_ACCESS_H
#define REAPERD_ENGINE_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rules.h"
#include "engine/control.h"

/* True where the caller is one of them. A name that does not exist lets nobody in. `serial`: of the configuration. */
bool access_allows(const struct string_list *names, const struct control_call *call, uint32_t serial);

#endif
