/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.varlink.service, which every varlink service offers: who it is, and the text of its interfaces. Stateless.
 */
#ifndef REAPERD_ENGINE_VARLINK_SERVICE_H
#define REAPERD_ENGINE_VARLINK_SERVICE_H

#include "engine/control.h"

extern const struct control_interface varlink_service_interface;

#endif
