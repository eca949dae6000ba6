/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration in force, from the broker: the first one sets up the engine's parts, in the order of who needs
 * whom.
 */
#ifndef REAPERD_ENGINE_CONFIGURE_H
#define REAPERD_ENGINE_CONFIGURE_H

#include "engine/broker_client.h"

broker_configuration_function configure_take;

#endif
