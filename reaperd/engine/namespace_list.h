/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which mount namespaces there are: asked again and again, for no event tells of a birth. */
#ifndef REAPERD_ENGINE_NAMESPACE_LIST_H
#define REAPERD_ENGINE_NAMESPACE_LIST_H

#include "engine/namespaces.h"

/* Sets when to ask again, too. What is listed no more is `gone`. */
void namespace_list_ask(struct namespaces *namespaces);

#endif
