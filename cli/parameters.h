/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parameters of a call: parameters[key] is set unless the value is NULL, in the form in which the daemon reads it.
 */
#ifndef REAPERD_CLI_PARAMETERS_H
#define REAPERD_CLI_PARAMETERS_H

#include "cli.h"

void parameter_text(json_t *parameters, const char *key, const char *text);
void parameter_bytes(json_t *parameters, const char *key, const char *bytes);
void parameter_time(json_t *parameters, const char *key, int64_t real_ns); /* 0: not set */

#endif
