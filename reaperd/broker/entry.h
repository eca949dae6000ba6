/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Getting at the mount namespace that a request names. Here is what holds whatever the engine asks for: it is exactly
 * that one, and it is our own, which is always served, or the configuration selects it. For children with a deadline
 * alone.
 */
#ifndef REAPERD_BROKER_ENTRY_H
#define REAPERD_BROKER_ENTRY_H

#include "broker/selection.h"
#include "config/config.h"
#include "wire/messages.h"

/*
 * An fd of it, also of our own: -ESRCH (there is none such any more), -EPERM (it is not selected). A namespace lives as
 * long as one is open.
 */
int asroot_open_namespace(const struct config *config, struct selection *selection,
			  const struct namespace_reference *reference);

/* This process goes there, see kernel_namespace_enter(): 0, -EACCES (the kernel does not let us in) or -errno. */
int asroot_enter_namespace(int ns);

#endif
