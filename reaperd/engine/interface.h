/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The description of the varlink interface io.reaperd, embedded when this was built (schema/embed.sh makes the
 * definition).
 */
#ifndef REAPERD_ENGINE_INTERFACE_H
#define REAPERD_ENGINE_INTERFACE_H

extern const char varlink_interface_text[];

#endif
